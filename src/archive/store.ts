import type { Sql } from '../kernel/index.ts'
import type { ChunkColumns } from '../snapshot/index.ts'
import { rangeOf } from './spans.ts'
import type { ArchivedTable, NewChunk, SourceChunk, Span, SpanContent } from './types.ts'

type ContentRow = {
  table_id: bigint
  level: number
  start: bigint
  size: number
  chunks: number
  rows: number
  only_id: bigint
  sorted: boolean
  quiet: number
}

/** All spans with chunks that are not settled; the cost is that of the unsettled chunks, not of the history. */
export async function readSpans(sql: Sql): Promise<SpanContent[]> {
  const rows = await sql<ContentRow>`
    SELECT table_id, level, merge_start_of(level, lower(time_range)) AS start,
           width_bucket(rows, ARRAY[32, 1024, 32768, 1048576]::bigint[]) AS size,
           count(*)::int AS chunks, sum(rows)::float8 AS rows, min(id) AS only_id,
           bool_and(owner LIKE 'merge:%') AS sorted,
           extract(epoch FROM clock_timestamp() - max(created_at))::float8 AS quiet
      FROM (SELECT c.*, merge_level_of(merge_level, time_range) AS level
              FROM chunks c JOIN tables t ON t.id = c.table_id AND t.removed_at IS NULL
             WHERE c.retired_at IS NULL AND c.merge_level < 9) c
     GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`
  const spans = Map.groupBy(rows, ({ table_id, level, start }) => `${table_id} ${level} ${start}`)
  return [...spans.values()].map((sizes) => {
    const { table_id, level, start, only_id, sorted } = sizes[0]!
    const chunks = sizes.reduce((total, size) => total + size.chunks, 0)
    return {
      tableId: table_id,
      level,
      start,
      sizes: sizes.map((one) => ({ size: one.size, chunks: one.chunks, rows: one.rows })),
      chunks,
      rows: sizes.reduce((total, size) => total + size.rows, 0),
      only: chunks === 1 ? { id: only_id, sorted } : undefined,
      quietSeconds: Math.min(...sizes.map(({ quiet }) => quiet)),
    }
  })
}

type SourceRow = {
  id: bigint
  path: string
  lo: bigint
  hi: bigint
  rows: bigint
  bytes: bigint
  columns: ChunkColumns
  sorted: boolean
}

const sourceOf = ({ id, path, lo, hi, rows, bytes, columns, sorted }: SourceRow): SourceChunk => ({
  id,
  path,
  timeMin: lo,
  timeMax: hi,
  rows: Number(rows),
  bytes: Number(bytes),
  columns,
  sorted,
})

/** The span's unsettled chunks up to a size class, smallest first. */
export async function findSources(
  sql: Sql,
  span: Span,
  { upToSize, most }: { upToSize: number; most: number },
): Promise<SourceChunk[]> {
  const { from, to } = rangeOf(span)
  const rows = await sql<SourceRow>`
    SELECT id, path, lower(time_range) AS lo, upper(time_range) - 1 AS hi, rows, bytes, columns,
           owner LIKE 'merge:%' AS sorted
      FROM chunks
     WHERE table_id = ${span.tableId} AND retired_at IS NULL AND merge_level < 9
       AND time_range && int8range(${from}, ${to}) AND merge_level_of(merge_level, time_range) = ${span.level}
       AND width_bucket(rows, ARRAY[32, 1024, 32768, 1048576]::bigint[]) <= ${upToSize}
     ORDER BY rows, id LIMIT ${most}`
  return rows.map(sourceOf)
}

/** Live chunks of a table that reach into a half-open range. */
export async function findLiveChunks(
  sql: Sql,
  tableId: bigint,
  { from, to }: { from: bigint | null; to: bigint | null },
  most: number,
): Promise<SourceChunk[]> {
  const rows = await sql<SourceRow>`
    SELECT id, path, lower(time_range) AS lo, upper(time_range) - 1 AS hi, rows, bytes, columns,
           owner LIKE 'merge:%' AS sorted
      FROM chunks
     WHERE table_id = ${tableId} AND retired_at IS NULL AND time_range && int8range(${from}, ${to})
     ORDER BY id LIMIT ${most}`
  return rows.map(sourceOf)
}

/** The table as it is now, removed columns included; undefined when there is no row of it. */
export async function findTable(sql: Sql, id: bigint): Promise<ArchivedTable | undefined> {
  const [row] = await sql<Omit<ArchivedTable, 'columns'> & { columns: ArchivedTable['columns'] | null }>`
    SELECT t.id, t.name, d.name AS database, d.id AS "databaseId", d.account_id AS "accountId",
           (SELECT jsonb_agg(jsonb_build_object('name', c.name, 'key', c.key, 'type', c.type,
                                                'removed', c.removed_at IS NOT NULL) ORDER BY c.ordinal)
              FROM table_columns c WHERE c.table_id = t.id) AS columns
      FROM tables t JOIN databases d ON d.id = t.database_id WHERE t.id = ${id}`
  return row && { ...row, columns: row.columns ?? [] }
}

/** The attempt under which the caller may merge the span; undefined when somebody else has it. */
export async function claimSpan(sql: Sql, span: Span, owner: string): Promise<bigint | undefined> {
  const [claimed] = await sql<{ attempt: bigint }>`
    INSERT INTO merge_claims (table_id, level, start, owner, attempt)
    VALUES (${span.tableId}, ${span.level}, ${span.start}, ${owner}, nextval('merge_attempts'))
    ON CONFLICT (table_id, level, start) DO NOTHING RETURNING attempt`
  return claimed?.attempt
}

/** False when the attempt is not the claim's any more. */
export async function beatClaim(sql: Sql, attempt: bigint): Promise<boolean> {
  const rows = await sql`UPDATE merge_claims SET beats = beats + 1 WHERE attempt = ${attempt} RETURNING 1`
  return rows.length === 1
}

/** Gives the claim up; false when it was not the attempt's any more. */
export async function endClaim(sql: Sql, attempt: bigint): Promise<boolean> {
  const rows = await sql`DELETE FROM merge_claims WHERE attempt = ${attempt} RETURNING 1`
  return rows.length === 1
}

export type SeenClaim = { attempt: bigint; beats: bigint }

export async function readClaims(sql: Sql): Promise<SeenClaim[]> {
  return sql<SeenClaim>`SELECT attempt, beats FROM merge_claims`
}

/** Ends a claim that stands exactly where it was seen before: its owner is fenced from then on. */
export async function dropClaim(sql: Sql, { attempt, beats }: SeenClaim): Promise<boolean> {
  const rows = await sql`
    DELETE FROM merge_claims WHERE attempt = ${attempt} AND beats = ${beats} RETURNING 1`
  return rows.length === 1
}

/** Keeps holds of the table from coming or going until the transaction ends. */
export async function shareTable(sql: Sql, tableId: bigint): Promise<void> {
  await sql`SELECT 1 FROM tables WHERE id = ${tableId} FOR KEY SHARE`
}

/** True when a running job is rewriting some of these times. Only certain after `shareTable`. */
export async function isHeld(
  sql: Sql,
  tableId: bigint,
  { from, to }: { from: bigint | null; to: bigint | null },
): Promise<boolean> {
  const rows = await sql`
    SELECT 1 FROM (SELECT job_id, attempt FROM chunk_holds
                    WHERE table_id = ${tableId} AND time_range && int8range(${from}, ${to})
                   UNION ALL SELECT job_id, attempt FROM write_locks WHERE table_id = ${tableId}) h
             JOIN jobs j ON j.id = h.job_id AND j.attempt = h.attempt
     WHERE j.status IN ('queued', 'booting', 'running') LIMIT 1`
  return rows.length > 0
}

/** Returns how many of them were still live. */
export async function retireChunks(sql: Sql, tableId: bigint, ids: readonly bigint[]): Promise<number> {
  const rows = await sql`
    UPDATE chunks SET retired_at = clock_timestamp()
     WHERE id = ANY(${ids.map(String)}::bigint[]) AND table_id = ${tableId} AND retired_at IS NULL RETURNING 1`
  return rows.length
}

export async function insertChunks(
  sql: Sql,
  tableId: bigint,
  owner: string,
  chunks: readonly NewChunk[],
): Promise<void> {
  if (chunks.length === 0) return
  await sql`
    INSERT INTO chunks (table_id, time_range, rows, bytes, path, owner, columns, merge_level)
    SELECT ${tableId}, int8range(n."timeMin"::bigint, n."timeMax"::bigint + 1), n.rows, n.bytes, n.path, ${owner}, n.columns, n.level
      FROM jsonb_to_recordset(${JSON.stringify(chunks)}::jsonb)
           AS n ("timeMin" text, "timeMax" text, rows bigint, bytes bigint, path text, columns jsonb, level smallint)`
}

/** Chunks alone in their span are carried on to the next one, or settled when they are large enough. */
export async function carryChunks(
  sql: Sql,
  chunks: readonly { id: bigint; level: number }[],
  leastRows: number,
): Promise<void> {
  await sql`
    UPDATE chunks SET merge_level = CASE WHEN rows >= ${leastRows} THEN 9 ELSE n.level + 1 END
      FROM unnest(${chunks.map(({ id }) => String(id))}::bigint[], ${chunks.map(({ level }) => level)}::smallint[]) AS n (id, level)
     WHERE chunks.id = n.id AND retired_at IS NULL AND merge_level <= n.level`
}

export async function databaseNow(sql: Sql): Promise<Date> {
  const [{ now }] = await sql<{ now: Date }>`SELECT clock_timestamp() AS now`
  return now
}
