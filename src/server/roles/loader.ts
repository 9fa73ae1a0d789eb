import { join } from 'node:path'
import { followMergeBacklog } from '../../archive/index.ts'
import { openDatabase } from '../../database/index.ts'
import { randomIds } from '../../kernel/index.ts'
import { createIdSweep, createLoader, readLoadSettings } from '../../load/index.ts'
import { openSpoolReader, readSpoolSettings, secondDirectoryOf, spoolMetrics } from '../../spool/index.ts'
import { createLocalStore } from '../../storage/index.ts'
import { runInBackground } from './background.ts'
import type { RoleContext, RunningRole } from './types.ts'

/** One spool's loader: alone with its payloads, so that a poisonous one can crash nothing else. */
export async function start(context: RoleContext): Promise<RunningRole> {
  const { env, dataDir, clock, log, channel, registry, gate, words } = context
  const [spoolName, catalogName] = words as [directory: string, name: string]
  const directory = join(dataDir, 'spool', spoolName)
  const database = openDatabase({ gate, clock, log, ids: randomIds, maxConnections: 4, metrics: registry })
  const metrics = spoolMetrics(registry)
  const settings = readLoadSettings(env)
  const mergeBacklog = followMergeBacklog(channel, clock)
  const loader = createLoader({
    spoolName: catalogName,
    spoolDirectory: directory,
    reader: openSpoolReader({
      directory,
      secondDirectory: secondDirectoryOf(readSpoolSettings(env), spoolName),
      clock,
      log,
      onDamage: metrics.onDamage,
    }),
    database,
    objects: await createLocalStore(dataDir),
    clock,
    log,
    metrics: registry,
    settings,
    onCommitted: (commit) => channel.notify('committed', commit, 'core'),
    stretch: () => mergeBacklog.stretch(),
  })
  channel.on('table-delays', (body) => loader.delays((body as { most: number }).most))
  const { eventIdHours } = settings
  const idSweep = createIdSweep({
    database,
    clock,
    log,
    metrics: registry,
    eventIdHours,
    noteIdle: loader.noteIdle,
  })
  const background = runInBackground([loader, idSweep], { clock, log })
  return {
    readiness: () => ({ ready: true }),
    async drain() {
      await background.stop()
      await database.close()
    },
  }
}
