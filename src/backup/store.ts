import {
  type Connection,
  identifier,
  JOBS_PER_PARTITION,
  type SnapshotStatements,
} from '../database/index.ts'

/**
 * Not saved: what feeds the snapshot (a new node writes its own), who has committed what lately (nobody is left to ask), and the ledger of migrations, which the manifest names.
 */
const LEFT_OUT = ['changes', 'operations', 'schema_migrations']
const ROWS_AT_ONCE = 2_000

export type TableShape = { name: string; columns: string[] }

/** Tables with their columns, a table before those that refer to it. */
export async function listTables({ query }: Pick<SnapshotStatements, 'query'>): Promise<TableShape[]> {
  const tables = await query<{ name: string; columns: string[]; after: string[] }>(
    `SELECT c.relname AS name,
            ARRAY(SELECT a.attname::text FROM pg_attribute a
                   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
                   ORDER BY a.attnum) AS columns,
            ARRAY(SELECT f.confrelid::regclass::text FROM pg_constraint f
                   WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.confrelid <> c.oid) AS after
       FROM pg_class c
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND NOT c.relname = ANY ($1)
      ORDER BY c.relname`,
    [LEFT_OUT],
  )
  const ordered: TableShape[] = []
  const placed = new Set<string>()
  while (ordered.length < tables.length) {
    const next = tables.filter(
      ({ name, after }) => !placed.has(name) && after.every((one) => placed.has(one)),
    )
    if (next.length === 0) throw new Error('tables refer to each other in a circle')
    for (const { name, columns } of next) {
      ordered.push({ name, columns })
      placed.add(name)
    }
  }
  return ordered
}

/** All rows as JSON texts, exact: they are never parsed on the way. */
export async function* readRows({ query }: SnapshotStatements, table: string): AsyncIterable<string[]> {
  await query(
    `DECLARE saved NO SCROLL CURSOR FOR SELECT to_jsonb(t)::text AS row FROM ${identifier(table)} t`,
  )
  for (;;) {
    const rows = await query<{ row: string }>(`FETCH ${ROWS_AT_ONCE} FROM saved`)
    if (rows.length === 0) break
    yield rows.map(({ row }) => row)
  }
  await query('CLOSE saved')
}

export async function readSequences({
  query,
}: SnapshotStatements): Promise<{ name: string; value: string }[]> {
  const rows = await query<{ name: string; value: bigint }>(
    `SELECT sequencename::text AS name, coalesce(last_value, start_value) AS value FROM pg_sequences
      WHERE schemaname = 'public'`,
  )
  return rows.map(({ name, value }) => ({ name, value: String(value) }))
}

/** Number of the newest migration, and the moment this transaction sees. */
export async function readMoment({ query }: SnapshotStatements): Promise<{ schema: number; at: Date }> {
  const [row] = await query<{ schema: number; at: Date }>(
    'SELECT (SELECT max(number) FROM schema_migrations) AS schema, now() AS at',
  )
  return row!
}

/**
 * Paths of the live chunks. What else rows name may go while a backup is being taken, and rightly so: retired chunks whose
 * horizon ends, results past their time, parts that were replaced. A restored node misses none of it.
 */
export async function referencedPaths({ query }: SnapshotStatements): Promise<Set<string>> {
  const rows = await query<{ path: string }>('SELECT path FROM chunks WHERE retired_at IS NULL')
  return new Set(rows.map(({ path }) => path))
}

/** True when nothing has been stored in the database yet. */
export async function isEmpty(connection: Connection): Promise<boolean> {
  const [row] = await connection.query<{ empty: boolean }>(
    'SELECT NOT EXISTS (SELECT FROM accounts) AS empty',
  )
  return row!.empty
}

/** Rows as `readRows` gave them. Triggers are off: the snapshot of the new node is written from the tables as a whole. */
export async function insertRows(
  connection: Connection,
  { name, columns }: TableShape,
  rows: string[],
): Promise<void> {
  const list = columns.map(identifier).join(', ')
  await connection.query(
    `INSERT INTO ${identifier(name)} (${list}) OVERRIDING SYSTEM VALUE
     SELECT ${list} FROM jsonb_populate_recordset(null::${identifier(name)}, $1::jsonb)`,
    [`[${rows.join(',')}]`],
  )
}

export async function switchTriggers(connection: Connection, table: string, on: boolean): Promise<void> {
  await connection.query(`ALTER TABLE ${identifier(table)} ${on ? 'ENABLE' : 'DISABLE'} TRIGGER USER`)
}

/** Partitions as the old database had them, so that history can be dropped again by partition. */
export async function createMissingJobPartitions(connection: Connection): Promise<void> {
  const missing = await connection.query<{ number: bigint }>(
    'SELECT DISTINCT id / $1::bigint AS number FROM jobs_rest WHERE id >= 0',
    [JOBS_PER_PARTITION],
  )
  for (const { number } of missing)
    await connection.query('SELECT create_job_partition($1, $2, $3)', [
      number,
      number * JOBS_PER_PARTITION,
      (number + 1n) * JOBS_PER_PARTITION,
    ])
}

/** Behind everything that was given out, also after the backup: an id is never used for a second thing. */
export async function moveSequence(
  connection: Connection,
  { name, value }: { name: string; value: string },
  gap: number,
): Promise<void> {
  await connection.query(
    `SELECT setval(to_regclass($1), $2::bigint + $3) WHERE to_regclass($1) IS NOT NULL`,
    [identifier(name), value, gap],
  )
}

export async function analyze(connection: Connection): Promise<void> {
  await connection.query('ANALYZE')
}
