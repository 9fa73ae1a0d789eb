import { insertChunks, jobOwner, retireChunks } from '../archive/index.ts'
import type { Sql } from '../kernel/index.ts'
import type { Attempt } from './lock-store.ts'
import type { ChunkStep } from './types.ts'

/** Puts back, at `undo`, everything since. */
export async function mark(sql: Sql): Promise<void> {
  await sql`SAVEPOINT writes`
}
export async function undo(sql: Sql): Promise<void> {
  await sql`ROLLBACK TO SAVEPOINT writes`
}

/** False when one of the chunks that go is not live any more. */
export async function applyChunks(
  sql: Sql,
  { id, attempt }: Attempt,
  { tableId, retire, add }: ChunkStep,
): Promise<boolean> {
  const ids = retire.map(BigInt)
  if (ids.length > 0 && (await retireChunks(sql, BigInt(tableId), ids)) !== ids.length) return false
  await insertChunks(sql, BigInt(tableId), jobOwner(id, attempt), add)
  return true
}

/** The transaction's own number, as the snapshot calls it. */
export async function transactionId(sql: Sql): Promise<bigint> {
  const [row] = await sql<{ xid: string }>`SELECT pg_current_xact_id()::text AS xid`
  return BigInt(row!.xid)
}

export async function hasViews(sql: Sql, databaseId: bigint): Promise<boolean> {
  const rows = await sql`SELECT 1 FROM views WHERE database_id = ${databaseId} LIMIT 1`
  return rows.length > 0
}

export async function tablesOfDatabase(sql: Sql, databaseId: bigint): Promise<bigint[]> {
  const rows = await sql<{ id: bigint }>`
    SELECT id FROM tables WHERE database_id = ${databaseId} AND removed_at IS NULL`
  return rows.map(({ id }) => id)
}
