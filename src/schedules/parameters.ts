import { priorityOf, requireNoOutput, requireOfferedType, retryLimitOf } from '../jobs/index.ts'
import { httpErrors, integerOf, type Parameters, type Principal, textOf } from '../kernel/http/index.ts'
import { scheduleErrors } from './errors.ts'
import { slotAfter } from './next-slot.ts'
import type { ScheduleText } from './types.ts'

const LEAST_NAME = 3
const MOST_NAME = 256
const MOST_DELAY_SECONDS = 365 * 86_400

/**
 * The saved query a request describes, the parameters not given taken from `before`. An empty parameter is one not given,
 * but an empty cron takes the cron away.
 * @throws schedule_invalid (422) · type_not_offered, output_not_offered, bad_request (400)
 */
export function scheduleText(name: string, parameters: Parameters, before?: ScheduleText): ScheduleText {
  requireNoOutput(parameters)
  const text: ScheduleText = {
    name: checkedName(name),
    cron: cronOf(parameters) ?? null,
    timezone: textOf(parameters, 'timezone') ?? before?.timezone ?? 'UTC',
    delaySeconds:
      integerOf(parameters, 'delay', { least: 0, most: MOST_DELAY_SECONDS }) ?? before?.delaySeconds ?? 0,
    // What td-client-ruby leaves out is hive: lib/td/client/api/schedule.rb.
    type: textOf(parameters, 'type') ?? before?.type ?? 'hive',
    database: textOf(parameters, 'database') ?? before?.database ?? required('Database'),
    query: textOf(parameters, 'query') ?? before?.query ?? required('Query'),
    priority: priorityOf(parameters) ?? before?.priority ?? 0,
    retryLimit: retryLimitOf(parameters) ?? before?.retryLimit ?? 0,
    poolName: textOf(parameters, 'pool_name') ?? before?.poolName ?? null,
    engineVersion: textOf(parameters, 'engine_version') ?? before?.engineVersion ?? null,
  }
  if (cronOf(parameters) === undefined) text.cron = before?.cron ?? null
  requireOfferedType(text.type)
  return text
}

/**
 * Whom its runs belong to, when it is not who asks: td-client-java's and the vendor's `executing_user_id`.
 * @throws not_authorized (403) for members who name somebody else · bad_request (400)
 */
export function executingUser({ userId, role }: Principal, parameters: Parameters): bigint | undefined {
  const given = integerOf(parameters, 'executing_user_id', { least: 1 })
  if (given === undefined) return undefined
  if (role === 'member' && BigInt(given) !== userId)
    throw httpErrors.not_authorized('to let a schedule run as somebody else')
  return BigInt(given)
}

function checkedName(name: string): string {
  // The wording of treasure-data/td-client-ruby spec/td/client/sched_api_spec.rb.
  if (name.length < LEAST_NAME)
    throw scheduleErrors.schedule_invalid('Name is too short (minimum is 3 characters)')
  if (name.length > MOST_NAME)
    throw scheduleErrors.schedule_invalid(`Name is too long (maximum is ${MOST_NAME} characters)`)
  return name
}

/** undefined = not given, null = given as empty. */
function cronOf(parameters: Parameters): string | null | undefined {
  if (!('cron' in parameters)) return undefined
  return textOf(parameters, 'cron')?.trim() || null
}

function required(what: string): never {
  throw scheduleErrors.schedule_invalid(`${what} is missing`)
}

/**
 * When it runs first after an instant; null without a cron.
 * @throws schedule_invalid (422) for a cron or a time zone that is wrong, or a cron whose day never comes
 */
export function firstSlot(text: Pick<ScheduleText, 'cron' | 'timezone'>, after: Date): Date | null {
  // Without a cron the zone is still checked: it is used as soon as one is set.
  const slot = slotAfter({ ...text, cron: text.cron ?? '@daily' }, after)
  if (text.cron === null) return null
  if (slot === null) throw scheduleErrors.schedule_invalid(`Cron '${text.cron}' names a day that never comes`)
  return slot
}
