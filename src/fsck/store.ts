import type { SnapshotStatements } from '../database/index.ts'
import { numbered, type Sql } from '../kernel/index.ts'
import type { ChunkColumns } from '../snapshot/index.ts'

const ROWS_AT_ONCE = 1_000
/** A chunk retired so far ahead was set aside by a rebuild: nobody reads it, nothing removes it. */
export const SET_ASIDE = '9999-01-01'

/** Statements of the one moment the check looks at. */
export function sqlOf({ query }: SnapshotStatements): Sql {
  return (text, ...values) => query(numbered(text), values)
}

async function* pages<Row>({ query }: SnapshotStatements, select: string): AsyncIterable<Row[]> {
  await query(`DECLARE looked_at NO SCROLL CURSOR FOR ${select}`)
  for (;;) {
    const rows = await query<Row>(`FETCH ${ROWS_AT_ONCE} FROM looked_at`)
    if (rows.length === 0) break
    yield rows
  }
  await query('CLOSE looked_at')
}

export type ChunkRow = {
  id: bigint
  path: string
  tableId: bigint
  /** null when there is no such table. */
  name: string | null
  rows: bigint
  bytes: bigint
  timeMin: bigint
  timeMax: bigint
  columns: ChunkColumns | null
  live: boolean
  setAside: boolean
}

export function chunkPages(statements: SnapshotStatements, deep: boolean): AsyncIterable<ChunkRow[]> {
  return pages<ChunkRow>(
    statements,
    `SELECT c.id, c.path, c.table_id AS "tableId", d.name || '.' || t.name AS name, c.rows, c.bytes,
            coalesce(lower(c.time_range), 0) AS "timeMin", coalesce(upper(c.time_range), 1) - 1 AS "timeMax",
            ${deep ? 'c.columns' : 'NULL'} AS columns, c.retired_at IS NULL AS live,
            coalesce(c.retired_at >= '${SET_ASIDE}', false) AS "setAside"
       FROM chunks c LEFT JOIN tables t ON t.id = c.table_id LEFT JOIN databases d ON d.id = t.database_id`,
  )
}

export type ResultRow = { jobId: bigint; path: string; bytes: bigint }
export function resultPages(statements: SnapshotStatements): AsyncIterable<ResultRow[]> {
  return pages<ResultRow>(statements, 'SELECT job_id AS "jobId", path, bytes FROM job_results')
}

export type PartRow = { session: string; part: string; path: string; bytes: bigint }
/** Parts that sessions still need. */
export function partPages(statements: SnapshotStatements): AsyncIterable<PartRow[]> {
  return pages<PartRow>(
    statements,
    `SELECT b.name AS session, p.name AS part, p.path, p.bytes FROM bulk_import_parts p
       JOIN bulk_imports b ON b.id = p.bulk_import_id WHERE b.status <> 'committed'`,
  )
}

export type OutputRow = { session: string; path: string }
/** What was performed and waits for its commit: the manifest that names it. */
export function outputPages(statements: SnapshotStatements): AsyncIterable<OutputRow[]> {
  return pages<OutputRow>(
    statements,
    `SELECT name AS session, 'bulk-import/' || id || '/' || job_id || '-' || attempt || '/manifest.json' AS path
       FROM bulk_imports WHERE status = 'ready' AND attempt IS NOT NULL`,
  )
}

export async function countObjects(statements: SnapshotStatements): Promise<number> {
  const [row] = await statements.query<{ n: bigint }>(
    `SELECT (SELECT count(*) FROM chunks) + (SELECT count(*) FROM job_results)
            + (SELECT count(*) FROM bulk_import_parts) AS n`,
  )
  return Number(row!.n)
}

/** Which of these paths a row names. */
export async function namedPaths(sql: Sql, paths: readonly string[]): Promise<Set<string>> {
  const rows = await sql<{ path: string }>`
    SELECT n.path FROM unnest(${paths}::text[]) AS n (path)
     WHERE EXISTS (SELECT FROM chunks c WHERE c.path = n.path)
        OR EXISTS (SELECT FROM bulk_import_parts p WHERE p.path = n.path)
        OR (n.path LIKE 'results/%' AND EXISTS (
              SELECT FROM job_results r
               WHERE r.job_id = substring(n.path FROM '^results/([0-9]{1,18})/')::bigint AND r.path = n.path))`
  return new Set(rows.map(({ path }) => path))
}

/** Which of these chunks are live at this moment. */
export async function stillLive(sql: Sql, ids: readonly bigint[]): Promise<Set<bigint>> {
  const rows = await sql<{ id: bigint }>`
    SELECT id FROM chunks WHERE id = ANY(${ids.map(String)}::bigint[]) AND retired_at IS NULL`
  return new Set(rows.map(({ id }) => id))
}

export async function stillResults(sql: Sql, jobIds: readonly bigint[]): Promise<Set<bigint>> {
  const rows = await sql<{ id: bigint }>`
    SELECT job_id AS id FROM job_results WHERE job_id = ANY(${jobIds.map(String)}::bigint[])`
  return new Set(rows.map(({ id }) => id))
}

export async function stillParts(sql: Sql, paths: readonly string[]): Promise<Set<string>> {
  const rows = await sql<{ path: string }>`
    SELECT p.path FROM bulk_import_parts p JOIN bulk_imports b ON b.id = p.bulk_import_id
     WHERE p.path = ANY(${paths}::text[]) AND b.status <> 'committed'`
  return new Set(rows.map(({ path }) => path))
}

export async function stillReady(sql: Sql, sessions: readonly string[]): Promise<Set<string>> {
  const rows = await sql<{ name: string }>`
    SELECT name FROM bulk_imports WHERE name = ANY(${sessions}::text[]) AND status = 'ready'`
  return new Set(rows.map(({ name }) => name))
}

/** Gives up the rows of chunks whose file is gone, with a line in the audit log of each account. */
export async function retireMissing(sql: Sql, ids: readonly bigint[]): Promise<Set<bigint>> {
  const rows = await sql<{ id: bigint }>`
    WITH given_up AS (
      UPDATE chunks SET retired_at = clock_timestamp()
       WHERE id = ANY(${ids.map(String)}::bigint[]) AND retired_at IS NULL RETURNING id, table_id, rows, path),
    noted AS (
      INSERT INTO audit_log (account_id, action, target, details, address)
      SELECT d.account_id, 'fsck.forget_missing', coalesce(d.name || '.' || t.name, 'table ' || g.table_id),
             jsonb_build_object('rows', sum(g.rows), 'paths', jsonb_agg(g.path)), 'local'
        FROM given_up g LEFT JOIN tables t ON t.id = g.table_id LEFT JOIN databases d ON d.id = t.database_id
       GROUP BY d.account_id, d.name, t.name, g.table_id)
    SELECT id FROM given_up`
  return new Set(rows.map(({ id }) => id))
}

/** As a result that has expired. */
export async function forgetResults(sql: Sql, jobIds: readonly bigint[]): Promise<Set<bigint>> {
  const ids = jobIds.map(String)
  const rows = await sql<{ id: bigint }>`
    DELETE FROM job_results WHERE job_id = ANY(${ids}::bigint[]) RETURNING job_id AS id`
  await sql`UPDATE jobs SET result_path = NULL WHERE id = ANY(${ids}::bigint[])`
  await sql`
    INSERT INTO audit_log (account_id, action, target, address)
    SELECT account_id, 'fsck.forget_missing', 'result of job ' || id, 'local'
      FROM jobs WHERE id = ANY(${rows.map(({ id }) => String(id))}::bigint[])`
  return new Set(rows.map(({ id }) => id))
}

export async function noteRemoval(sql: Sql, paths: readonly string[]): Promise<void> {
  await sql`
    INSERT INTO audit_log (action, target, details, address)
    VALUES ('fsck.remove_orphans', ${`${paths.length} files`}, ${JSON.stringify({ paths })}::jsonb, 'local')`
}

export type ColumnRow = { tableName: string; name: string; type: string; twins: bigint }
/** Columns of live tables; `twins`: others that differ in case only, which SQL cannot tell apart. */
export function columnPages(statements: SnapshotStatements): AsyncIterable<ColumnRow[]> {
  return pages<ColumnRow>(
    statements,
    `SELECT d.name || '.' || t.name AS "tableName", c.name, c.type,
            count(*) OVER (PARTITION BY c.table_id, lower(c.name)) - 1 AS twins
       FROM table_columns c JOIN tables t ON t.id = c.table_id AND t.removed_at IS NULL
       JOIN databases d ON d.id = t.database_id
      WHERE c.removed_at IS NULL`,
  )
}

/** Ids kept of tables that do not exist any more: swept with age. */
export async function idsOfNoTable({ query }: SnapshotStatements): Promise<{ table: string; ids: bigint }[]> {
  return query<{ table: string; ids: bigint }>(
    `SELECT k.table_id::text AS table, sum(k.n)::bigint AS ids
       FROM (SELECT table_id, count(*) AS n FROM import_ids GROUP BY 1
             UNION ALL SELECT table_id, count(*) FROM event_ids GROUP BY 1) k
      WHERE NOT EXISTS (SELECT FROM tables t WHERE t.id = k.table_id AND t.removed_at IS NULL)
      GROUP BY 1 ORDER BY 1`,
  )
}

export async function jobsWithoutPartition({ query }: SnapshotStatements): Promise<bigint> {
  const [row] = await query<{ n: bigint }>('SELECT count(*) AS n FROM jobs_rest WHERE id >= 0')
  return row!.n
}

export async function silentSpools(
  { query }: SnapshotStatements,
  days: number,
): Promise<{ spool: string; position: string; days: number }[]> {
  return query<{ spool: string; position: string; days: number }>(
    `SELECT spool, position, floor(extract(epoch FROM now() - updated_at) / 86400)::int AS days
       FROM spool_positions WHERE updated_at < now() - make_interval(days => $1) ORDER BY spool`,
    [days],
  )
}
