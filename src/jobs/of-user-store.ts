import type { Sql } from '../kernel/index.ts'

/** Jobs of the user that have not ended. */
export async function findUnfinishedJobs(sql: Sql, accountId: bigint, userId: bigint): Promise<bigint[]> {
  const rows = await sql<{ id: bigint }>`
    SELECT id FROM jobs
     WHERE status IN ('queued', 'booting', 'running') AND account_id = ${accountId} AND user_id = ${userId} ORDER BY id`
  return rows.map(({ id }) => id)
}
