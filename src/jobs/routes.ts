import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import {
  booleanOf,
  httpErrors,
  integerOf,
  type Parameters,
  type Principal,
  textOf,
} from '../kernel/http/index.ts'
import { AppError } from '../kernel/index.ts'
import type { ObjectStore } from '../storage/index.ts'
import { requireKill, requireSight, visibleDatabases } from './access.ts'
import { type IssueDeps, issueJob } from './issue.ts'
import { type KillDeps, killJob } from './kill.ts'
import { JOB_STATUSES, type JobStatus } from './life.ts'
import { type JobSources, lookUpDomainKey, lookUpJob, lookUpJobs } from './lookup.ts'
import { issueParameters, jobIdOf } from './parameters.ts'
import { jobBody, jobShowBody, jobStatusBody } from './render.ts'
import { acceptsGzip, openResult } from './result.ts'
import { RESULT_FORMATS, type ResultFormat } from './result-formats.ts'
import type { JobAccess, RenderResult } from './types.ts'

export type JobRoutesDeps = IssueDeps &
  KillDeps &
  JobSources & {
    access: JobAccess
    store: ObjectStore
    render: RenderResult
    publicUrl: string
  }

const MOST_LISTED = 1000

/** `/v3/job/…` as td-client-ruby lib/td/client/api/job.rb, td-client-python tdclient/job_api.py and td-client-java call it. */
export function addJobRoutes(app: FastifyInstance, deps: JobRoutesDeps): void {
  const { access } = deps

  app.post('/v3/job/issue/:type/:db', (request) => issue(deps, request))
  // A query without a database: the clients then send a path that ends in a slash.
  app.post('/v3/job/issue/:type', (request) => issue(deps, request))

  const list = async ({ parameters, principal }: FastifyRequest, reply: FastifyReply) => {
    const from = integerOf(parameters, 'from', { least: 0 }) ?? 0
    const to = integerOf(parameters, 'to', { least: 0 }) ?? from + 19
    const { value: jobs, asOfMs } = await lookUpJobs(deps, {
      accountId: principal.accountId,
      userId: principal.userId,
      databases: await visibleDatabases(access, principal),
      statuses: statusesOf(parameters),
      slowerThanSeconds: integerOf(parameters, 'slower_than', { least: 0 }) ?? null,
      offset: from,
      limit: Math.max(0, Math.min(to - from + 1, MOST_LISTED)),
    })
    noteAge(reply, asOfMs)
    return { jobs: jobs.map((job) => jobBody(job, deps.publicUrl)), count: jobs.length, from, to }
  }
  // The vendor's paths accept an optional suffix.
  for (const path of ['/v3/job/list', '/v3/job/list.json']) app.get(path, list)

  const find = async (principal: Principal, parameters: Parameters, reply: FastifyReply) => {
    const { value: job, asOfMs } = await lookUpJob(deps, principal.accountId, jobIdOf(parameters))
    await requireSight(access, principal, job)
    noteAge(reply, asOfMs)
    return job
  }

  app.get('/v3/job/show/:id', async ({ principal, parameters }, reply) =>
    jobShowBody(await find(principal, parameters, reply), deps.publicUrl),
  )
  app.get('/v3/job/status/:id', async ({ principal, parameters }, reply) =>
    jobStatusBody(await find(principal, parameters, reply)),
  )
  app.get('/v3/job/status_by_domain_key/:key', async ({ principal, parameters }, reply) => {
    const { value: job, asOfMs } = await lookUpDomainKey(
      deps,
      principal.accountId,
      textOf(parameters, 'key') ?? '',
    )
    await requireSight(access, principal, job)
    noteAge(reply, asOfMs)
    return jobStatusBody(job)
  })

  app.post('/v3/job/kill/:id', async ({ principal, parameters }) => {
    const id = jobIdOf(parameters)
    const { value: job } = await lookUpJob(deps, principal.accountId, id)
    requireKill(principal, job)
    const former = await killJob(deps, principal.accountId, id)
    return { job_id: String(id), former_status: former }
  })

  app.get('/v3/job/result/:id', async (request, reply) => {
    const job = await find(request.principal, request.parameters, reply)
    // A refused range says how long the result is; the refusal itself does not know of headers.
    const noteLength = (error: unknown): never => {
      if (error instanceof AppError && error.status === 416)
        reply.header('content-range', `bytes */${job.resultBytes}`)
      throw error
    }
    const { status, headers, body } = await openResult(deps, job, {
      format: formatOf(request.parameters),
      header: booleanOf(request.parameters, 'header') ?? false,
      nullifySpecial: booleanOf(request.parameters, 'nullify_special') ?? false,
      acceptsGzip: acceptsGzip(request.headers['accept-encoding'] as string | undefined),
      range: request.headers.range,
      ifRange: request.headers['if-range'] as string | undefined,
    }).catch(noteLength)
    return reply.code(status).headers(headers).send(body)
  })
}

async function issue(deps: JobRoutesDeps, { principal, parameters }: FastifyRequest) {
  const asked = issueParameters(parameters)
  const databaseId = await deps.access.requireQuery(principal, asked.database)
  const id = await issueJob(deps, {
    ...asked,
    accountId: principal.accountId,
    userId: principal.userId,
    userName: principal.userName,
    databaseId,
    scheduleId: null,
    dueAt: null,
  })
  return { job: String(id), job_id: String(id), database: asked.database }
}

function statusesOf(parameters: Parameters): JobStatus[] | null {
  const text = textOf(parameters, 'status')
  if (text === undefined) return null
  const status = JOB_STATUSES.find((known) => known === text)
  if (status === undefined) throw httpErrors.bad_request(`there is no job status '${text}'`)
  return [status]
}

function formatOf(parameters: Parameters): ResultFormat {
  const text = textOf(parameters, 'format') ?? 'msgpack'
  const format = RESULT_FORMATS.find((known) => known === text)
  if (format === undefined) throw httpErrors.bad_request(`there is no result format '${text}'`)
  return format
}

/** Says that the answer is from the snapshot, and how old that is. */
export function noteAge(reply: FastifyReply, asOfMs: number | undefined): void {
  if (asOfMs === undefined || !Number.isFinite(asOfMs)) return
  reply.header('age', String(Math.floor(asOfMs / 1000)))
  reply.header('warning', '110 - "the main database is away, answered from the snapshot"')
}
