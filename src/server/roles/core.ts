import { rmSync } from 'node:fs'
import { addAlertRoutes, createAlertService, readAlertSettings } from '../../alerts/index.ts'
import { answerPins, partialDeleteRoutes, readArchiveSettings } from '../../archive/index.ts'
import { createBackupService } from '../../backup/index.ts'
import { addBulkImportRoutes, readBulkImportSettings } from '../../bulk-import/index.ts'
import {
  type Catalog,
  catalogRoutes,
  ensureFirstAccount,
  openCatalog,
  readCatalogSettings,
} from '../../catalog/index.ts'
import { consoleRoutes, withConsoleSessions } from '../../console/index.ts'
import { openDatabase } from '../../database/index.ts'
import { diskErrors, followDisk } from '../../disk/index.ts'
import { exportRoutes, readExportSettings } from '../../export/index.ts'
import { type CheckOptions, createCheckService } from '../../fsck/index.ts'
import { trustedProxies } from '../../ingest/index.ts'
import {
  addJobRoutes,
  addLocalClaims,
  countQueued,
  createEndsReader,
  createQueueRoom,
  createQueueService,
  createShownEnds,
  jobMetrics,
  jobSettings,
  killJob,
  killJobsOf,
  openLocalQueue,
} from '../../jobs/index.ts'
import { createApp } from '../../kernel/http/index.ts'
import { isRetryable, ownDirectory, randomIds, type Service } from '../../kernel/index.ts'
import { addLoadRoutes } from '../../load/routes.ts'
import {
  createEnginePool,
  createTail,
  engineParts,
  liveChunks,
  readEngineSettings,
  readsOnly,
} from '../../query/index.ts'
import { renderResult } from '../../query/results/index.ts'
import { addScheduleRoutes, createScheduler, scheduleSettings } from '../../schedules/index.ts'
import { openSnapshot } from '../../snapshot/index.ts'
import { createLocalStore, type ObjectStore } from '../../storage/index.ts'
import { version } from '../version.ts'
import { admitUpTo } from './admit.ts'
import { runInBackground } from './background.ts'
import { openGateway } from './gateway.ts'
import { createHeadRoomWatch, headRoomMetrics } from './head-room.ts'
import { createHousekeeping } from './housekeeping.ts'
import { createLocalKey } from './local-key.ts'
import { notOfferedRoutes } from './not-offered.ts'
import { coreSocketPath, draftsIn, incomingPartsIn } from './paths.ts'
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
  const { writeWaitSeconds, undeleteHours } = catalogSettings
  const catalog = await openCatalog({
    dataDir,
    database,
    gate,
    channel,
    clock,
    log,
    ids,
    writeWaitSeconds,
    undeleteHours,
  })
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
    shown: createShownEnds(),
    room: createQueueRoom({
      most: settings.accountQueue,
      count: (accountId, most) =>
        database.read({ class: 'read', deadlineMs: settings.readDeadlineMs }, (sql) =>
          countQueued(sql, accountId, most),
        ),
      monotonicMs: clock.monotonicMs,
    }),
  }
  const page = await consoleDeps({ catalog, dataDir, clock, gate })
  const { trusts } = trustedProxies(context.settings.trustedProxies)
  const app = createApp({
    log,
    authenticate: withConsoleSessions(catalog.authenticate, page),
    trustsProxy: trusts,
    admit: admitUpTo(context.settings.requestsPerSecond, clock),
  })
  const disk = followDisk(channel)
  app.addHook('onRequest', async ({ routeOptions }) => {
    if (disk.sheds('imports') && routeOptions.url?.startsWith('/v3/bulk_import/upload_part/'))
      throw diskErrors.disk_short(`${disk.current().freeBytes} bytes are free`)
  })
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
  const drafts = await ownDirectory(draftsIn(dataDir))
  const tail = createTail({ engines, objects, drafts, chunksOf, clock, ids })
  const onUserRemoved = async (accountId: bigint, userId: bigint) =>
    void (await killJobsOf(jobDeps, accountId, userId))
  catalogRoutes(app, { ...catalog.routeDeps, tail, onUserRemoved })
  addJobRoutes(app, jobDeps)
  partialDeleteRoutes(app, { access: catalog.access, reader: catalog.reader, jobs: jobDeps })
  exportRoutes(app, {
    access: catalog.access,
    reader: catalog.reader,
    jobs: jobDeps,
    isOffered: readExportSettings(env).directory !== undefined,
  })
  addScheduleRoutes(app, jobDeps)
  const alertSettings = readAlertSettings(env)
  const { secrets } = catalog
  addAlertRoutes(app, { ...jobDeps, secrets, settings: alertSettings })
  addLoadRoutes(app, { ...catalog.routeDeps, readDeadlineMs: settings.readDeadlineMs })
  const bulkImportSettings = readBulkImportSettings(env)
  addBulkImportRoutes(app, {
    database,
    gate,
    access: catalog.access,
    objects,
    channel,
    log,
    ids,
    settings: bulkImportSettings,
    incoming: await ownDirectory(incomingPartsIn(dataDir)),
    killJob: (accountId, id) => killJob(jobDeps, accountId, id),
    onCommitted: () => catalog.exporter.poke(),
  })
  answerPins(channel, {
    pinnedChunks: (chunks) => catalog.exporter.pinnedChunks(chunks),
    jobsWaiting: () => queue.waitingJobs().length > 0,
  })
  notOfferedRoutes(app)
  consoleRoutes(app, page)
  const backups = createBackupService({ dataDir, database, objects, clock, log, version: version() })
  channel.on('start-backup', (body) => backups.start(body as { place: string; keep?: number }))
  channel.on('backup-state', () => backups.state())
  const checks = createCheckService({
    database,
    objects,
    clock,
    log,
    isWaiting: (job) => queue.waitingJob(job) !== undefined,
    orphanMinutes: readArchiveSettings(env).orphanMinutes,
  })
  channel.on('start-check', (body) => checks.start(body as CheckOptions))
  channel.on('check-state', () => checks.state())
  channel.on('routes', () => app.routeList)
  channel.on('create-key', (body) => createLocalKey(catalog, body as { kind: string; name: string }))

  const socketPath = coreSocketPath(runDir)
  rmSync(socketPath, { force: true })
  await app.listen({ path: socketPath })
  const gateway = await openGateway(context, {
    catalog,
    jobs: jobDeps,
    trusts,
    isDiskShort: () => disk.sheds('engine-temp'),
  })
  const { jobRetentionDays, resultRetentionDays } = settings
  const background = runInBackground(
    [
      catalog.exporter.service,
      firstAccountService(catalog, objects, context, catalogSettings),
      queueService,
      gateway.service,
      createScheduler({ database, channel, clock, log, random: Math.random, ...scheduleSettings(env) }),
      createHeadRoomWatch({
        database,
        metrics: headRoomMetrics(registry, () => Math.min(1, queue.reserved.left / settings.reservedIds)),
        jobs: jobMetrics(registry, queue),
        accountQueue: settings.accountQueue,
        clock,
        log,
      }),
      createAlertService({
        database,
        secrets,
        settings: alertSettings,
        publicUrl,
        version: version(),
        clock,
        log,
        metrics: registry,
        random: Math.random,
      }),
      createHousekeeping({
        database,
        objects,
        queue,
        clock,
        log,
        jobRetentionDays,
        resultRetentionDays,
        bulkImportDays: bulkImportSettings.retentionDays,
        auditDays: catalogSettings.auditDays,
      }),
    ],
    { clock, log },
  )
  return {
    readiness: () =>
      catalog.view.usable
        ? { ready: true }
        : { ready: false, reason: 'the snapshot has not been written yet' },
    async drain() {
      await Promise.all([app.close(), gateway.app.close()])
      await gateway.close()
      await backups.stop()
      await checks.stop()
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
  objects: ObjectStore,
  { channel, clock, log }: RoleContext,
  settings: ReturnType<typeof readCatalogSettings>,
): Service {
  return {
    name: 'first account',
    async run(signal) {
      for (let isDone = false; !isDone && !signal.aborted; ) {
        try {
          const hasChunks = await hasAny(objects.list('chunks/'))
          const deps = { write: catalog.write, ids: randomIds, log }
          const created = await ensureFirstAccount(deps, settings, { hasChunks })
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

async function hasAny(items: AsyncIterable<unknown>): Promise<boolean> {
  for await (const _ of items) return true
  return false
}
