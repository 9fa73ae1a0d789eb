import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Database } from '../database/index.ts'
import { createWorker, openEndsJournal, type WorkerOptions } from '../jobs/index.ts'
import { lonelyChannel, silentLog, systemClock } from '../kernel/index.ts'
import {
  catalogFor,
  createEnginePool,
  createQueryRunner,
  engineParts,
  readEngineSettings,
  readQuerySettings,
} from '../query/index.ts'
import type { ObjectStore } from '../storage/index.ts'
import { createScriptChanges, type WriteDeps } from './index.ts'

/** A worker that runs SQL of every kind in real engines, as the role of that name puts it together. */
export async function startSqlWorker({
  dataDir,
  name,
  database,
  gate,
  objects,
  concurrency,
  channel = lonelyChannel,
  ...writes
}: {
  dataDir: string
  name: string
  database: Database
  gate: WorkerOptions['gate']
  objects: ObjectStore
  concurrency: number
  channel?: WorkerOptions['channel']
} & Pick<WriteDeps, 'announcements' | 'layout' | 'hasRoom' | 'faultPoint'>) {
  const drafts = join(dataDir, `${name}-drafts`)
  await mkdir(drafts, { recursive: true })
  const common = { clock: systemClock, log: silentLog }
  const engines = await createEnginePool({
    size: Math.min(2, concurrency),
    settings: readEngineSettings({}),
    dataDir,
    ...engineParts(),
    ...common,
  })
  const queries = createQueryRunner({
    engines,
    objects,
    drafts,
    changes: createScriptChanges({ ...writes, database, objects, drafts, clock: systemClock }),
    catalogFor: (user) => catalogFor({ database, gate, snapshot: undefined as never }, user),
    systemSources: {} as never,
    settings: { ...readQuerySettings({}), memoryMegabytes: 1024 },
    ...common,
  })
  const journal = await openEndsJournal({ dataDir, worker: name, ...common })
  const worker = createWorker({
    database,
    gate,
    channel,
    runners: [queries],
    journal,
    worker: name,
    concurrency,
    accountConcurrency: 100,
    takeoverSeconds: 30,
    drainSeconds: 5,
    ...common,
  })
  const stopping = new AbortController()
  const running = worker.run(stopping.signal)
  return {
    async stop() {
      stopping.abort()
      await running
      await journal.close()
      await engines.close()
    },
  }
}
