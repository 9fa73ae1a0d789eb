import type { Sql } from '../kernel/index.ts'

export type ExpiringTable = { id: bigint; expireDays: number }

/** Tables that have rows past their time; whose chunks are all younger cost one look into the index. */
export async function findExpiring(sql: Sql): Promise<ExpiringTable[]> {
  return sql<ExpiringTable>`
    SELECT t.id, t.expire_days AS "expireDays" FROM tables t
     WHERE t.expire_days IS NOT NULL AND t.removed_at IS NULL
       AND EXISTS (SELECT FROM chunks c
                    WHERE c.table_id = t.id AND c.retired_at IS NULL
                      AND c.time_range && int8range(NULL, extract(epoch FROM clock_timestamp())::bigint - t.expire_days::bigint * 86400))
     ORDER BY t.id`
}

/** The table's expiry as it is now; nobody changes it until the transaction ends. */
export async function holdExpiry(sql: Sql, tableId: bigint): Promise<number | null> {
  const [row] = await sql<{ days: number | null }>`
    SELECT expire_days AS days FROM tables WHERE id = ${tableId} AND removed_at IS NULL FOR SHARE`
  return row?.days ?? null
}

/** Retires up to `most` chunks whose rows are all older than `before`. Returns how many. */
export async function retireOlder(sql: Sql, tableId: bigint, before: bigint, most: number): Promise<number> {
  const rows = await sql`
    UPDATE chunks SET retired_at = clock_timestamp() WHERE retired_at IS NULL AND id IN (
      SELECT id FROM chunks WHERE table_id = ${tableId} AND retired_at IS NULL
         AND time_range && int8range(NULL, ${before}) AND upper(time_range) <= ${before} LIMIT ${most})
    RETURNING 1`
  return rows.length
}
