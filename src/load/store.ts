import type { Sql } from '../kernel/index.ts'
import type { KnownColumn } from './decode/index.ts'
import type { ErrorRecord, ImportId, LoadedChunk, LoadTable, TableChange } from './types.ts'

/**
 * Makes the caller the one owner of the spool: whoever owned it before can commit nothing any more. The position is
 * where the next record to load begins. `updated_at` stays: it says up to when everything received is loaded, and the sweep of
 * ids waits for it.
 */
export async function claimSpool(sql: Sql, spool: string): Promise<{ position: string; epoch: bigint }> {
  const [claimed] = await sql<{ position: string; epoch: bigint }>`
    INSERT INTO spool_positions AS p (spool, position, owner_epoch) VALUES (${spool}, '0:0', 1)
    ON CONFLICT (spool) DO UPDATE SET owner_epoch = p.owner_epoch + 1
    RETURNING position, owner_epoch AS epoch`
  return claimed!
}

/**
 * False when the spool has another owner, or its position is not `from` any more: then nothing may be stored. `throughMs`:
 * when the last of the records was received.
 */
export async function movePosition(
  sql: Sql,
  move: { spool: string; epoch: bigint; from: string; to: string; throughMs: number },
): Promise<boolean> {
  const moved = await sql`
    UPDATE spool_positions SET position = ${move.to},
           updated_at = GREATEST(updated_at, LEAST(clock_timestamp(), to_timestamp(${move.throughMs} / 1000.0)))
     WHERE spool = ${move.spool} AND position = ${move.from} AND owner_epoch = ${move.epoch}
    RETURNING spool`
  return moved.length === 1
}

/** Nothing that was received before now waits in the spool. */
export async function noteAllLoaded(
  sql: Sql,
  { spool, epoch }: { spool: string; epoch: bigint },
): Promise<void> {
  await sql`UPDATE spool_positions SET updated_at = clock_timestamp() WHERE spool = ${spool} AND owner_epoch = ${epoch}`
}

type TableRow = Omit<LoadTable, 'columns'> & { columns: KnownColumn[] | null }

/** Tables that exist, with all their columns, removed ones included; those dropped are left out. */
export async function findTables(sql: Sql, ids: bigint[]): Promise<LoadTable[]> {
  const rows = await sql<TableRow>`
    SELECT t.id, t.database_id AS "databaseId", d.account_id AS "accountId", d.name AS database, t.name,
           t.detect_schema AS "detectSchema",
           (SELECT jsonb_agg(jsonb_build_object('name', c.name, 'key', c.key, 'type', c.type,
                                                'removed', c.removed_at IS NOT NULL) ORDER BY c.ordinal)
              FROM table_columns c WHERE c.table_id = t.id) AS columns
      FROM tables t JOIN databases d ON d.id = t.database_id
     WHERE t.id = ANY(${ids.map(String)}::bigint[]) AND t.removed_at IS NULL AND d.removed_at IS NULL`
  return rows.map((row) => ({ ...row, columns: row.columns ?? [] }))
}

export type UnverifiedName = { accountId: bigint; database: string; table: string }

/** The ids of tables known by name only, in the order asked for; null where there is none. */
export async function findTableIds(
  sql: Sql,
  names: UnverifiedName[],
): Promise<{ databaseId: bigint | null; tableId: bigint | null }[]> {
  return sql<{ databaseId: bigint | null; tableId: bigint | null }>`
    SELECT d.id AS "databaseId", t.id AS "tableId"
      FROM unnest(${names.map((n) => String(n.accountId))}::bigint[], ${names.map((n) => n.database)}::text[],
                  ${names.map((n) => n.table)}::text[]) WITH ORDINALITY AS n (account_id, database, "table", place)
      LEFT JOIN databases d ON d.account_id = n.account_id AND d.name = n.database AND d.removed_at IS NULL
      LEFT JOIN tables t ON t.database_id = d.id AND t.name = n."table" AND t.removed_at IS NULL
     ORDER BY n.place`
}

/**
 * For payloads whose table is gone, in the order asked for: the table that bears its name in the same database now, if the payload was
 * received after the old one had gone; null otherwise: what was received before went with that. Ages are compared, each measured by
 * one clock, not times of two.
 */
export async function findHeirs(
  sql: Sql,
  wanted: { tableId: bigint; database: string; table: string; ageMs: number }[],
): Promise<(bigint | null)[]> {
  const rows = await sql<{ id: bigint | null }>`
    SELECT t.id
      FROM unnest(${wanted.map(({ tableId }) => String(tableId))}::bigint[], ${wanted.map(({ database }) => database)}::text[],
                  ${wanted.map(({ table }) => table)}::text[], ${wanted.map(({ ageMs }) => ageMs)}::float8[])
           WITH ORDINALITY AS n (table_id, database, "table", age_ms, place)
      LEFT JOIN tables gone ON gone.id = n.table_id
            AND clock_timestamp() - gone.removed_at >= make_interval(secs => n.age_ms / 1000)
      LEFT JOIN databases d ON d.id = gone.database_id AND d.name = n.database AND d.removed_at IS NULL
      LEFT JOIN tables t ON t.database_id = d.id AND t.name = n."table" AND t.removed_at IS NULL
     ORDER BY n.place`
  return rows.map(({ id }) => id)
}

export type KeyVerdict = {
  sha256: string
  userId: bigint
  accountId: bigint
  revoked: boolean
  everywhere: boolean
  databases: bigint[]
}

/** Keys by their SHA-256: whose they are, whether they still count, and into which databases they may import. */
export async function findKeys(sql: Sql, sha256s: string[]): Promise<KeyVerdict[]> {
  return sql<KeyVerdict>`
    SELECT k.sha256, k.user_id AS "userId", k.account_id AS "accountId",
           k.revoked_at IS NOT NULL OR u.removed_at IS NOT NULL AS revoked,
           u.role IN ('owner', 'administrator') AS everywhere,
           ARRAY(SELECT p.database_id FROM database_permissions p
                  WHERE p.user_id = u.id AND p.permission <> 'query_only'
                 UNION SELECT d.id FROM databases d WHERE d.owner_id = u.id) AS databases
      FROM api_keys k JOIN users u ON u.id = k.user_id
     WHERE k.sha256 = ANY(${sha256s}::text[])`
}

/** Whose these keys are, by their ids. */
export async function findKeyUsers(sql: Sql, ids: bigint[]): Promise<{ id: bigint; userId: bigint }[]> {
  return sql<{ id: bigint; userId: bigint }>`
    SELECT id, user_id AS "userId" FROM api_keys WHERE id = ANY(${ids.map(String)}::bigint[])`
}

/** Which of these ids are stored already. */
export async function findImportIds(
  sql: Sql,
  ids: { tableId: bigint; id: string }[],
): Promise<{ tableId: bigint; id: string }[]> {
  return sql<{ tableId: bigint; id: string }>`
    SELECT i.table_id AS "tableId", i.id
      FROM unnest(${ids.map((one) => String(one.tableId))}::bigint[], ${ids.map((one) => one.id)}::text[]) AS n (table_id, id)
      JOIN import_ids i ON i.table_id = n.table_id AND i.id = n.id`
}

/**
 * Stores the ids; the number that were new. Sorted, so that two loaders with the same ids wait for each other
 * instead of deadlocking.
 * Their age counts from this moment by the database's clock: a collector's wrong clock, or days of absence, must not make
 * an id old before it is stored.
 */
export async function insertImportIds(sql: Sql, ids: ImportId[]): Promise<number> {
  const sorted = [...ids].sort((a, b) => Number(a.tableId - b.tableId) || (a.id < b.id ? -1 : 1))
  let stored = 0
  for (const some of portions(sorted, ({ id }) => id.length + 20)) {
    const rows = await sql`
      INSERT INTO import_ids (table_id, id, received_at)
      SELECT n.table_id, n.id, clock_timestamp()
        FROM unnest(${some.map((one) => String(one.tableId))}::bigint[], ${some.map((one) => one.id)}::text[]) AS n (table_id, id)
      ON CONFLICT DO NOTHING RETURNING table_id`
    stored += rows.length
  }
  return stored
}

/** Nobody else gives names or types in these tables until the transaction ends. In order of id: no deadlock. */
export async function lockTables(sql: Sql, ids: bigint[]): Promise<void> {
  await sql`SELECT id FROM tables WHERE id = ANY(${ids.map(String)}::bigint[]) ORDER BY id FOR NO KEY UPDATE`
}

/** Adds new columns behind the existing ones, revives removed ones, widens types, flags overflow. */
export async function applyChanges(sql: Sql, changes: TableChange[]): Promise<void> {
  const added = changes.flatMap(({ table, newColumns }) =>
    newColumns
      .filter(({ revived }) => !revived)
      .map(({ name, key, type }, place) => ({ table_id: String(table.id), name, key, type, place })),
  )
  // One row per column: a revived column may have been widened by a later chunk of the same batch.
  const changed = new Map<string, { table_id: string; name: string; type: string }>()
  for (const { table, newColumns, widened } of changes) {
    const table_id = String(table.id)
    const note = (name: string, type: string) => changed.set(`${table_id} ${name}`, { table_id, name, type })
    for (const { name, type, revived } of newColumns) if (revived) note(name, type)
    for (const { name, to } of widened) note(name, to)
  }
  const overflowed = changes.filter((change) => change.overflowed).map(({ table }) => String(table.id))
  if (added.length > 0)
    await sql`
      INSERT INTO table_columns (table_id, name, key, type, ordinal)
      SELECT n.table_id, n.name, n.key, n.type, n.place + 1 +
             COALESCE((SELECT max(c.ordinal) FROM table_columns c WHERE c.table_id = n.table_id), 0)
        FROM jsonb_to_recordset(${JSON.stringify(added)}::jsonb)
             AS n (table_id bigint, name text, key text, type text, place integer)`
  if (changed.size > 0)
    await sql`
      UPDATE table_columns c SET type = n.type, removed_at = NULL
        FROM jsonb_to_recordset(${JSON.stringify([...changed.values()])}::jsonb) AS n (table_id bigint, name text, type text)
       WHERE c.table_id = n.table_id AND c.name = n.name`
  if (overflowed.length > 0)
    await sql`UPDATE tables SET overflowed = true WHERE id = ANY(${overflowed}::bigint[]) AND NOT overflowed`
}

/** Chunk rows, in statements of bounded size: a batch may bring thousands of chunks with hundreds of columns each. */
export async function insertChunks(sql: Sql, owner: string, chunks: LoadedChunk[]): Promise<void> {
  const rows = chunks.map(({ tableId, path, bytes, rows: count, timeMin, timeMax, columns }) =>
    JSON.stringify({
      table_id: String(tableId),
      time_from: timeMin,
      time_to: timeMax + 1,
      rows: count,
      bytes,
      path,
      columns,
    }),
  )
  for (const some of portions(rows, (row) => row.length))
    await sql`
      INSERT INTO chunks (table_id, time_range, rows, bytes, path, owner, columns)
      SELECT n.table_id, int8range(n.time_from, n.time_to), n.rows, n.bytes, n.path, ${owner}, n.columns
        FROM jsonb_to_recordset(${`[${some.join()}]`}::jsonb)
             AS n (table_id bigint, time_from bigint, time_to bigint, rows bigint, bytes bigint, path text, columns jsonb)`
}

/** A portion is closed when it has this much: what travels as one parameter stands in memory three times over. */
const PORTION_BYTES = 4 << 20

/** The items in order, in portions that end with the first item that fills them. */
export function* portions<T>(items: T[], bytesOf: (item: T) => number): Generator<T[]> {
  let portion: T[] = []
  let bytes = 0
  for (const item of items) {
    portion.push(item)
    bytes += bytesOf(item)
    if (bytes < PORTION_BYTES) continue
    yield portion
    portion = []
    bytes = 0
  }
  if (portion.length > 0) yield portion
}

/** Bodies beyond this travel alone, as they are: within an array they would be written in hexadecimal. */
const LARGE_BODY_BYTES = 256 * 1024

/** Texts come from outside: a zero byte, which PostgreSQL cannot store, becomes U+FFFD. */
export async function insertErrorRecords(sql: Sql, errors: ErrorRecord[]): Promise<void> {
  const isLarge = ({ body }: ErrorRecord) => body !== null && body.length > LARGE_BODY_BYTES
  for (const some of portions(errors, ({ body }) => 200 + (body?.length ?? 0)))
    await insertTogether(
      sql,
      some.map((error) => ({ ...error, body: isLarge(error) ? null : error.body })),
      some.map((error) => (isLarge(error) ? error.body : null)),
    )
}

async function insertTogether(sql: Sql, errors: ErrorRecord[], large: (Buffer | null)[]): Promise<void> {
  const texts = (pick: (error: ErrorRecord) => string | null) =>
    errors.map((error) => pick(error)?.replaceAll('\0', '\ufffd') ?? null)
  const rows = await sql<{ id: bigint }>`
    INSERT INTO error_records (account_id, table_id, database, "table", channel, reason, unique_id, records, body,
                               received_at, key_id, key_sha256)
    SELECT n.account_id, n.table_id, n.database, n."table", n.channel, n.reason, n.unique_id, n.records, n.body,
           to_timestamp(n.received_ms / 1000.0), n.key_id, n.key_sha256
      FROM unnest(${errors.map((e) => String(e.accountId))}::bigint[],
                  ${errors.map((e) => (e.tableId === null ? null : String(e.tableId)))}::bigint[],
                  ${texts((e) => e.database)}::text[], ${texts((e) => e.table)}::text[],
                  ${texts((e) => e.channel)}::text[], ${texts((e) => e.reason)}::text[],
                  ${texts((e) => e.uniqueId)}::text[], ${errors.map((e) => e.records)}::bigint[],
                  ${errors.map((e) => e.body)}::bytea[], ${errors.map((e) => e.receivedAtMs)}::bigint[],
                  ${errors.map((e) => (e.keyId === null ? null : String(e.keyId)))}::bigint[],
                  ${texts((e) => e.keySha256)}::text[])
           WITH ORDINALITY
           AS n (account_id, table_id, database, "table", channel, reason, unique_id, records, body, received_ms, key_id,
                 key_sha256, place)
     ORDER BY n.place RETURNING id`
  for (const [i, body] of large.entries())
    if (body !== null) await sql`UPDATE error_records SET body = ${body} WHERE id = ${rows[i]!.id}`
}

/** Which of these paths the catalog names, retired chunks included. */
export async function findChunkPaths(sql: Sql, paths: string[]): Promise<Set<string>> {
  const rows = await sql<{ path: string }>`SELECT path FROM chunks WHERE path = ANY(${paths}::text[])`
  return new Set(rows.map(({ path }) => path))
}
