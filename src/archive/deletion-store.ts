import type { Sql } from '../kernel/index.ts'
import type { SourceChunk } from './types.ts'

export type Job = { id: bigint; attempt: number }
export type Range = { from: bigint | null; to: bigint | null }

/**
 * Keeps everybody else from retiring chunks that reach into the range, as long as this attempt of the job runs. held: ours ·
 * taken: another job rewrites some of it · fenced: the attempt is over · gone: there is no such table any more. Waits for
 * merges that are committing: what is read afterwards stays live until the job ends.
 */
export async function holdChunks(
  sql: Sql,
  job: Job,
  tableId: bigint,
  { from, to }: Range,
): Promise<'held' | 'taken' | 'fenced' | 'gone'> {
  const table = await sql`SELECT 1 FROM tables WHERE id = ${tableId} AND removed_at IS NULL FOR UPDATE`
  if (table.length === 0) return 'gone'
  const mine = await sql`
    SELECT 1 FROM jobs WHERE id = ${job.id} AND attempt = ${job.attempt} AND status IN ('booting', 'running')`
  if (mine.length === 0) return 'fenced'
  const others = await sql`
    SELECT 1 FROM (SELECT job_id, attempt FROM chunk_holds
                    WHERE table_id = ${tableId} AND time_range && int8range(${from}, ${to})
                   UNION ALL SELECT job_id, attempt FROM write_locks WHERE table_id = ${tableId}) h
             JOIN jobs j ON j.id = h.job_id AND j.attempt = h.attempt
     WHERE h.job_id <> ${job.id} AND j.status IN ('queued', 'booting', 'running') LIMIT 1`
  if (others.length > 0) return 'taken'
  await sql`
    INSERT INTO chunk_holds (job_id, attempt, table_id, time_range)
    VALUES (${job.id}, ${job.attempt}, ${tableId}, int8range(${from}, ${to}))
    ON CONFLICT (job_id) DO UPDATE
       SET attempt = EXCLUDED.attempt, table_id = EXCLUDED.table_id, time_range = EXCLUDED.time_range`
  return 'held'
}

/** The highest id of a chunk stored so far: what comes later is not meant. `writers`: all transactions of before, see `haveEnded`. */
export async function lastChunk(sql: Sql): Promise<{ upTo: bigint; writers: string }> {
  const [row] = await sql<{ id: bigint | null; writers: string }>`
    SELECT (SELECT max(id) FROM chunks) AS id, pg_snapshot_xmax(pg_current_snapshot())::text AS writers`
  return { upTo: row!.id ?? 0n, writers: row!.writers }
}

/** True when none of them is under way any more, so that no chunk of theirs can still appear below the highest id. */
export async function haveEnded(sql: Sql, writers: string): Promise<boolean> {
  const [row] = await sql<{ ended: boolean }>`
    SELECT pg_snapshot_xmin(pg_current_snapshot()) >= ${writers}::xid8 AS ended`
  return row!.ended
}

export type Whole = { chunks: number; rows: number }

/** Live chunks up to an id whose times all lie within the range. */
export async function countWithin(sql: Sql, tableId: bigint, range: Range, upTo: bigint): Promise<Whole> {
  const [row] = await sql<Whole>`
    SELECT count(*)::int AS chunks, coalesce(sum(rows), 0)::float8 AS rows FROM chunks
     WHERE table_id = ${tableId} AND retired_at IS NULL AND id <= ${upTo}
       AND time_range && int8range(${range.from}, ${range.to}) AND time_range <@ int8range(${range.from}, ${range.to})`
  return row!
}

/** Retires them, if there are as many as `chunks` says (null = whatever there is); false: nothing was changed. */
export async function retireWithin(
  sql: Sql,
  tableId: bigint,
  range: Range,
  { upTo, chunks }: { upTo: bigint; chunks: number | null },
): Promise<boolean> {
  const rows = await sql`
    WITH meant AS (
      SELECT id FROM chunks
       WHERE table_id = ${tableId} AND retired_at IS NULL AND id <= ${upTo}
         AND time_range && int8range(${range.from}, ${range.to}) AND time_range <@ int8range(${range.from}, ${range.to}) FOR UPDATE)
    UPDATE chunks SET retired_at = clock_timestamp() WHERE id IN (SELECT id FROM meant)
       AND (${chunks}::int IS NULL OR (SELECT count(*) FROM meant) = ${chunks}::int)
    RETURNING 1`
  return chunks === null || rows.length === chunks
}

type Row = Omit<SourceChunk, 'rows' | 'bytes'> & { rows: bigint; bytes: bigint }

/** Live chunks up to an id that reach into the range; with `straddling` only those that reach out of it as well. */
export async function findTouched(
  sql: Sql,
  tableId: bigint,
  { from, to }: Range,
  { upTo, straddling, after, most }: { upTo: bigint; straddling: boolean; after: bigint; most: number },
): Promise<SourceChunk[]> {
  const rows = await sql<Row>`
    SELECT id, path, lower(time_range) AS "timeMin", upper(time_range) - 1 AS "timeMax", rows, bytes, columns,
           owner LIKE 'merge:%' AS sorted
      FROM chunks
     WHERE table_id = ${tableId} AND retired_at IS NULL AND id <= ${upTo} AND id > ${after}
       AND time_range && int8range(${from}, ${to})
       AND (NOT ${straddling}::boolean OR NOT time_range <@ int8range(${from}, ${to}))
     ORDER BY id LIMIT ${most}`
  return rows.map((row) => ({ ...row, rows: Number(row.rows), bytes: Number(row.bytes) }))
}

/** Locks these chunks; how many of them are live. */
export async function lockLive(sql: Sql, ids: readonly string[]): Promise<number> {
  const rows = await sql`
    SELECT id FROM chunks WHERE id = ANY(${ids}::bigint[]) AND retired_at IS NULL ORDER BY id FOR UPDATE`
  return rows.length
}

export async function endHold(sql: Sql, jobId: bigint): Promise<void> {
  await sql`DELETE FROM chunk_holds WHERE job_id = ${jobId}`
}
