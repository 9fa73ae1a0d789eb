import type { JobStatus } from './life.ts'
import type { CommitPart } from './runner.ts'
import type { EndRecord, Job, JobEnd, NewJob, ResultSchema } from './types.ts'

/** A job row by column name, as the driver, `to_jsonb` or a local journal gives it. */
export type JobRow = Record<string, unknown>

const big = (value: unknown) => BigInt(String(value))
const bigOrNull = (value: unknown) => (value === null || value === undefined ? null : big(value))
const dateOrNull = (value: unknown) =>
  value === null || value === undefined ? null : new Date(value as string | Date)
const textOrNull = (value: unknown) => (value === null || value === undefined ? null : String(value))

/** Reads a row of `jobs` whatever the carrier did to its 64-bit numbers and instants. */
export function jobFromRow(row: JobRow): Job {
  return {
    id: big(row.id),
    accountId: big(row.account_id),
    userId: big(row.user_id),
    userName: String(row.user_name),
    type: String(row.type),
    database: String(row.database),
    query: String(row.query),
    status: row.status as JobStatus,
    priority: Number(row.priority),
    retryLimit: Number(row.retry_limit),
    attempt: Number(row.attempt),
    // Rows written by an earlier release do not have them.
    givenBack: Number(row.given_back ?? 0),
    workersLost: Number(row.workers_lost ?? 0),
    killRequested: row.kill_requested === true,
    resultUrl: String(row.result_url ?? ''),
    poolName: textOrNull(row.pool_name),
    engineVersion: textOrNull(row.engine_version),
    domainKey: textOrNull(row.domain_key),
    scheduleId: bigOrNull(row.schedule_id),
    scheduledAt: dateOrNull(row.scheduled_at),
    createdAt: new Date(row.created_at as string | Date),
    updatedAt: new Date(row.updated_at as string | Date),
    startAt: dateOrNull(row.start_at),
    endAt: dateOrNull(row.end_at),
    cpuMs: bigOrNull(row.cpu_ms),
    resultSchema: (row.result_schema ?? null) as ResultSchema | null,
    resultRows: bigOrNull(row.result_rows),
    resultBytes: bigOrNull(row.result_bytes),
    resultPath: textOrNull(row.result_path),
    errorName: textOrNull(row.error_name),
    errorMessage: textOrNull(row.error_message),
    log: String(row.log ?? ''),
  }
}

/** The row as JSON can carry it: what local journals hold. `jobFromRow` reads it back. */
export function rowFromJob(job: Job): JobRow {
  return {
    id: String(job.id),
    account_id: String(job.accountId),
    user_id: String(job.userId),
    user_name: job.userName,
    type: job.type,
    database: job.database,
    query: job.query,
    status: job.status,
    priority: job.priority,
    retry_limit: job.retryLimit,
    attempt: job.attempt,
    given_back: job.givenBack,
    workers_lost: job.workersLost,
    kill_requested: job.killRequested,
    result_url: job.resultUrl,
    pool_name: job.poolName,
    engine_version: job.engineVersion,
    domain_key: job.domainKey,
    schedule_id: job.scheduleId === null ? null : String(job.scheduleId),
    scheduled_at: job.scheduledAt?.toISOString() ?? null,
    created_at: job.createdAt.toISOString(),
    updated_at: job.updatedAt.toISOString(),
    start_at: job.startAt?.toISOString() ?? null,
    end_at: job.endAt?.toISOString() ?? null,
    cpu_ms: job.cpuMs === null ? null : String(job.cpuMs),
    result_schema: job.resultSchema,
    result_rows: job.resultRows === null ? null : String(job.resultRows),
    result_bytes: job.resultBytes === null ? null : String(job.resultBytes),
    result_path: job.resultPath,
    error_name: job.errorName,
    error_message: job.errorMessage,
    log: job.log,
  }
}

/** The job a request will become: queued, never claimed. */
export function queuedJob(id: bigint, request: NewJob, createdAt: Date): Job {
  return {
    id,
    accountId: request.accountId,
    userId: request.userId,
    userName: request.userName,
    type: request.type,
    database: request.database,
    query: request.query,
    status: 'queued',
    priority: request.priority,
    retryLimit: request.retryLimit,
    attempt: 0,
    givenBack: 0,
    workersLost: 0,
    killRequested: false,
    resultUrl: '',
    poolName: request.poolName,
    engineVersion: request.engineVersion,
    domainKey: request.domainKey,
    scheduleId: request.scheduleId,
    scheduledAt: request.scheduledAt,
    createdAt,
    updatedAt: createdAt,
    startAt: null,
    endAt: null,
    cpuMs: null,
    resultSchema: null,
    resultRows: null,
    resultBytes: null,
    resultPath: null,
    errorName: null,
    errorMessage: null,
    log: '',
  }
}

type ResultJson = { path: string; rows: string; bytes: string; schema: ResultSchema }
/** An end as one line of a journal. */
export type EndJson = {
  id: string
  attempt: number
  endAt: string
  log: string
  local?: boolean
  end: {
    kind: JobEnd['kind']
    cpuMs: number | null
    result?: ResultJson | null
    commit?: CommitPart
    name?: string
    message?: string
    retryable?: boolean
  }
}

export function endToJson({ id, attempt, endAt, log, local, end }: EndRecord): EndJson {
  const json = { id: String(id), attempt, endAt: endAt.toISOString(), log, ...(local && { local }) }
  if (end.kind !== 'success') return { ...json, end }
  const { result } = end
  return {
    ...json,
    end: { ...end, result: result && { ...result, rows: String(result.rows), bytes: String(result.bytes) } },
  }
}

export function endFromJson({ id, attempt, endAt, log, local, end }: EndJson): EndRecord {
  const record = { id: BigInt(id), attempt, endAt: new Date(endAt), log, ...(local && { local }) }
  const { kind, cpuMs } = end
  if (kind === 'killed') return { ...record, end: { kind, cpuMs } }
  if (kind === 'error') {
    const { name = '', message = '', retryable = false } = end
    return { ...record, end: { kind, cpuMs, name, message, retryable } }
  }
  const { result, commit } = end
  const stored = result && { ...result, rows: BigInt(result.rows), bytes: BigInt(result.bytes) }
  return { ...record, end: { kind, cpuMs, result: stored ?? null, ...(commit && { commit }) } }
}
