import { rm } from 'node:fs/promises'
import os from 'node:os'
import { join } from 'node:path'
import {
  archiveMetrics,
  askPinsOf,
  createMerger,
  createPartialDeleteRunner,
  createUpkeep,
  openDuck,
  readArchiveSettings,
  tellMergeBacklog,
} from '../../archive/index.ts'
import { readCatalogSettings, retireDroppedTables } from '../../catalog/index.ts'
import { openDatabase } from '../../database/index.ts'
import { createUsageCount, diskUsageMetrics, followDisk } from '../../disk/index.ts'
import { createWorker, jobSettings, openEndsJournal } from '../../jobs/index.ts'
import { randomIds } from '../../kernel/index.ts'
import { createLocalStore } from '../../storage/index.ts'
import { runInBackground } from './background.ts'
import type { RoleContext, RunningRole } from './types.ts'

/** The life of stored data: merging, expiry, removal. At low priority: it must not delay who loads and who asks. */
export async function start(context: RoleContext): Promise<RunningRole> {
  const { env, dataDir, clock, log, channel, registry, gate, name } = context
  os.setPriority(process.pid, os.constants.priority.PRIORITY_BELOW_NORMAL)
  const settings = readArchiveSettings(env)
  const { undeleteHours } = readCatalogSettings(env)
  const disk = followDisk(channel)
  const database = openDatabase({ gate, clock, log, ids: randomIds, maxConnections: 4, metrics: registry })
  const directory = join(dataDir, 'archive')
  const draftDirectory = join(directory, 'drafts')
  // This process is the only one of this data directory: what lies there was left by one that was killed.
  await rm(draftDirectory, { recursive: true, force: true })
  const { memoryMegabytes, threads } = settings
  const duck = await openDuck({ memoryMegabytes, threads, directory: join(directory, 'spill') })
  const common = {
    database,
    objects: await createLocalStore(dataDir),
    duck,
    draftDirectory,
    settings,
    owner: `${name}-${randomIds.hex128().slice(0, 8)}`,
    gate,
    metrics: archiveMetrics(registry),
    clock,
    log,
    faultPoint: () => undefined,
  }
  const merger = createMerger({
    ...common,
    // A merge needs room before it gives any back; for want of it merging stands still as before a shut gate.
    gate: {
      current: () => (disk.sheds('compaction') ? { ...gate.current(), mode: 'held' } : gate.current()),
    },
    onBacklog: tellMergeBacklog(channel),
  })
  const upkeep = createUpkeep({
    ...common,
    askPins: askPinsOf(channel),
    retireDropped: () => retireDroppedTables(database, { undeleteHours }),
  })
  const jobs = jobSettings(env)
  const journal = await openEndsJournal({ dataDir, worker: name, clock, log })
  // With a memory of its own: a deletion and a merge go on side by side.
  const deleting = await openDuck({ memoryMegabytes, threads, directory: join(directory, 'spill-jobs') })
  const worker = createWorker({
    database,
    gate,
    channel,
    clock,
    log,
    runners: [createPartialDeleteRunner({ ...common, duck: deleting })],
    journal,
    worker: common.owner,
    concurrency: 1,
    accountConcurrency: jobs.accountConcurrency,
    takeoverSeconds: jobs.takeoverSeconds,
    drainSeconds: 5,
    mayBegin: () => !disk.sheds('results'),
  })
  const usage = createUsageCount({ dataDir, clock, log })
  diskUsageMetrics(registry, usage)
  const background = runInBackground([merger, upkeep, worker, usage], { clock, log })
  return {
    readiness: () => ({ ready: true }),
    async drain() {
      await background.stop()
      await journal.close()
      await deleting.close()
      await duck.close()
      await database.close()
    },
  }
}
