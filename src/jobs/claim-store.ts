import type { Sql } from '../kernel/index.ts'
import {
  type AccountLoad,
  type AccountShare,
  type AccountTurns,
  createAccountTurns,
} from './account-turns.ts'
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
  /** Accounts with as many jobs running get theirs in the order in which they were last served here. */
  turns?: AccountTurns
}

/**
 * Hands up to `limit` due jobs to one worker: each account its fair share, of each the highest priority first, and never more
 * of an account than may run at once. Never blocks on rows another worker is claiming. Must run inside one transaction, of a prepared write:
 * planning grows with the partitions of history. So its columns are named, for the sake of migrations.
 */
export async function claimJobs(sql: Sql, request: ClaimRequest): Promise<Job[]> {
  const { types, limit, accountConcurrency, turns = createAccountTurns() } = request
  const accounts = await accountsWithDueJobs(sql, types)
  const wanted = turns.share(accounts, { slots: limit, most: accountConcurrency })
  if (wanted.length === 0) return []
  await lockAccounts(sql, wanted)
  // Counted of all accounts: asked for some only, the planner may walk the whole history of each instead of the few that run.
  const rows = await sql<JobRow>`
    WITH running AS (
      SELECT account_id, count(*) AS running FROM jobs WHERE status IN ('booting', 'running') GROUP BY account_id),
    share AS (
      SELECT wanted.account_id, greatest(0, least(wanted.slots, ${accountConcurrency} - coalesce(running.running, 0))) AS slots
        FROM unnest(${wanted.map(({ account }) => String(account))}::bigint[], ${wanted.map(({ slots }) => slots)}::int[])
             AS wanted (account_id, slots) LEFT JOIN running USING (account_id))
    UPDATE jobs SET status = 'running', worker = ${request.worker}, attempt = attempt + 1, lease = lease + 1,
                    start_at = clock_timestamp(), updated_at = clock_timestamp(), progress = NULL
      FROM (SELECT due.id FROM share,
                   LATERAL (SELECT id FROM jobs
                             WHERE account_id = share.account_id AND status = 'queued' AND due_at <= clock_timestamp()
                               AND type = ANY(${types})
                             ORDER BY priority DESC, due_at, id LIMIT share.slots FOR UPDATE SKIP LOCKED) AS due) AS picked
     WHERE jobs.id = picked.id
    RETURNING jobs.id, jobs.account_id, user_id, user_name, type, database, query, status, priority, retry_limit, attempt,
              given_back, workers_lost, kill_requested, result_url, pool_name, engine_version, domain_key, schedule_id,
              scheduled_at, created_at, updated_at, start_at, end_at, cpu_ms, result_schema, result_rows, result_bytes,
              result_path, error_name, error_message, log`
  const jobs = rows.map(jobFromRow).sort(byPriorityThenId)
  for (const { accountId } of jobs) turns.served(accountId)
  return jobs
}

const byPriorityThenId = (a: Job, b: Job) => b.priority - a.priority || (a.id < b.id ? -1 : 1)

/**
 * Every account that has a due job, and how many of its jobs run. Goes from account to account through the index: a
 * backlog of one costs no more than a single job.
 */
function accountsWithDueJobs(sql: Sql, types: readonly string[]): Promise<AccountLoad[]> {
  return sql<AccountLoad>`
    WITH RECURSIVE waiting AS (
      (SELECT account_id FROM jobs WHERE status = 'queued' ORDER BY account_id LIMIT 1)
      UNION ALL
      SELECT (SELECT next.account_id FROM jobs AS next
               WHERE next.status = 'queued' AND next.account_id > waiting.account_id ORDER BY next.account_id LIMIT 1)
        FROM waiting WHERE waiting.account_id IS NOT NULL),
    running AS (
      SELECT account_id, count(*)::int AS running FROM jobs WHERE status IN ('booting', 'running') GROUP BY account_id)
    SELECT waiting.account_id AS account, coalesce(running.running, 0) AS running
      FROM waiting LEFT JOIN running USING (account_id)
     WHERE waiting.account_id IS NOT NULL
       AND EXISTS (SELECT 1 FROM jobs AS due WHERE due.account_id = waiting.account_id AND due.status = 'queued'
                      AND due.due_at <= clock_timestamp() AND due.type = ANY(${types}))`
}

/**
 * Holds the accounts' locks until the transaction ends, so that what the next statement counts is exact. Always in the same
 * order, so that two claims never wait for each other in a circle.
 */
async function lockAccounts(sql: Sql, shares: readonly AccountShare[]): Promise<void> {
  const accounts = shares.map(({ account }) => account).sort((a, b) => (a < b ? -1 : 1))
  await sql`
    SELECT pg_advisory_xact_lock(hashtextextended('jobs of account ' || account, 0))
      FROM unnest(${accounts.map(String)}::text[]) WITH ORDINALITY AS wanted (account, place) ORDER BY place`
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
