import { httpErrors, integerOf, type Parameters, textOf } from '../kernel/http/index.ts'
import { jobErrors } from './errors.ts'

/** What the compiler of queries takes (its own MAX_QUERY_CHARACTERS): a longer text could only fail, after it was stored. */
export const MAX_QUERY_CHARACTERS = 1_000_000

/** The types whose jobs can be issued here; presto and trino are two names of one engine's dialect. */
export const OFFERED_TYPES = ['presto', 'trino'] as const

/** What a client may say about a new query job, read and checked. */
export type IssueParameters = {
  type: string
  database: string
  query: string
  priority: number
  retryLimit: number
  poolName: string | null
  engineVersion: string | null
  domainKey: string | null
  scheduledAt: Date | null
}

/**
 * Reads `job/issue/:type/:db` (td-client-ruby lib/td/client/api/job.rb `query`, td-client-java model/TDJobRequest.java).
 * @throws type_not_offered, output_not_offered, bad_request (400) · query_missing, query_too_long (422)
 */
export function issueParameters(parameters: Parameters): IssueParameters {
  const type = textOf(parameters, 'type') ?? ''
  requireOfferedType(type)
  requireNoOutput(parameters)
  const query = textOf(parameters, 'query')
  if (query === undefined) throw jobErrors.query_missing()
  if (query.length > MAX_QUERY_CHARACTERS) throw jobErrors.query_too_long(String(query.length))
  return {
    type,
    database: textOf(parameters, 'db') ?? '',
    query,
    priority: priorityOf(parameters) ?? 0,
    retryLimit: retryLimitOf(parameters) ?? 0,
    poolName: textOf(parameters, 'pool_name') ?? null,
    engineVersion: textOf(parameters, 'engine_version') ?? null,
    domainKey: textOf(parameters, 'domain_key') ?? null,
    scheduledAt: instantOf(parameters, 'scheduled_time') ?? null,
  }
}

/** @throws type_not_offered (400, final) */
export function requireOfferedType(type: string): void {
  if (!OFFERED_TYPES.some((offered) => offered === type)) throw jobErrors.type_not_offered(type)
}

/** @throws output_not_offered (400, final) when the result is to be written somewhere else */
export function requireNoOutput(parameters: Parameters): void {
  for (const name of ['result', 'result_connection_id', 'result_connection_settings']) {
    if (textOf(parameters, name) !== undefined) throw jobErrors.output_not_offered()
  }
}

export const priorityOf = (parameters: Parameters) =>
  integerOf(parameters, 'priority', { least: -2, most: 2 })
export const retryLimitOf = (parameters: Parameters) =>
  integerOf(parameters, 'retry_limit', { least: 0, most: 32 })

/** Unix seconds or an ISO instant; without a zone it is UTC. @throws bad_request (400) */
export function instantOf(parameters: Parameters, name: string): Date | undefined {
  const text = textOf(parameters, name)?.trim()
  if (text === undefined) return undefined
  const refuse = () =>
    httpErrors.bad_request(`parameter ${name} must be unix seconds or an ISO 8601 time, not '${text}'`)
  if (/^\d{1,12}$/.test(text)) return new Date(Number(text) * 1000)
  const [, day, clock = '00:00:00', zone = 'Z'] =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?))?\s*(Z|UTC|[+-]\d{2}:?\d{2})?$/i.exec(
      text,
    ) ?? []
  if (day === undefined) throw refuse()
  const instant = new Date(
    `${day}T${clock}${/^utc$/i.test(zone) ? 'Z' : zone.replace(/^([+-]\d{2})(\d{2})$/, '$1:$2')}`,
  )
  if (Number.isNaN(instant.getTime())) throw refuse()
  return instant
}

/** `:id` of a path, which may carry the vendor's optional `.json`. @throws job_unknown (404, final) for what cannot be the number of a job */
export function jobIdOf(parameters: Parameters): bigint {
  const text = (textOf(parameters, 'id') ?? '').replace(/\.json$/, '')
  if (!/^\d{1,18}$/.test(text)) throw jobErrors.job_unknown(text)
  return BigInt(text)
}
