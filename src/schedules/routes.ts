import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isUniqueViolation } from '../database/index.ts'
import {
  type IssueDeps,
  issueJob,
  type JobAccess,
  type JobSources,
  jobBody,
  lookUpJobsOfSchedule,
  noteAge,
  patientUpTo,
} from '../jobs/index.ts'
import {
  httpErrors,
  integerOf,
  type Parameters,
  type Principal,
  textOf,
  timeI,
  timeT,
} from '../kernel/http/index.ts'
import type { Clock } from '../kernel/index.ts'
import { scheduleErrors } from './errors.ts'
import { lookUpSchedule, lookUpSchedules, type ScheduleSources } from './lookup.ts'
import { firstSlot, scheduleText } from './parameters.ts'
import { jobOf, slotAfter } from './scheduler.ts'
import { insertSchedule, lockSchedule, removeSchedule, updateSchedule } from './store.ts'
import type { Schedule, ScheduleHeads } from './types.ts'

export type ScheduleRoutesDeps = Omit<IssueDeps & JobSources & ScheduleSources, 'heads'> & {
  heads: IssueDeps['heads'] & JobSources['heads'] & ScheduleHeads
  access: JobAccess
  clock: Clock
  publicUrl: string
}

const WRITE_DEADLINE_MS = 10_000
const MOST_RUNS = 9
const MOST_LISTED = 1000

/**
 * `/v3/schedule/…` as td-client-ruby lib/td/client/api/schedule.rb, td-client-python tdclient/schedule_api.py and
 * td-client-java call it. The path parameter is not called `name`: a parameter of that name in the body renames.
 */
export function addScheduleRoutes(app: FastifyInstance, deps: ScheduleRoutesDeps): void {
  for (const path of ['/v3/schedule/list', '/v3/schedule/list.json'])
    app.get(path, ({ principal }, reply) => list(deps, principal, reply))
  app.post('/v3/schedule/create/:schedule', ({ principal, parameters }) =>
    create(deps, principal, parameters),
  )
  app.post('/v3/schedule/update/:schedule', ({ principal, parameters }) =>
    update(deps, principal, parameters),
  )
  app.post('/v3/schedule/delete/:schedule', ({ principal, parameters }) =>
    remove(deps, principal, parameters),
  )
  app.get('/v3/schedule/history/:schedule', (request, reply) => history(deps, request, reply))
  app.post('/v3/schedule/run/:schedule/:time', ({ principal, parameters }) =>
    run(deps, principal, parameters),
  )
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

async function create(deps: ScheduleRoutesDeps, principal: Principal, parameters: Parameters) {
  const text = scheduleText(textOf(parameters, 'schedule') ?? '', parameters)
  const nextTime = firstSlot(text, deps.clock.now())
  await deps.access.requireQuery(principal, text.database)
  const { accountId, userId } = principal
  const created = await deps.database.write(writing(deps), (sql) =>
    insertSchedule(sql, { accountId, userId }, text, nextTime),
  )
  if (created === undefined) throw scheduleErrors.schedule_exists(text.name)
  return { ...scheduleBody(created), start: nextTime === null ? null : timeT(nextTime) }
}

async function update(deps: ScheduleRoutesDeps, principal: Principal, parameters: Parameters) {
  const name = textOf(parameters, 'schedule') ?? ''
  const newName = textOf(parameters, 'name') ?? name
  const { value: seen } = await lookUpSchedule(deps, principal.accountId, name)
  requireChange(principal, seen)
  await deps.access.requireQuery(principal, textOf(parameters, 'database') ?? seen.database)
  try {
    const changed = await deps.database.write(writing(deps), async (sql) => {
      const before = await lockSchedule(sql, principal.accountId, name)
      if (before === undefined) throw scheduleErrors.schedule_unknown(name)
      const text = scheduleText(newName, parameters, before)
      const isSameTime = text.cron === before.cron && text.timezone === before.timezone
      const nextTime = isSameTime ? before.nextTime : firstSlot(text, deps.clock.now())
      await updateSchedule(sql, before.id, text, nextTime)
      return { ...before, ...text, nextTime }
    })
    return scheduleBody(changed)
  } catch (error) {
    if (isUniqueViolation(error)) throw scheduleErrors.schedule_exists(newName, error)
    throw error
  }
}

async function remove(deps: ScheduleRoutesDeps, principal: Principal, parameters: Parameters) {
  const name = textOf(parameters, 'schedule') ?? ''
  const removed = await deps.database.write(writing(deps), async (sql) => {
    const schedule = await lockSchedule(sql, principal.accountId, name)
    if (schedule === undefined) throw scheduleErrors.schedule_unknown(name)
    requireChange(principal, schedule)
    await removeSchedule(sql, schedule.id)
    return schedule
  })
  return scheduleBody(removed)
}

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

/** Runs it now, for the given time and as many slots after it as asked; every job is issued as any other. */
async function run(deps: ScheduleRoutesDeps, principal: Principal, parameters: Parameters) {
  const { value: schedule } = await lookUpSchedule(
    deps,
    principal.accountId,
    textOf(parameters, 'schedule') ?? '',
  )
  await requireSight(deps.access, principal, schedule)
  await deps.access.requireQuery(principal, schedule.database)
  const first = integerOf(parameters, 'time', { least: 0, most: 253_402_300_799 })
  if (first === undefined) throw httpErrors.bad_request('the path must end in a time in unix seconds')
  const count = integerOf(parameters, 'num', { least: 1, most: MOST_RUNS }) ?? 1
  const domainKey = textOf(parameters, 'domain_key') ?? null

  const jobs: Record<string, unknown>[] = []
  let slot: Date | null = new Date(first * 1000)
  for (let i = 0; i < count && slot !== null; i++) {
    // One key starts one job; the further ones of a request get keys derived from it.
    const key = domainKey === null || i === 0 ? domainKey : `${domainKey}#${i}`
    const asked = { ...jobOf(schedule, { slot, dueAt: null, domainKey: key }), ...asker(principal) }
    const id = await issueJob(deps, asked)
    jobs.push({ job_id: Number(id), type: schedule.type, scheduled_at: timeT(slot) })
    slot = slotAfter(schedule, slot)
  }
  return { jobs }
}

const asker = ({ userId, userName }: Principal) => ({ userId, userName })

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

async function requireSight(access: JobAccess, principal: Principal, schedule: Schedule): Promise<void> {
  if (isOwn(principal, schedule)) return
  const queryable = await access.queryable(principal)
  if (queryable === 'all' || queryable.has(schedule.database)) return
  throw httpErrors.not_authorized(`to see schedule '${schedule.name}'`)
}

function requireChange(principal: Principal, schedule: Schedule): void {
  if (!isOwn(principal, schedule)) throw httpErrors.not_authorized(`to change schedule '${schedule.name}'`)
}

function isOwn({ role, userId }: Principal, schedule: Schedule): boolean {
  return role !== 'member' || schedule.userId === userId
}
