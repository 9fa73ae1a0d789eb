import type { Sql } from '../kernel/index.ts'

/** What there is to do. */
export type JobLoad = {
  queued: number
  running: number
  /** How long the job waits that has been due longest; 0 when none is. */
  oldestDueSeconds: number
  /** Queued jobs of the account that has most of them. */
  mostQueuedOfAccount: number
}

/** Reads the partial indexes of what is queued and what runs, not the history. */
export async function readJobLoad(sql: Sql): Promise<JobLoad> {
  const [load] = await sql<JobLoad>`
    WITH queued AS (
      SELECT account_id, count(*)::int AS jobs, min(due_at) AS due_at FROM jobs WHERE status = 'queued' GROUP BY account_id)
    SELECT coalesce(sum(jobs), 0)::int AS queued,
           (SELECT count(*)::int FROM jobs WHERE status IN ('booting', 'running')) AS running,
           greatest(0, coalesce(extract(epoch FROM clock_timestamp() - min(due_at)), 0))::float8 AS "oldestDueSeconds",
           coalesce(max(jobs), 0)::int AS "mostQueuedOfAccount"
      FROM queued`
  return load!
}

/** Queued jobs of an account, counted up to `most`. */
export async function countQueued(sql: Sql, accountId: bigint, most: number): Promise<number> {
  const [{ count }] = await sql<{ count: number }>`
    SELECT count(*)::int AS count
      FROM (SELECT 1 FROM jobs WHERE account_id = ${accountId} AND status = 'queued' LIMIT ${most}) AS counted`
  return count
}
