import type { Sql } from '../kernel/index.ts'
import type { Permission } from '../snapshot/index.ts'

export type LockedDatabase = { id: bigint; deleteProtected: boolean }

/** Keeps the database from being dropped until the transaction ends; many may hold it. */
export async function holdDatabase(sql: Sql, accountId: bigint, name: string): Promise<bigint | undefined> {
  const [row] = await sql<{ id: bigint }>`
    SELECT id FROM databases WHERE account_id = ${accountId} AND name = ${name} AND removed_at IS NULL
       FOR KEY SHARE`
  return row?.id
}

/** For the one who changes or drops it: waits for all who hold it. */
export async function lockDatabase(
  sql: Sql,
  accountId: bigint,
  name: string,
): Promise<LockedDatabase | undefined> {
  const [row] = await sql<LockedDatabase>`
    SELECT id, delete_protected AS "deleteProtected" FROM databases
     WHERE account_id = ${accountId} AND name = ${name} AND removed_at IS NULL FOR UPDATE`
  return row
}

/** False when there is one of that name. `id`: a number that was reserved for it. */
export async function insertDatabase(
  sql: Sql,
  { accountId, name, ownerId, id }: { accountId: bigint; name: string; ownerId: bigint; id?: bigint },
): Promise<boolean> {
  const rows = await sql`
    INSERT INTO databases (id, account_id, name, owner_id)
    VALUES (coalesce(${id ?? null}::bigint, nextval(pg_get_serial_sequence('databases', 'id'))), ${accountId}, ${name}, ${ownerId})
    ON CONFLICT (account_id, name) WHERE removed_at IS NULL DO NOTHING RETURNING id`
  return rows.length === 1
}

/** With all its tables and permissions. */
export async function removeDatabase(sql: Sql, id: bigint): Promise<void> {
  await sql`UPDATE tables SET removed_at = now() WHERE database_id = ${id} AND removed_at IS NULL`
  await sql`DELETE FROM database_permissions WHERE database_id = ${id}`
  await sql`UPDATE databases SET removed_at = now() WHERE id = ${id}`
}

/** What the user may do in these databases, by their names, for the log of changes; those without a permission are left out. */
export async function permissionsIn(
  sql: Sql,
  userId: bigint,
  databaseIds: readonly bigint[],
): Promise<Record<string, Permission>> {
  const rows = await sql<{ name: string; permission: Permission }>`
    SELECT d.name, p.permission FROM database_permissions p JOIN databases d ON d.id = p.database_id
     WHERE p.user_id = ${userId} AND p.database_id = ANY(${databaseIds.map(String)}::bigint[]) ORDER BY d.name`
  return Object.fromEntries(rows.map(({ name, permission }) => [name, permission]))
}

/** Null takes the permission away. */
export async function setPermission(
  sql: Sql,
  { databaseId, userId, permission }: { databaseId: bigint; userId: bigint; permission: Permission | null },
): Promise<void> {
  if (permission === null) {
    await sql`DELETE FROM database_permissions WHERE database_id = ${databaseId} AND user_id = ${userId}`
    return
  }
  await sql`
    INSERT INTO database_permissions (database_id, user_id, permission)
    VALUES (${databaseId}, ${userId}, ${permission})
    ON CONFLICT (database_id, user_id) DO UPDATE SET permission = EXCLUDED.permission
     WHERE database_permissions.permission <> EXCLUDED.permission`
}

/**
 * Retires chunks of tables that cannot be restored any more. Returns how many; to be called until it is less than `most`. Their
 * rows are locked: a restoration that is under way comes before or after, never in between.
 */
export async function retireChunksOfDroppedTables(
  sql: Sql,
  { undeleteHours, most }: { undeleteHours: number; most: number },
): Promise<number> {
  const over = await sql<{ id: bigint }>`
    SELECT t.id FROM tables t
     WHERE t.removed_at < clock_timestamp() - make_interval(hours => ${undeleteHours})
       AND EXISTS (SELECT FROM chunks c WHERE c.table_id = t.id AND c.retired_at IS NULL)
     ORDER BY t.id LIMIT ${most} FOR UPDATE OF t`
  const ended = over.map(({ id }) => String(id))
  await sql`
    UPDATE tables SET rows_ended_at = clock_timestamp() WHERE id = ANY(${ended}::bigint[]) AND rows_ended_at IS NULL`
  const rows = await sql`
    UPDATE chunks SET retired_at = clock_timestamp() WHERE retired_at IS NULL AND id IN (
      SELECT id FROM chunks WHERE table_id = ANY(${ended}::bigint[])
         AND retired_at IS NULL LIMIT ${most})
    RETURNING 1`
  return rows.length
}
