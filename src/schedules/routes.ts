import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Actor, actorOf, audit } from '../catalog/index.ts'
import { isUniqueViolation } from '../database/index.ts'
import {
  type IssueDeps,
  type JobAccess,
  type JobSources,
  jobBody,
  lookUpJobsOfSchedule,
  noteAge,
  patientUpTo,
} from '../jobs/index.ts'
import { integerOf, type Parameters, type Principal, textOf, timeI, timeT } from '../kernel/http/index.ts'
import type { Clock, Sql } from '../kernel/index.ts'
import { owedSlots, startOwed } from './edit.ts'
import { scheduleErrors } from './errors.ts'
import { lookUpSchedule, lookUpSchedules, type ScheduleSources } from './lookup.ts'
import { executingUser, firstSlot, scheduleText } from './parameters.ts'
import { requireChange, requireSight } from './permission.ts'
import { runQuery, runSchedule } from './run.ts'
import { holdUser, insertSchedule, lockSchedule, removeSchedule, updateSchedule } from './store.ts'
import type { Schedule, ScheduleHeads } from './types.ts'

export type ScheduleRoutesDeps = Omit<IssueDeps & JobSources & ScheduleSources, 'heads'> & {
  heads: IssueDeps['heads'] & JobSources['heads'] & ScheduleHeads
  access: JobAccess
  clock: Clock
  publicUrl: string
}

const WRITE_DEADLINE_MS = 10_000
const MOST_LISTED = 1000

/**
 * `/v3/schedule/…` as td-client-ruby lib/td/client/api/schedule.rb, td-client-python tdclient/schedule_api.py and
 * td-client-java call it. The path parameter is not called `name`: a parameter of that name in the body renames.
 */
export function addScheduleRoutes(app: FastifyInstance, deps: ScheduleRoutesDeps): void {
  for (const path of ['/v3/schedule/list', '/v3/schedule/list.json'])
    app.get(path, ({ principal }, reply) => list(deps, principal, reply))
  const changes = { create, update, delete: remove }
  for (const [verb, change] of Object.entries(changes))
    app.post(`/v3/schedule/${verb}/:schedule`, (request) =>
      change(deps, actorOf(request), request.parameters),
    )
  app.get('/v3/schedule/history/:schedule', (request, reply) => history(deps, request, reply))
  app.post('/v3/schedule/run/:schedule/:time', ({ principal, parameters }) =>
    runSchedule(deps, principal, parameters),
  )
  app.post('/v4/queries/:query/jobs', ({ principal, parameters }) => runQuery(deps, principal, parameters))
}

const writing = ({ gate }: ScheduleRoutesDeps) => patientUpTo(gate, 'write', WRITE_DEADLINE_MS)

async function list(deps: ScheduleRoutesDeps, principal: Principal, reply: FastifyReply) {
  const { value: schedules, asOfMs } = await lookUpSchedules(deps, principal.accountId)
  const queryable = principal.role === 'member' ? await deps.access.queryable(principal) : 'all'
  const visible = schedules.filter(
    ({ userId, database }) => queryable === 'all' || userId === principal.userId || queryable.has(database),
  )
  noteAge(reply, asOfMs)
  return { schedules: visible.map(scheduleBody) }
}

async function create(deps: ScheduleRoutesDeps, actor: Actor, parameters: Parameters) {
  const { principal } = actor
  const text = scheduleText(textOf(parameters, 'schedule') ?? '', parameters)
  const nextTime = firstSlot(text, deps.clock.now())
  const { accountId } = principal
  const userId = executingUser(principal, parameters) ?? principal.userId
  await deps.access.requireQuery(principal, text.database)
  const created = await deps.database.write(writing(deps), async (sql) => {
    await requireUser(sql, accountId, userId)
    const schedule = await insertSchedule(sql, { accountId, userId }, text, nextTime)
    if (schedule === undefined) throw scheduleErrors.schedule_exists(text.name)
    await audit(sql, actor, { action: 'schedule.create', target: text.name, details: tellingOf(schedule) })
    return schedule
  })
  return { ...scheduleBody(created), start: nextTime === null ? null : timeT(nextTime) }
}

async function update(deps: ScheduleRoutesDeps, actor: Actor, parameters: Parameters) {
  const { principal } = actor
  const { accountId } = principal
  const name = textOf(parameters, 'schedule') ?? ''
  const newName = textOf(parameters, 'name') ?? name
  const { value: seen } = await lookUpSchedule(deps, accountId, name)
  requireChange(principal, seen)
  const database = textOf(parameters, 'database') ?? seen.database
  // Whoever lost the database can still stop what runs in it.
  const isStopped = database === seen.database && scheduleText(newName, parameters, seen).cron === null
  const databaseId = isStopped ? null : await deps.access.requireQuery(principal, database)
  const givenUser = executingUser(principal, parameters)
  try {
    const changed = await deps.database.write(writing(deps), async (sql) => {
      const before = await lockSchedule(sql, accountId, name)
      if (before === undefined) throw scheduleErrors.schedule_unknown(name)
      requireChange(principal, before)
      const text = scheduleText(newName, parameters, before)
      const now = deps.clock.now()
      const isSameTime = text.cron === before.cron && text.timezone === before.timezone
      const owed = isSameTime || text.cron === null ? [] : owedSlots(before, now)
      const nextTime = isSameTime ? before.nextTime : firstSlot(text, now)
      const userId = givenUser ?? before.userId
      const userName = givenUser === undefined ? before.userName : await requireUser(sql, accountId, userId)
      await updateSchedule(sql, before.id, text, { nextTime, userId })
      const after = { ...before, ...text, nextTime, userId, userName }
      await startOwed(sql, after, owed, databaseId)
      await audit(sql, actor, { action: 'schedule.update', target: name, details: tellingOf(after) })
      return after
    })
    return scheduleBody(changed)
  } catch (error) {
    if (isUniqueViolation(error)) throw scheduleErrors.schedule_exists(newName, error)
    throw error
  }
}

async function remove(deps: ScheduleRoutesDeps, actor: Actor, parameters: Parameters) {
  const name = textOf(parameters, 'schedule') ?? ''
  const { principal } = actor
  const removed = await deps.database.write(writing(deps), async (sql) => {
    const schedule = await lockSchedule(sql, principal.accountId, name)
    if (schedule === undefined) throw scheduleErrors.schedule_unknown(name)
    requireChange(principal, schedule)
    await removeSchedule(sql, schedule.id)
    await audit(sql, actor, { action: 'schedule.delete', target: name })
    return schedule
  })
  return scheduleBody(removed)
}

/** @throws schedule_invalid (422) */
async function requireUser(sql: Sql, accountId: bigint, id: bigint): Promise<string> {
  const name = await holdUser(sql, accountId, id)
  if (name === undefined)
    throw scheduleErrors.schedule_invalid(`Executing user ${id} is no user of this account`)
  return name
}

const tellingOf = ({ name, cron, timezone, database, userName }: Schedule) => ({
  name,
  cron,
  timezone,
  database,
  runs_as: userName,
})

async function history(
  deps: ScheduleRoutesDeps,
  { principal, parameters }: FastifyRequest,
  reply: FastifyReply,
) {
  const { value: schedule } = await lookUpSchedule(
    deps,
    principal.accountId,
    textOf(parameters, 'schedule') ?? '',
  )
  await requireSight(deps.access, principal, schedule)
  const from = integerOf(parameters, 'from', { least: 0 }) ?? 0
  const to = integerOf(parameters, 'to', { least: 0 }) ?? from + 20
  const { value: jobs, asOfMs } = await lookUpJobsOfSchedule(deps, {
    accountId: principal.accountId,
    scheduleId: schedule.id,
    offset: from,
    // Exclusive here, inclusive in job/list: td-client-ruby lib/td/client/api/schedule.rb.
    limit: Math.max(0, Math.min(to - from, MOST_LISTED)),
  })
  noteAge(reply, asOfMs)
  const bodies = jobs.map((job) => ({
    ...jobBody(job, deps.publicUrl),
    scheduled_at: job.scheduledAt === null ? null : timeT(job.scheduledAt),
  }))
  return { history: bodies, count: bodies.length, from, to }
}

/** `next_time` and `start` are null when unset, never empty: td-client-ruby parses them unless nil. */
function scheduleBody(schedule: Schedule): Record<string, unknown> {
  return {
    id: Number(schedule.id),
    name: schedule.name,
    cron: schedule.cron,
    timezone: schedule.timezone,
    delay: schedule.delaySeconds,
    created_at: timeI(schedule.createdAt),
    type: schedule.type,
    query: schedule.query,
    database: schedule.database,
    user_name: schedule.userName,
    priority: schedule.priority,
    retry_limit: schedule.retryLimit,
    result: schedule.resultUrl,
    next_time: schedule.nextTime === null ? null : timeI(schedule.nextTime),
    start: schedule.nextTime === null ? null : timeT(schedule.nextTime),
  }
}
