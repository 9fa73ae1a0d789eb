import { rmSync } from 'node:fs'
import {
  type Catalog,
  catalogRoutes,
  ensureFirstAccount,
  openCatalog,
  readCatalogSettings,
} from '../../catalog/index.ts'
import { consoleRoutes, withConsoleSessions } from '../../console/index.ts'
import { openDatabase } from '../../database/index.ts'
import {
  addJobRoutes,
  addLocalClaims,
  createEndsReader,
  createQueueService,
  jobSettings,
  openLocalQueue,
} from '../../jobs/index.ts'
import { createApp } from '../../kernel/http/index.ts'
import { isRetryable, randomIds, type Service } from '../../kernel/index.ts'
import {
  createEnginePool,
  createTail,
  engineParts,
  liveChunks,
  readEngineSettings,
  readsOnly,
} from '../../query/index.ts'
import { renderResult } from '../../query/results/index.ts'
import { addScheduleRoutes, createScheduler } from '../../schedules/index.ts'
import { openSnapshot } from '../../snapshot/index.ts'
import { createLocalStore } from '../../storage/index.ts'
import { runInBackground } from './background.ts'
import { createHousekeeping } from './housekeeping.ts'
import { createLocalKey } from './local-key.ts'
import { notOfferedRoutes } from './not-offered.ts'
import { coreSocketPath } from './paths.ts'
import { consoleDeps } from './sign-in.ts'
import type { RoleContext, RunningRole } from './types.ts'

/** Shorter than the time the supervisor gives this process: what comes after it shall be closed, not killed. */
const SERVICES_END_WITHIN_MS = 3_000

/** The REST API, the console, the schedules and the snapshot's one writer, behind the edge on a Unix socket. */
export async function start(context: RoleContext): Promise<RunningRole> {
  const { env, dataDir, runDir, clock, log, channel, registry, gate } = context
  const ids = randomIds
  const database = openDatabase({ gate, clock, log, ids, maxConnections: 16, metrics: registry })
  const objects = await createLocalStore(dataDir)
  const catalogSettings = readCatalogSettings(env)
  const { writeWaitSeconds } = catalogSettings
  const catalog = await openCatalog({ dataDir, database, gate, channel, clock, log, ids, writeWaitSeconds })
  channel.on('committed', () => catalog.exporter.poke())

  const settings = jobSettings(env)
  const queue = await openLocalQueue({ dataDir, clock, log })
  const ends = createEndsReader(dataDir)
  const queueService = createQueueService({
    database,
    gate,
    queue,
    ends,
    channel,
    clock,
    log,
    reservedIds: settings.reservedIds,
  })
  addLocalClaims({
    queue,
    ends,
    gate,
    channel,
    clock,
    log,
    readsOnly,
    accountConcurrency: settings.accountConcurrency,
    takeoverSeconds: settings.takeoverSeconds,
  })
  const publicUrl = env.MILLRACE_PUBLIC_URL ?? ''
  const jobDeps = {
    gate,
    database,
    queue,
    ends,
    heads: catalog.view,
    channel,
    log,
    clock,
    access: catalog.access,
    publicUrl,
    submitWaitMs: settings.submitWaitMs,
    readDeadlineMs: settings.readDeadlineMs,
    queueService,
    store: objects,
    render: renderResult,
  }
  const page = await consoleDeps({ catalog, dataDir, clock, gate })
  const app = createApp({ log, authenticate: withConsoleSessions(catalog.authenticate, page) })
  const snapshot = await openSnapshot({ dataDir, clock, log, withManifests: true })
  // None is kept warm here: a tail may wait for a process to start.
  const engines = await createEnginePool({
    size: 0,
    clock,
    log,
    settings: readEngineSettings(env),
    dataDir,
    ...engineParts(),
    env,
  })
  const chunksOf = (tables: Parameters<typeof liveChunks>[1]) =>
    liveChunks({ database, gate, snapshot }, tables)
  const tail = createTail({ engines, objects, dataDir, chunksOf, clock, ids })
  catalogRoutes(app, { ...catalog.routeDeps, tail })
  addJobRoutes(app, jobDeps)
  addScheduleRoutes(app, jobDeps)
  notOfferedRoutes(app)
  consoleRoutes(app, page)
  channel.on('create-key', (body) => createLocalKey(catalog, body as { kind: string; name: string }))

  const socketPath = coreSocketPath(runDir)
  rmSync(socketPath, { force: true })
  await app.listen({ path: socketPath })
  const { jobRetentionDays, resultRetentionDays } = settings
  const background = runInBackground(
    [
      catalog.exporter.service,
      firstAccountService(catalog, context, catalogSettings),
      queueService,
      createScheduler({ database, channel, clock, log, random: Math.random, catchUpSeconds: 300 }),
      createHousekeeping({ database, objects, queue, clock, log, jobRetentionDays, resultRetentionDays }),
    ],
    { clock, log },
  )
  return {
    readiness: () =>
      catalog.view.usable
        ? { ready: true }
        : { ready: false, reason: 'the snapshot has not been written yet' },
    async drain() {
      await app.close()
      await background.stop({ withinMs: SERVICES_END_WITHIN_MS })
      await engines.close()
      await snapshot.close()
      await queue.close()
      await catalog.close()
      await database.close()
    },
  }
}

/** On an empty database makes the first account and tells the supervisor, which prints it; then there is nothing left to do. */
function firstAccountService(
  catalog: Catalog,
  { channel, clock, log }: RoleContext,
  settings: ReturnType<typeof readCatalogSettings>,
): Service {
  return {
    name: 'first account',
    async run(signal) {
      for (let isDone = false; !isDone && !signal.aborted; ) {
        try {
          const created = await ensureFirstAccount({ write: catalog.write, ids: randomIds, log }, settings)
          if (created !== undefined) channel.notify('first-account', created)
          channel.notify('account-ready')
          isDone = true
        } catch (error) {
          if (!isRetryable(error)) throw error
          await clock.sleep(500, signal)
        }
      }
      await clock.sleep(2 ** 31 - 1, signal)
    },
  }
}
