import {
  type IssueDeps,
  instantOf,
  issueJob,
  type JobAccess,
  type JobSources,
  lookUpJob,
  type NewJob,
} from '../jobs/index.ts'
import {
  httpErrors,
  integerOf,
  type Parameters,
  type Principal,
  textOf,
  timeT,
} from '../kernel/http/index.ts'
import { AppError, type Clock, isRetryable } from '../kernel/index.ts'
import { scheduleErrors } from './errors.ts'
import { lookUpSchedule, lookUpScheduleById, type ScheduleSources } from './lookup.ts'
import { slotAfter } from './next-slot.ts'
import { requireSight } from './permission.ts'
import type { Schedule } from './types.ts'

export type RunDeps = Omit<IssueDeps & JobSources & ScheduleSources, 'heads'> & {
  heads: IssueDeps['heads'] & JobSources['heads'] & ScheduleSources['heads']
  access: JobAccess
}

const MOST_RUNS = 9
const LAST_SECOND = 253_402_300_799

/**
 * `schedule/run/:name/:unixtime`: runs it now, for the given time and as many slots after it as asked; every job is issued as any other,
 * for who asks. A `domain_key` starts these jobs once: sent again, it starts what is missing and is then 409 with the first of them.
 * @throws domain_key_used (409, final) with details.conflicts_with · run_incomplete (503, retry)
 */
export async function runSchedule(deps: RunDeps, principal: Principal, parameters: Parameters) {
  const name = textOf(parameters, 'schedule') ?? ''
  const { value: schedule } = await lookUpSchedule(deps, principal.accountId, name)
  const first = integerOf(parameters, 'time', { least: 0, most: LAST_SECOND })
  if (first === undefined) throw httpErrors.bad_request('the path must end in a time in unix seconds')
  const count = integerOf(parameters, 'num', { least: 1, most: MOST_RUNS }) ?? 1
  const domainKey = textOf(parameters, 'domain_key') ?? null
  const slots = slotsFrom(schedule, new Date(first * 1000), count)
  return { jobs: await issueRuns(deps, principal, schedule, { slots, domainKey }) }
}

/**
 * `POST /v4/queries/:id/jobs`, as td-client-java (TDClient.java `startSavedQuery`) and digdag's `td_run` call it: one run of the
 * schedule of that number, for `scheduled_time` or now.
 */
export async function runQuery(
  deps: RunDeps & { clock: Clock },
  principal: Principal,
  parameters: Parameters,
) {
  const text = textOf(parameters, 'query') ?? ''
  if (!/^\d{1,18}$/.test(text)) throw scheduleErrors.schedule_unknown(text)
  const { value: schedule } = await lookUpScheduleById(deps, principal.accountId, BigInt(text))
  const slots = [instantOf(parameters, 'scheduled_time') ?? deps.clock.now()]
  const domainKey = textOf(parameters, 'domain_key') ?? null
  const [job] = await issueRuns(deps, principal, schedule, { slots, domainKey })
  return { id: String(job!.job_id) }
}

type IssuedRun = { job_id: number; type: string; scheduled_at: string }

async function issueRuns(
  deps: RunDeps,
  principal: Principal,
  schedule: Schedule,
  { slots, domainKey }: { slots: Date[]; domainKey: string | null },
): Promise<IssuedRun[]> {
  await requireSight(deps.access, principal, schedule)
  const databaseId = await deps.access.requireQuery(principal, schedule.database)
  const jobs: IssuedRun[] = []
  let conflict: AppError | undefined
  for (const [i, slot] of slots.entries()) {
    // One key starts one job; the further ones of a request get keys derived from it.
    const key = domainKey === null || i === 0 ? domainKey : `${domainKey}#${i}`
    const asked = { ...jobOf(schedule, { slot, databaseId, domainKey: key }), ...asker(principal) }
    try {
      const id = await issueJob(deps, asked)
      jobs.push({ job_id: Number(id), type: schedule.type, scheduled_at: timeT(slot) })
    } catch (error) {
      if (isConflict(error) && i > 0) continue
      const mayBeHalf = isConflict(error) && slots.length > 1
      if (mayBeHalf && (await isRunOf(deps, schedule, slot, error))) conflict = error
      else if (isRetryable(error) && jobs.length > 0)
        throw scheduleErrors.run_incomplete(`jobs ${jobs.map((job) => job.job_id).join(', ')} were`, error)
      else throw error
    }
  }
  if (conflict !== undefined) throw conflict
  return jobs
}

function slotsFrom(schedule: Schedule, first: Date, count: number): Date[] {
  const slots = [first]
  while (slots.length < count) {
    const next = slotAfter(schedule, slots.at(-1)!)
    if (next === null) break
    slots.push(next)
  }
  return slots
}

const asker = ({ userId, userName }: Principal) => ({ userId, userName })

/** Whether the key was used by this request's own first job, sent before. */
async function isRunOf(deps: RunDeps, schedule: Schedule, slot: Date, conflict: AppError): Promise<boolean> {
  const holder = BigInt(String(conflict.details?.conflicts_with))
  const { value: job } = await lookUpJob(deps, schedule.accountId, holder)
  return job.scheduleId === schedule.id && job.scheduledAt?.getTime() === slot.getTime()
}

const isConflict = (error: unknown): error is AppError =>
  error instanceof AppError && error.code === 'domain_key_used'

/** What a run of a schedule asks for; TD_SCHEDULED_TIME() is the slot, whenever it starts. */
function jobOf(
  { id, accountId, userId, userName, type, database, query, priority, retryLimit, ...rest }: Schedule,
  { slot, databaseId, domainKey }: { slot: Date; databaseId: bigint | null; domainKey: string | null },
): NewJob {
  return {
    accountId,
    userId,
    userName,
    type,
    database,
    databaseId,
    query,
    priority,
    retryLimit,
    poolName: rest.poolName,
    engineVersion: rest.engineVersion,
    domainKey,
    scheduleId: id,
    scheduledAt: slot,
    dueAt: null,
  }
}
