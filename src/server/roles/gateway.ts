import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Catalog } from '../../catalog/index.ts'
import {
  createGatewayApp,
  createQueries,
  keepOpenStatements,
  openSegmentStore,
  readGatewaySettings,
} from '../../gateway/index.ts'
import {
  isFinished,
  issueJob,
  type Job,
  type JobRoutesDeps,
  killJob,
  lookUpJob,
  lookUpJobs,
  openResult,
  visibleDatabases,
} from '../../jobs/index.ts'
import type { Principal } from '../../kernel/http/index.ts'
import { AppError, type Clock, type Service } from '../../kernel/index.ts'
import { jobIdOf, queryIdOf } from '../../query/index.ts'
import { version } from '../version.ts'
import { gatewaySocketPath } from './paths.ts'
import { secretIn } from './secrets.ts'
import type { RoleContext } from './types.ts'

const SWEEP_MS = 15_000

/** The query gateway of core: the protocol of Presto and Trino on a Unix socket, every statement a job. */
export async function openGateway(
  { env, dataDir, runDir, clock, log, channel, gate }: RoleContext,
  {
    catalog,
    jobs,
    trusts,
    isDiskShort,
  }: {
    catalog: Catalog
    jobs: JobRoutesDeps
    trusts(address: string): boolean
    isDiskShort(): boolean
  },
): Promise<{ app: FastifyInstance; service: Service; close(): Promise<void> }> {
  const settings = readGatewaySettings(env)
  const { pageBytes, segmentBytes, inlineBytes, userStatements } = settings
  const waiting = new Map<bigint, Set<() => void>>()
  channel.on('job-ended', (body) => {
    for (const tell of waiting.get(BigInt((body as { id: string }).id)) ?? []) tell()
  })
  const isAway = () => gate.current().mode === 'away' || gate.current().mode === 'held'
  const queries = createQueries({
    jobs: {
      async issue(principal, { type, database, query, priority }) {
        const id = await issueJob(jobs, {
          accountId: principal.accountId,
          userId: principal.userId,
          userName: principal.userName,
          type,
          database,
          databaseId: await databaseIdOf(jobs, principal, database),
          query,
          priority,
          retryLimit: 0,
          poolName: null,
          engineVersion: null,
          domainKey: null,
          scheduleId: null,
          scheduledAt: null,
          dueAt: null,
        })
        return { id, createdAt: await createdAtOf(jobs, principal, id, clock) }
      },
      look: (accountId, id) => lookUpJob(jobs, accountId, id),
      kill: async (accountId, id) => !isFinished(await killJob(jobs, accountId, id)),
      async ended(id, withinMs) {
        const told = new AbortController()
        const tell = () => told.abort()
        const tells = waiting.get(id) ?? new Set()
        waiting.set(id, tells.add(tell))
        await clock.sleep(withinMs, told.signal)
        tells.delete(tell)
        if (tells.size === 0) waiting.delete(id)
      },
      async rows(job) {
        const format = { format: 'json', header: false, nullifySpecial: false, acceptsGzip: false } as const
        return (await openResult(jobs, job, format)).body
      },
    },
    absence: {
      isAway,
      isPlanned: () => gate.current().planned,
      expectedBack: () => new Date(clock.now().getTime() + gate.current().retryAfterSeconds * 1000),
    },
    segments: await openSegmentStore({
      directory: join(dataDir, 'gateway', 'segments'),
      keepMs: settings.segmentMinutes * 60_000,
      mostBytes: settings.segmentMegabytes * 1024 * 1024,
      isDiskShort,
      clock,
      log,
    }),
    open: await keepOpenStatements(join(dataDir, 'gateway', 'open.jsonl'), { log }),
    clock,
    log,
    secret: await secretIn(dataDir, 'gateway.key'),
    pageBytes,
    segmentBytes,
    inlineBytes,
    abandonedMs: settings.abandonedSeconds * 1000,
    holdMs: settings.holdSeconds * 1000,
    mostOpen: userStatements,
  })
  const app = createGatewayApp({
    queries,
    identify: catalog.identifyKey,
    list: async (principal) => {
      const { value } = await lookUpJobs(jobs, {
        accountId: principal.accountId,
        userId: principal.userId,
        databases: await visibleDatabases(jobs.access, principal),
        statuses: null,
        slowerThanSeconds: null,
        offset: 0,
        limit: 100,
      })
      return value.map(queryInfo)
    },
    show: async (principal, queryId) => {
      const id = jobIdOf(queryId)
      if (id === undefined) return undefined
      try {
        const { value } = await lookUpJob(jobs, principal.accountId, id)
        return value.userId === principal.userId || principal.role !== 'member' ? queryInfo(value) : undefined
      } catch (error) {
        if (error instanceof AppError && error.status === 404) return undefined
        throw error
      }
    },
    trustsProxy: trusts,
    isMaintained: () => isAway() && gate.current().planned,
    version: version(),
    startedAtMs: clock.now().getTime(),
    nowMs: () => clock.now().getTime(),
    log,
  })
  const socketPath = gatewaySocketPath(runDir)
  rmSync(socketPath, { force: true })
  await app.listen({ path: socketPath })
  const service: Service = {
    name: 'abandoned statements',
    async run(signal) {
      while (!signal.aborted) {
        await clock.sleep(SWEEP_MS, signal)
        await queries.sweep()
      }
    },
  }
  return { app, service, close: () => queries.close() }
}

/**
 * A query's id begins with when its job was issued, by the clock that says so everywhere else. While nobody can say, this machine's clock
 * does: the job is found by its number all the same.
 */
async function createdAtOf(
  jobs: JobRoutesDeps,
  { accountId }: Principal,
  id: bigint,
  clock: Clock,
): Promise<Date> {
  try {
    return (await lookUpJob(jobs, accountId, id)).value.createdAt
  } catch (error) {
    // The job was taken: whatever cannot be read of it, its client has to be told so.
    if (error instanceof AppError) return clock.now()
    throw error
  }
}

/** A session may name a schema that does not exist, or that its user may not see: that matters to the tables it reads, which are checked. */
async function databaseIdOf(
  { access }: JobRoutesDeps,
  principal: Principal,
  database: string,
): Promise<bigint | null> {
  try {
    return await access.requireQuery(principal, database)
  } catch (error) {
    if (error instanceof AppError && error.advice === 'final') return null
    throw error
  }
}

const STATES: Record<Job['status'], string> = {
  queued: 'QUEUED',
  booting: 'STARTING',
  running: 'RUNNING',
  success: 'FINISHED',
  error: 'FAILED',
  killed: 'FAILED',
}

/** What `queryInfo` of clients reads. The user is a name: never the key it came with. */
function queryInfo(job: Job): object {
  const { createdAt, endAt, startAt } = job
  return {
    queryId: queryIdOf(job.id, createdAt),
    session: { user: job.userName, catalog: 'td-presto', schema: job.database },
    state: STATES[job.status],
    query: job.query,
    queryStats: {
      createTime: createdAt.toISOString(),
      executionStartTime: startAt?.toISOString(),
      endTime: endAt?.toISOString(),
    },
    errorCode: job.errorName === null ? undefined : { name: job.errorName },
  }
}
