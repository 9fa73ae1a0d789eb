import { QUERY_ERRORS } from '../errors.ts'
import { queryIdOf } from '../query-id.ts'
import type { SystemRow, SystemSource, SystemWanted } from './types.ts'

/** As many as are told of, the newest ones. */
export const MOST_QUERIES = 10_000

/** The states Trino has (trinodb/trino QueryState.java), and what jobs call them. */
const STATUSES: Record<string, readonly string[]> = {
  QUEUED: ['queued'],
  STARTING: ['booting'],
  RUNNING: ['running'],
  FINISHED: ['success'],
  FAILED: ['error', 'killed'],
}
const STATES = new Map(
  Object.entries(STATUSES).flatMap(([state, statuses]) => statuses.map((status) => [status, state] as const)),
)

/** `system.runtime.queries`: jobs that are statements, in Trino's words. */
export async function* runtimeQueries(jobs: SystemSource, wanted: SystemWanted): AsyncIterable<SystemRow[]> {
  let count = 0
  for await (const page of jobs(wantedJobs(wanted))) {
    yield page.slice(0, MOST_QUERIES - count).map(queryRow)
    count += page.length
    if (count >= MOST_QUERIES) return
  }
}

function wantedJobs(wanted: SystemWanted): SystemWanted {
  const texts = new Map<string, readonly string[]>([['type', ['presto', 'trino', 'hive']]])
  const states = wanted.texts.get('state')
  const users = wanted.texts.get('user')
  if (states !== undefined)
    texts.set(
      'status',
      states.flatMap((state) => STATUSES[state] ?? []),
    )
  if (users !== undefined) texts.set('user_name', users)
  return { ...wanted, texts, times: [{ from: null, to: null }] }
}

function queryRow(job: SystemRow): SystemRow {
  const createdAt = job.created_at as Date
  const startAt = job.start_at as Date | null
  const failed = failureOf(job)
  const waitedUntil = startAt ?? (job.end_at as Date | null)
  return {
    query_id: queryIdOf(job.id as bigint, createdAt),
    state: STATES.get(String(job.status)) ?? null,
    user: job.user_name ?? null,
    source: null,
    query: job.query ?? null,
    resource_group_id: null,
    queued_time_ms:
      waitedUntil === null ? null : BigInt(Math.max(0, waitedUntil.getTime() - createdAt.getTime())),
    analysis_time_ms: null,
    planning_time_ms: null,
    created: createdAt,
    started: startAt,
    last_heartbeat: null,
    end: job.end_at ?? null,
    error_type: failed === undefined ? null : errorType(failed),
    error_code: failed ?? null,
  }
}

function failureOf({ status, error_name: name }: SystemRow): string | undefined {
  if (status === 'killed') return 'ADMINISTRATIVELY_KILLED'
  return status === 'error' ? String(name ?? 'GENERIC_INTERNAL_ERROR') : undefined
}

/** Each kind of error has codes of its own range. */
export function errorTypeOf(code: number): string {
  if (code < 0x1_0000) return 'USER_ERROR'
  if (code < 0x2_0000) return 'INTERNAL_ERROR'
  return code < 0x100_0000 ? 'INSUFFICIENT_RESOURCES' : 'EXTERNAL'
}

const errorType = (name: string) =>
  errorTypeOf(
    name in QUERY_ERRORS
      ? QUERY_ERRORS[name as keyof typeof QUERY_ERRORS]
      : QUERY_ERRORS.GENERIC_INTERNAL_ERROR,
  )
