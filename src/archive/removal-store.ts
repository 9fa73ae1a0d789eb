import type { Sql } from '../kernel/index.ts'

export type RetiredChunk = { id: bigint; tableId: bigint; path: string; retiredAt: Date }

/**
 * Retired chunks that no job of the main database can still be reading, oldest first. A job reads what was live when it was
 * planned, so one that started before a chunk was retired, or `marginMinutes` after it (the catalog it saw may have been
 * that old), keeps it.
 */
export async function findRemovable(
  sql: Sql,
  {
    keptMinutes,
    marginMinutes,
    after,
    most,
  }: {
    keptMinutes: number
    marginMinutes: number
    after: RetiredChunk | undefined
    most: number
  },
): Promise<RetiredChunk[]> {
  return sql<RetiredChunk>`
    SELECT id, table_id AS "tableId", path, retired_at AS "retiredAt" FROM chunks
     WHERE retired_at < least(
             clock_timestamp() - make_interval(mins => ${keptMinutes}),
             (SELECT min(start_at) FROM jobs WHERE status IN ('booting', 'running')) - make_interval(mins => ${marginMinutes}))
       AND (${after === undefined} OR (date_trunc('milliseconds', retired_at), id)
            > (${after?.retiredAt ?? null}::timestamptz, ${after?.id ?? null}::bigint))
     ORDER BY date_trunc('milliseconds', retired_at), id LIMIT ${most}`
}

/** Forgets retired chunks whose files are gone. */
export async function forgetChunks(sql: Sql, ids: readonly bigint[]): Promise<void> {
  await sql`DELETE FROM chunks WHERE id = ANY(${ids.map(String)}::bigint[]) AND retired_at IS NOT NULL`
}

export type OwnedFile = {
  path: string
  kind: 'merge' | 'job' | 'spool'
  /** Attempt of the merge or the job, epoch of the spool's owner. */
  attempt: bigint
  job: bigint | null
  spool: string | null
}

/**
 * Which of these files belong to nobody: the catalog does not name them, and their owner has ended or is fenced, so that it
 * never will. One statement, hence one moment: an owner that commits meanwhile is either still there or named already. A catalog
 * without an account is a lost one: everything would be nobody's, nothing is.
 */
export async function findOrphanFiles(sql: Sql, files: readonly OwnedFile[]): Promise<string[]> {
  const rows = await sql<{ path: string }>`
    SELECT f.path
      FROM unnest(${files.map((f) => f.path)}::text[], ${files.map((f) => f.kind)}::text[],
                  ${files.map((f) => String(f.attempt))}::bigint[],
                  ${files.map((f) => (f.job === null ? null : String(f.job)))}::bigint[],
                  ${files.map((f) => f.spool)}::text[]) AS f (path, kind, attempt, job, spool)
     WHERE NOT EXISTS (SELECT FROM chunks c WHERE c.path = f.path) AND EXISTS (SELECT FROM accounts)
       AND CASE f.kind
           WHEN 'merge' THEN NOT EXISTS (SELECT FROM merge_claims m WHERE m.attempt = f.attempt)
           WHEN 'job' THEN NOT EXISTS (SELECT FROM jobs j WHERE j.id = f.job AND j.attempt <= f.attempt
                                          AND j.status IN ('queued', 'booting', 'running'))
           ELSE EXISTS (SELECT FROM spool_positions p WHERE p.spool = f.spool AND p.owner_epoch > f.attempt)
           END`
  return rows.map(({ path }) => path)
}

/** Holds and locks whose job does not run any more mean nothing. */
export async function dropEndedHolds(sql: Sql): Promise<void> {
  await sql`
    DELETE FROM write_locks h WHERE NOT EXISTS (
      SELECT FROM jobs j WHERE j.id = h.job_id AND j.attempt = h.attempt AND j.status IN ('queued', 'booting', 'running'))`
  await sql`
    DELETE FROM chunk_holds h WHERE NOT EXISTS (
      SELECT FROM jobs j WHERE j.id = h.job_id AND j.attempt = h.attempt AND j.status IN ('queued', 'booting', 'running'))`
}
