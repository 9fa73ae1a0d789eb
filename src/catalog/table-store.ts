import type { Sql } from '../kernel/index.ts'
import { type NamedColumn, nameColumns } from './column-names.ts'
import type { DeclaredColumn } from './schema.ts'

export type TableSettings = {
  expireDays?: number | null
  includeV?: boolean
  detectSchema?: boolean
  description?: string | null
}
export type LockedTable = { id: bigint; name: string; type: string }

/** The live table of that name, locked against other changes of the catalog; imports go on. */
export async function lockTable(
  sql: Sql,
  databaseId: bigint,
  name: string,
): Promise<LockedTable | undefined> {
  const [row] = await sql<LockedTable>`
    SELECT id, name, type FROM tables
     WHERE database_id = ${databaseId} AND name = ${name} AND removed_at IS NULL FOR NO KEY UPDATE`
  return row
}

/** The new id; undefined when there is a table of that name already. */
export async function insertTable(
  sql: Sql,
  {
    databaseId,
    name,
    type,
    idempotentKey,
    ...settings
  }: TableSettings & {
    databaseId: bigint
    name: string
    type: string
    idempotentKey?: string
  },
): Promise<bigint | undefined> {
  const [row] = await sql<{ id: bigint }>`
    INSERT INTO tables (database_id, name, type, expire_days, include_v, detect_schema, description, idempotent_key)
    VALUES (${databaseId}, ${name}, ${type}, ${settings.expireDays ?? null}, ${settings.includeV ?? true},
            ${settings.detectSchema ?? true}, ${settings.description ?? null}, ${idempotentKey ?? null})
    ON CONFLICT (database_id, name) WHERE removed_at IS NULL DO NOTHING RETURNING id`
  return row?.id
}

/** Likewise, under a number that was reserved for it; false when there is a table of that name. */
export async function insertTableAs(
  sql: Sql,
  { id, databaseId, name, type }: { id: bigint; databaseId: bigint; name: string; type: string },
): Promise<boolean> {
  const rows = await sql`
    INSERT INTO tables (id, database_id, name, type) VALUES (${id}, ${databaseId}, ${name}, ${type})
    ON CONFLICT (database_id, name) WHERE removed_at IS NULL DO NOTHING RETURNING id`
  return rows.length === 1
}

/** Numbers for tables and databases to come. */
export async function reserveIds(
  sql: Sql,
  { tables, databases }: { tables: number; databases: number },
): Promise<{ tables: bigint[]; databases: bigint[] }> {
  const of = async (table: string, count: number) => {
    const rows = await sql<{ id: bigint }>`
      SELECT nextval(pg_get_serial_sequence(${table}, 'id')) AS id FROM generate_series(1, ${count}::int)`
    return rows.map(({ id }) => id)
  }
  return { tables: await of('tables', tables), databases: await of('databases', databases) }
}

/** As `lockTable`, by number; false when it is gone. */
export async function lockTableById(sql: Sql, id: bigint): Promise<boolean> {
  const rows = await sql`
    SELECT 1 FROM tables WHERE id = ${id} AND removed_at IS NULL FOR NO KEY UPDATE`
  return rows.length === 1
}

/** Keeps it from being dropped until the transaction ends; many may hold it. False when it is gone. */
export async function holdTableById(sql: Sql, id: bigint): Promise<boolean> {
  const rows = await sql`
    SELECT 1 FROM tables t JOIN databases d ON d.id = t.database_id
     WHERE t.id = ${id} AND t.removed_at IS NULL AND d.removed_at IS NULL FOR SHARE OF t`
  return rows.length === 1
}

/** False when there is no such column any more. */
export async function hideColumn(sql: Sql, tableId: bigint, key: string): Promise<boolean> {
  const rows = await sql`
    UPDATE table_columns SET removed_at = now()
     WHERE table_id = ${tableId} AND key = ${key} AND removed_at IS NULL RETURNING 1`
  return rows.length === 1
}

export async function idempotentKeyOf(
  sql: Sql,
  databaseId: bigint,
  name: string,
): Promise<string | undefined> {
  const [row] = await sql<{ key: string | null }>`
    SELECT idempotent_key AS key FROM tables
     WHERE database_id = ${databaseId} AND name = ${name} AND removed_at IS NULL`
  return row?.key ?? undefined
}

/** Changes what is given (not undefined). */
export async function updateTable(sql: Sql, id: bigint, change: TableSettings): Promise<void> {
  const { expireDays, includeV, detectSchema, description } = change
  await sql`
    UPDATE tables SET
      expire_days = CASE WHEN ${expireDays !== undefined} THEN ${expireDays ?? null}::int ELSE expire_days END,
      include_v = coalesce(${includeV ?? null}::boolean, include_v),
      detect_schema = coalesce(${detectSchema ?? null}::boolean, detect_schema),
      description = CASE WHEN ${description !== undefined} THEN ${description ?? null} ELSE description END,
      updated_at = now()
    WHERE id = ${id}`
}

/** What can be changed of it, for the log of changes. */
export async function describeTable(sql: Sql, id: bigint): Promise<Record<string, unknown>> {
  const [row] = await sql<Record<string, unknown>>`
    SELECT t.name, t.expire_days, t.include_v, t.detect_schema, t.description,
           (SELECT coalesce(jsonb_object_agg(c.name, c.type), '{}') FROM table_columns c
             WHERE c.table_id = t.id AND c.removed_at IS NULL) AS columns
      FROM tables t WHERE t.id = ${id}`
  return row ?? {}
}

export async function removeTable(sql: Sql, id: bigint): Promise<void> {
  await sql`UPDATE tables SET removed_at = now(), updated_at = now() WHERE id = ${id}`
}

/** The name must be free. */
export async function moveTable(
  sql: Sql,
  id: bigint,
  { databaseId, name }: { databaseId: bigint; name: string },
): Promise<void> {
  await sql`UPDATE tables SET database_id = ${databaseId}, name = ${name}, updated_at = now() WHERE id = ${id}`
}

/** Two live tables exchange their names. The name in between cannot be a user's: it holds a `~`. */
export async function swapNames(sql: Sql, a: LockedTable, b: LockedTable): Promise<void> {
  await sql`UPDATE tables SET name = ${`~${a.id}`}, updated_at = now() WHERE id = ${a.id}`
  await sql`UPDATE tables SET name = ${a.name}, updated_at = now() WHERE id = ${b.id}`
  await sql`UPDATE tables SET name = ${b.name}, updated_at = now() WHERE id = ${a.id}`
}

type ColumnRow = NamedColumn & {
  type: string
  ordinal: number
  description: string | null
  declared: boolean
  removed_at: Date | null
}

/**
 * Declares columns: new ones are added at the end, known ones get type and alias (and come back when they had been
 * removed). With `replace`, columns that are not listed are removed.
 * @throws schema_invalid (422, final) when an alias is the name of another column
 */
export async function declareColumns(
  sql: Sql,
  tableId: bigint,
  columns: DeclaredColumn[],
  { replace }: { replace: boolean },
): Promise<void> {
  const known = await sql<ColumnRow>`
    SELECT name, key, type, ordinal, description, declared, removed_at, removed_at IS NOT NULL AS removed
      FROM table_columns WHERE table_id = ${tableId} FOR UPDATE`
  const names = nameColumns(known, columns, { replace })
  await renameColumns(sql, tableId, known, names)
  const byKey = new Map(known.map((column) => [column.key, column]))
  let ordinal = Math.max(0, ...known.map((column) => column.ordinal))
  for (const column of columns) {
    const there = byKey.get(column.key)
    const place = replace || there === undefined || there.removed ? ++ordinal : there.ordinal
    await putColumn(sql, tableId, { ...column, name: names.get(column.key)!, ordinal: place })
  }
  if (replace)
    await removeColumnsBut(
      sql,
      tableId,
      columns.map(({ key }) => key),
    )
}

/** Deleted and inserted anew, not updated: names may be exchanged, and the snapshot knows columns by their names. */
async function renameColumns(
  sql: Sql,
  tableId: bigint,
  known: ColumnRow[],
  names: Map<string, string>,
): Promise<void> {
  const renamed = known.filter(({ key, name }) => names.get(key) !== name)
  if (renamed.length === 0) return
  await sql`
    DELETE FROM table_columns WHERE table_id = ${tableId} AND key = ANY (${renamed.map(({ key }) => key)}::text[])`
  for (const { key, type, ordinal, description, declared, removed_at } of renamed) {
    await sql`
      INSERT INTO table_columns (table_id, name, key, type, ordinal, description, declared, removed_at)
      VALUES (${tableId}, ${names.get(key)!}, ${key}, ${type}, ${ordinal}, ${description}, ${declared}, ${removed_at})`
  }
}

async function putColumn(
  sql: Sql,
  tableId: bigint,
  { name, key, type, ordinal, description }: DeclaredColumn & { name: string; ordinal: number },
): Promise<void> {
  await sql`
    INSERT INTO table_columns (table_id, name, key, type, ordinal, description, declared)
    VALUES (${tableId}, ${name}, ${key}, ${type}, ${ordinal}, ${description ?? null}, true)
    ON CONFLICT (table_id, name) DO UPDATE
       SET type = EXCLUDED.type, ordinal = EXCLUDED.ordinal, declared = true, removed_at = NULL,
           description = coalesce(EXCLUDED.description, table_columns.description)`
}

/** False when there is no such column. */
export async function describeColumn(
  sql: Sql,
  tableId: bigint,
  key: string,
  description: string | null,
): Promise<boolean> {
  const rows = await sql`
    UPDATE table_columns SET description = ${description}
     WHERE table_id = ${tableId} AND key = ${key} AND removed_at IS NULL RETURNING 1`
  return rows.length === 1
}

async function removeColumnsBut(sql: Sql, tableId: bigint, keys: string[]): Promise<void> {
  await sql`
    UPDATE table_columns SET removed_at = now()
     WHERE table_id = ${tableId} AND removed_at IS NULL AND NOT (key = ANY (${keys}::text[]))`
}

/** So that `updated_at` tells of a new schema. */
export async function touchTable(sql: Sql, id: bigint): Promise<void> {
  await sql`UPDATE tables SET updated_at = now() WHERE id = ${id}`
}
