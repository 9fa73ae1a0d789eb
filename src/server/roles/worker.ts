import { readArchiveSettings } from '../../archive/index.ts'
import { createPerformRunner, readBulkImportSettings } from '../../bulk-import/index.ts'
import { announceFor } from '../../catalog/index.ts'
import { openDatabase } from '../../database/index.ts'
import { followDisk } from '../../disk/index.ts'
import { createExportRunner, readExportSettings } from '../../export/index.ts'
import { createEndsReader, createWorker, jobSettings, openEndsJournal } from '../../jobs/index.ts'
import { ownDirectory, randomIds } from '../../kernel/index.ts'
import {
  catalogFor,
  createEnginePool,
  createQueryRunner,
  engineParts,
  limitsOf,
  readEngineSettings,
  readQuerySettings,
} from '../../query/index.ts'
import { attachSnapshotToChannel, openSnapshot } from '../../snapshot/index.ts'
import { createLocalStore } from '../../storage/index.ts'
import { createScriptChanges } from '../../writes/index.ts'
import { runInBackground } from './background.ts'
import { draftsIn } from './paths.ts'
import { systemSourcesOf } from './system-tables.ts'
import type { RoleContext, RunningRole } from './types.ts'

/** Runs jobs: each in an engine process of its own, so that a kill is a kill and a memory cap is a cap. */
export async function start(context: RoleContext): Promise<RunningRole> {
  const { env, dataDir, clock, log, channel, registry, gate, name } = context
  const settings = jobSettings(env)
  const disk = followDisk(channel)
  const querySettings = readQuerySettings(env)
  const database = openDatabase({ gate, clock, log, ids: randomIds, maxConnections: 6, metrics: registry })
  const snapshot = await openSnapshot({ dataDir, clock, log, withManifests: true })
  attachSnapshotToChannel(snapshot, channel)
  const engines = await createEnginePool({
    clock,
    log,
    settings: readEngineSettings(env),
    dataDir,
    ...engineParts(),
    env,
  })
  const objects = await createLocalStore(dataDir)
  const drafts = await ownDirectory(draftsIn(dataDir))
  const queries = createQueryRunner({
    engines,
    objects,
    drafts,
    changes: createScriptChanges({
      database,
      objects,
      announcements: announceFor(channel),
      drafts,
      layout: readArchiveSettings(env),
      hasRoom: () => !disk.sheds('results'),
      clock,
      faultPoint: () => undefined,
    }),
    catalogFor: (user) => catalogFor({ database, gate, snapshot }, user),
    systemSources: systemSourcesOf(database),
    settings: {
      ...querySettings,
      // Read as each query begins.
      get tempMegabytes() {
        return disk.sheds('engine-temp') ? 0 : querySettings.tempMegabytes
      },
    },
    clock,
    log,
  })
  const bulkImports = createPerformRunner({ database, objects, settings: readBulkImportSettings(env), log })
  const exportSettings = readExportSettings(env)
  const exports = createExportRunner({
    directory: exportSettings.directory,
    engines,
    objects,
    drafts,
    catalogFor: (user) => catalogFor({ database, gate, snapshot }, user),
    limits: () => ({
      ...limitsOf(querySettings),
      resultBytes: exportSettings.mostMegabytes * 1024 * 1024,
      ...(disk.sheds('engine-temp') && { tempBytes: 0 }),
    }),
    clock,
  })
  const journal = await openEndsJournal({ dataDir, worker: name, clock, log })
  const worker = createWorker({
    database,
    gate,
    channel,
    clock,
    log,
    runners: [queries, bulkImports, exports],
    journal,
    ends: createEndsReader(dataDir),
    worker: `${name}-${randomIds.hex128().slice(0, 8)}`,
    concurrency: settings.workerConcurrency,
    accountConcurrency: settings.accountConcurrency,
    takeoverSeconds: settings.takeoverSeconds,
    drainSeconds: settings.drainSeconds,
    mayBegin: () => !disk.sheds('results'),
  })
  const background = runInBackground([worker], { clock, log })
  return {
    readiness: () => ({ ready: true }),
    async drain() {
      await background.stop()
      await journal.close()
      await engines.close()
      await snapshot.close()
      await database.close()
    },
  }
}
