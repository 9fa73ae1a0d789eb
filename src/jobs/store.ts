import type { Sql } from '../kernel/index.ts'
import { jobErrors } from './errors.ts'
import type { JobStatus } from './life.ts'
import { type JobRow, jobFromRow } from './row.ts'
import type { Job, NewJob } from './types.ts'

/**
 * Inserts a queued job and returns its id. With a given id (from a reserved block) a repetition changes nothing, so a
 * job may be entered again after an answer that was lost.
 * @throws domain_key_used (409, final) with details.conflicts_with · id_taken (500, final)
 */
export async function insertJob(
  sql: Sql,
  job: NewJob,
  { id: givenId, createdAt = null }: { id?: bigint; createdAt?: Date | null } = {},
): Promise<bigint> {
  const id = await numberOf(sql, job, givenId)
  const inserted = await sql`
    INSERT INTO jobs (id, account_id, user_id, user_name, type, database, database_id, query, priority, retry_limit,
                      pool_name, engine_version, domain_key, schedule_id, scheduled_at, created_at, updated_at, due_at)
    VALUES (${id}, ${job.accountId}, ${job.userId}, ${job.userName}, ${job.type}, ${job.database}, ${job.databaseId},
            ${job.query}, ${job.priority}, ${job.retryLimit}, ${job.poolName}, ${job.engineVersion}, ${job.domainKey},
            ${job.scheduleId}, ${job.scheduledAt}, coalesce(${createdAt}::timestamptz, clock_timestamp()),
            coalesce(${createdAt}::timestamptz, clock_timestamp()), coalesce(${job.dueAt}::timestamptz, clock_timestamp()))
    ON CONFLICT (id) DO NOTHING RETURNING 1`
  if (inserted.length === 0) await requireSameJob(sql, id, job)
  return id
}

/**
 * The number may belong to another job: a database restored from a backup gives numbers anew that were reserved before.
 * @throws id_taken (500, final)
 */
async function requireSameJob(
  sql: Sql,
  id: bigint,
  { accountId, userId, type, query }: NewJob,
): Promise<void> {
  const same = await sql`
    SELECT 1 FROM jobs WHERE id = ${id} AND account_id = ${accountId} AND user_id = ${userId} AND type = ${type}
                         AND query = ${query}`
  if (same.length === 0) throw jobErrors.id_taken(String(id))
}

/** The number of a new job, with which it has its domain key as well. */
async function numberOf(sql: Sql, { accountId, domainKey }: NewJob, given?: bigint): Promise<bigint> {
  if (domainKey !== null) return takeDomainKey(sql, accountId, domainKey, given)
  if (given !== undefined) return given
  const [{ id }] = await sql<{ id: bigint }>`SELECT nextval('job_ids') AS id`
  return id
}

async function takeDomainKey(sql: Sql, accountId: bigint, key: string, given?: bigint): Promise<bigint> {
  const [taken] = await sql<{ id: bigint }>`
    INSERT INTO domain_keys (account_id, key, job_id)
    VALUES (${accountId}, ${key}, coalesce(${given ?? null}::bigint, nextval('job_ids')))
    ON CONFLICT (account_id, key) DO NOTHING RETURNING job_id AS id`
  if (taken !== undefined) return taken.id
  const holder = await findDomainKey(sql, accountId, key)
  if (holder !== undefined && holder === given) return holder
  throw domainKeyUsed(holder ?? 0n)
}

/** The 409 by which digdag and td-client-java recognise a job they have already started. */
export function domainKeyUsed(holder: bigint) {
  return jobErrors.domain_key_used(String(holder)).with({ conflicts_with: String(holder) })
}

export async function findDomainKey(sql: Sql, accountId: bigint, key: string): Promise<bigint | undefined> {
  const [row] = await sql<{ job_id: string }>`
    SELECT job_id::text AS job_id FROM domain_keys WHERE account_id = ${accountId} AND key = ${key}`
  return row === undefined ? undefined : BigInt(row.job_id)
}

export async function findJob(sql: Sql, accountId: bigint, id: bigint): Promise<Job | undefined> {
  const [row] = await sql<JobRow>`SELECT * FROM jobs WHERE id = ${id} AND account_id = ${accountId}`
  return row && jobFromRow(row)
}

/** What a list asks for; `databases` null = all, otherwise own jobs and those of these databases. */
export type JobFilter = {
  accountId: bigint
  userId: bigint
  databases: string[] | null
  statuses: JobStatus[] | null
  slowerThanSeconds: number | null
  offset: number
  limit: number
}

/** Newest first, without logs. `slowerThanSeconds` compares the time from start to end, or to now. */
export async function listJobs(sql: Sql, filter: JobFilter): Promise<Job[]> {
  const rows = await sql<JobRow>`
    SELECT id, account_id, user_id, user_name, type, database, query, status, priority, retry_limit, attempt,
           given_back, workers_lost, kill_requested, result_url, pool_name, engine_version, domain_key, schedule_id, scheduled_at, created_at,
           updated_at, start_at, end_at, cpu_ms, result_schema, result_rows, result_bytes, result_path, error_name,
           error_message
      FROM jobs
     WHERE account_id = ${filter.accountId}
       AND (${filter.databases}::text[] IS NULL OR user_id = ${filter.userId} OR database = ANY(${filter.databases}))
       AND (${filter.statuses}::text[] IS NULL OR status = ANY(${filter.statuses}))
       AND (${filter.slowerThanSeconds}::float8 IS NULL
            OR coalesce(end_at, clock_timestamp()) - start_at > make_interval(secs => ${filter.slowerThanSeconds}))
     ORDER BY id DESC LIMIT ${filter.limit} OFFSET ${filter.offset}`
  return rows.map(jobFromRow)
}

/** Null filters nothing. Times are unix seconds of when a job was issued, half-open. */
export type WantedHeads = {
  accountId: bigint
  userId: bigint
  /** As in `JobFilter`: own jobs, and those of these databases. */
  visible: readonly string[] | null
  databases: readonly string[] | null
  statuses: readonly string[] | null
  types: readonly string[] | null
  userNames: readonly string[] | null
  times: { from: bigint | null; to: bigint | null }
  /** Whether the text of the query is read; else it is empty. */
  withQuery: boolean
}

/** Newest first, below an id. */
export async function findJobHeads(
  sql: Sql,
  wanted: WantedHeads & { below: bigint; limit: number },
): Promise<(Job & { time: bigint })[]> {
  const { visible, databases, statuses, types, userNames, times } = wanted
  const rows = await sql<JobRow & { time: bigint }>`
    SELECT id, account_id, user_id, user_name, type, database, CASE WHEN ${wanted.withQuery} THEN query ELSE '' END AS query,
           status, priority, retry_limit, attempt, created_at, updated_at, start_at, end_at, cpu_ms, result_rows,
           result_bytes, error_name, error_message, floor(extract(epoch FROM created_at))::bigint AS time
      FROM jobs
     WHERE account_id = ${wanted.accountId} AND id < ${wanted.below}
       AND (${visible}::text[] IS NULL OR user_id = ${wanted.userId} OR database = ANY(${visible}))
       AND (${databases}::text[] IS NULL OR database = ANY(${databases}))
       AND (${statuses}::text[] IS NULL OR status = ANY(${statuses}))
       AND (${types}::text[] IS NULL OR type = ANY(${types}))
       AND (${userNames}::text[] IS NULL OR user_name = ANY(${userNames}))
       AND (${times.from}::bigint IS NULL OR created_at >= to_timestamp(${times.from}::bigint))
       AND (${times.to}::bigint IS NULL OR created_at < to_timestamp(${times.to}::bigint))
     ORDER BY id DESC LIMIT ${wanted.limit}`
  return rows.map((row) => ({ ...jobFromRow(row), time: row.time }))
}

/** The newest runs of a schedule, `offset` skipped. */
export async function listJobsOfSchedule(
  sql: Sql,
  {
    accountId,
    scheduleId,
    offset,
    limit,
  }: { accountId: bigint; scheduleId: bigint; offset: number; limit: number },
): Promise<Job[]> {
  const rows = await sql<JobRow>`
    SELECT * FROM jobs WHERE schedule_id = ${scheduleId} AND account_id = ${accountId}
     ORDER BY id DESC LIMIT ${limit} OFFSET ${offset}`
  return rows.map(jobFromRow)
}

/** Takes `count` ids out of the sequence for jobs accepted while nobody can ask it. */
export async function reserveJobIds(sql: Sql, count: number): Promise<bigint[]> {
  const rows = await sql<{ id: string }>`
    SELECT nextval('job_ids')::text AS id FROM generate_series(1, ${count}::int)`
  return rows.map((row) => BigInt(row.id))
}

export async function lastJobId(sql: Sql): Promise<bigint> {
  const [{ id }] = await sql<{ id: string }>`SELECT last_value::text AS id FROM job_ids`
  return BigInt(id)
}

/** Keeps a job that was accepted with a domain key somebody else had used: as failed, saying whose key it is. */
export async function insertConflictingJob(
  sql: Sql,
  id: bigint,
  job: NewJob,
  createdAt: Date,
  holder: bigint,
): Promise<void> {
  await insertJob(sql, { ...job, domainKey: null }, { id, createdAt })
  const message = `domain_key ${job.domainKey} was used before, by job ${holder}`
  await sql`
    UPDATE jobs SET status = 'error', end_at = clock_timestamp(), updated_at = clock_timestamp(),
                    error_name = 'DOMAIN_KEY_USED', error_message = ${message}, log = ${`${message}\n`}
     WHERE id = ${id} AND status = 'queued' AND attempt = 0`
}
