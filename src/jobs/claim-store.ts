import type { Sql } from '../kernel/index.ts'
import { type JobRow, jobFromRow } from './row.ts'
import type { Job } from './types.ts'

/** True when some job of these types is due. One look into a partial index: what idle workers do once a second. */
export async function anyJobDue(sql: Sql, types: readonly string[]): Promise<boolean> {
  const rows = await sql`
    SELECT 1 FROM jobs WHERE status = 'queued' AND due_at <= clock_timestamp() AND type = ANY(${types}) LIMIT 1`
  return rows.length > 0
}

export type ClaimRequest = {
  worker: string
  types: readonly string[]
  limit: number
  /** Most jobs of one account that may run at once, on all workers together. */
  accountConcurrency: number
}

/**
 * Hands up to `limit` due jobs to one worker, highest priority first, never more of an account than may run at once. Never
 * blocks on rows another worker is claiming. Must run inside one transaction.
 */
export async function claimJobs(sql: Sql, request: ClaimRequest): Promise<Job[]> {
  const due = await lockDueJobs(sql, request)
  if (due.length === 0) return []
  const granted = await withinConcurrency(sql, due, request.accountConcurrency)
  if (granted.length === 0) return []
  const rows = await sql<JobRow>`
    UPDATE jobs SET status = 'running', worker = ${request.worker}, attempt = attempt + 1, lease = lease + 1,
                    start_at = clock_timestamp(), updated_at = clock_timestamp(), progress = NULL
     WHERE id = ANY(${granted}::bigint[]) AND status = 'queued'
    RETURNING *`
  const order = new Map(granted.map((id, i) => [id, i]))
  return rows.map(jobFromRow).sort((a, b) => order.get(a.id)! - order.get(b.id)!)
}

type DueJob = { id: bigint; account_id: bigint }

function lockDueJobs(sql: Sql, { types, limit, accountConcurrency }: ClaimRequest): Promise<DueJob[]> {
  return sql<DueJob>`
    SELECT id, account_id FROM jobs
     WHERE status = 'queued' AND due_at <= clock_timestamp() AND type = ANY(${types})
       AND account_id NOT IN (SELECT account_id FROM jobs WHERE status IN ('booting', 'running')
                               GROUP BY account_id HAVING count(*) >= ${accountConcurrency})
     ORDER BY priority DESC, due_at, id
     LIMIT ${limit} FOR UPDATE SKIP LOCKED`
}

/** The due jobs that fit, in the order given; holds each account's lock until the transaction ends, so the count is exact. */
async function withinConcurrency(sql: Sql, due: DueJob[], accountConcurrency: number): Promise<bigint[]> {
  // Always in the same order, so that two claims never wait for each other in a circle.
  const accounts = [...new Set(due.map((job) => job.account_id))].sort((a, b) => (a < b ? -1 : 1))
  for (const account of accounts) {
    await sql`SELECT pg_advisory_xact_lock(hashtextextended('jobs of account ' || ${String(account)}::text, 0))`
  }
  // Of all accounts: asked for some only, the planner may walk the whole history of each instead of the few that run.
  const counts = await sql<{ account_id: bigint; running: number }>`
    SELECT account_id, count(*)::int AS running FROM jobs WHERE status IN ('booting', 'running') GROUP BY account_id`
  const running = new Map(counts.map((row) => [row.account_id, row.running]))
  return due
    .filter((job) => {
      const before = running.get(job.account_id) ?? 0
      if (before >= accountConcurrency) return false
      running.set(job.account_id, before + 1)
      return true
    })
    .map((job) => job.id)
}

export type Held = { id: bigint; attempt: number }
export type Renewal = Held & { killRequested: boolean }

/** Advances the leases a worker holds; what is not returned is no longer its own. */
export async function renewLeases(sql: Sql, held: readonly Held[]): Promise<Renewal[]> {
  const rows = await sql<{ id: string; attempt: number; kill_requested: boolean }>`
    UPDATE jobs SET lease = lease + 1
      FROM unnest(${held.map((job) => String(job.id))}::bigint[], ${held.map((job) => job.attempt)}::int[]) AS mine (id, attempt)
     WHERE jobs.id = mine.id AND jobs.attempt = mine.attempt AND jobs.status IN ('booting', 'running')
    RETURNING jobs.id::text AS id, jobs.attempt, jobs.kill_requested`
  return rows.map((row) => ({ id: BigInt(row.id), attempt: row.attempt, killRequested: row.kill_requested }))
}

export type Progress = Held & { log: string; percent: number | null }

/** Replaces log and progress of running jobs: the same report twice is the same as once. */
export async function saveProgress(sql: Sql, reports: readonly Progress[]): Promise<void> {
  await sql`
    UPDATE jobs SET log = report.log, updated_at = clock_timestamp(),
                    progress = CASE WHEN report.percent IS NULL THEN jobs.progress
                                    ELSE jsonb_build_object('percent', report.percent) END
      FROM unnest(${reports.map((r) => String(r.id))}::bigint[], ${reports.map((r) => r.attempt)}::int[],
                  ${reports.map((r) => r.log)}::text[], ${reports.map((r) => r.percent)}::float8[])
           AS report (id, attempt, log, percent)
     WHERE jobs.id = report.id AND jobs.attempt = report.attempt AND jobs.status IN ('booting', 'running')`
}

export type Lease = Held & { lease: bigint }

/** Every running job with its lease counter, for those who watch whether it moves. */
export async function listLeases(sql: Sql): Promise<Lease[]> {
  const rows = await sql<{ id: string; attempt: number; lease: string }>`
    SELECT id::text AS id, attempt, lease::text AS lease FROM jobs WHERE status IN ('booting', 'running')`
  return rows.map((row) => ({ id: BigInt(row.id), attempt: row.attempt, lease: BigInt(row.lease) }))
}
