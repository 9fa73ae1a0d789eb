import { reserveIds } from '../catalog/index.ts'
import type { Sql } from '../kernel/index.ts'
import type { NewIds } from './overlay.ts'
import type { Lock } from './plan.ts'

export type Attempt = { id: bigint; attempt: number }
/** taken: by that job · fenced: the attempt is over. */
export type LocksTaken = { kind: 'taken'; by: bigint } | { kind: 'fenced' } | { kind: 'held'; ids: NewIds }

/**
 * Takes all of these locks for the attempt instead of what it had, or none, and reserves numbers for tables to come. Locks of attempts
 * that do not run are void: whoever ends late finds out by having lost them. Where rows are to be taken out it waits for merges that are
 * committing: chunks that are read afterwards stay live until the job ends.
 */
export async function takeLocks(
  sql: Sql,
  { id, attempt }: Attempt,
  locks: readonly Lock[],
  created: { tables: number; databases: number },
): Promise<LocksTaken> {
  const targets = locks.map(({ target }) => target)
  const rowsOf = locks.flatMap(({ tableId }) => (tableId === null ? [] : [String(tableId)]))
  await sql`SELECT 1 FROM tables WHERE id = ANY(${rowsOf}::bigint[]) ORDER BY id FOR UPDATE`
  await sql`LOCK TABLE write_locks IN SHARE ROW EXCLUSIVE MODE`
  const mine = await sql`
    SELECT 1 FROM jobs WHERE id = ${id} AND attempt = ${attempt} AND status IN ('booting', 'running')`
  if (mine.length === 0) return { kind: 'fenced' }
  await sql`
    DELETE FROM write_locks w WHERE w.job_id = ${id} OR w.target = ANY(${targets}::text[]) AND NOT EXISTS (
      SELECT FROM jobs j WHERE j.id = w.job_id AND j.attempt = w.attempt AND j.status IN ('booting', 'running'))`
  const [other] = await sql<{ job: bigint }>`
    SELECT job_id AS job FROM write_locks WHERE target = ANY(${targets}::text[])
    UNION ALL
    SELECT h.job_id FROM chunk_holds h JOIN jobs j ON j.id = h.job_id AND j.attempt = h.attempt
     WHERE h.table_id = ANY(${rowsOf}::bigint[]) AND j.status IN ('queued', 'booting', 'running') LIMIT 1`
  if (other !== undefined) return { kind: 'taken', by: other.job }
  await sql`
    INSERT INTO write_locks (job_id, attempt, target, table_id)
    SELECT ${id}, ${attempt}, n.target, n.table_id
      FROM unnest(${targets}::text[], ${locks.map(({ tableId }) => (tableId === null ? null : String(tableId)))}::bigint[])
           AS n (target, table_id)`
  return { kind: 'held', ids: await reserveIds(sql, created) }
}

/** Gives up what the attempt has taken; returns how many there were. */
export async function endLocks(sql: Sql, { id, attempt }: Attempt): Promise<number> {
  const rows = await sql`
    DELETE FROM write_locks WHERE job_id = ${id} AND attempt = ${attempt} RETURNING 1`
  return rows.length
}
