import type { Sql } from '../kernel/index.ts'
import type { SessionStatus } from './life.ts'
import type { Counters, Part, PartFormat, Session } from './types.ts'

export type NewSession = {
  accountId: bigint
  userId: bigint
  name: string
  database: string
  table: string
  tableId: bigint
}

/** False when the account has a session of that name. */
export async function insertSession(sql: Sql, session: NewSession): Promise<boolean> {
  const rows = await sql`
    INSERT INTO bulk_imports (account_id, user_id, name, database, "table", table_id)
    VALUES (${session.accountId}, ${session.userId}, ${session.name}, ${session.database}, ${session.table},
            ${session.tableId})
    ON CONFLICT (account_id, name) DO NOTHING RETURNING id`
  return rows.length === 1
}

/** The live table of that name; undefined when it or its database was deleted since somebody looked. */
export async function findTableId(sql: Sql, databaseId: bigint, table: string): Promise<bigint | undefined> {
  const [row] = await sql<{ id: bigint }>`
    SELECT t.id FROM tables t JOIN databases d ON d.id = t.database_id
     WHERE t.database_id = ${databaseId} AND t.name = ${table} AND t.removed_at IS NULL AND d.removed_at IS NULL`
  return row?.id
}

type SessionRow = Omit<Session, 'counters' | 'status'> & {
  stored: SessionStatus
  jobStatus: string | null
  validRecords: bigint | null
  errorRecords: bigint | null
  validParts: bigint | null
  errorParts: bigint | null
}

/** The sessions of an account, by name; one of them when named, or the one that a job performs. */
async function select(
  sql: Sql,
  {
    accountId = null,
    name = null,
    jobId = null,
  }: { accountId?: bigint | null; name?: string | null; jobId?: bigint | null },
): Promise<Session[]> {
  const rows = await sql<SessionRow>`
    SELECT b.id, b.account_id AS "accountId", b.user_id AS "userId", b.name, coalesce(d.name, b.database) AS database,
           coalesce(t.name, b."table") AS "table", b.table_id AS "tableId",
           t.id IS NULL OR t.removed_at IS NOT NULL OR d.removed_at IS NOT NULL AS "isTargetGone",
           b.status AS stored, b.upload_frozen AS "uploadFrozen", b.job_id AS "jobId", b.attempt, j.status AS "jobStatus",
           b.valid_records AS "validRecords", b.error_records AS "errorRecords", b.valid_parts AS "validParts",
           b.error_parts AS "errorParts"
      FROM bulk_imports b
      LEFT JOIN tables t ON t.id = b.table_id
      LEFT JOIN databases d ON d.id = t.database_id
      LEFT JOIN jobs j ON j.id = b.job_id
     WHERE (${accountId}::bigint IS NULL OR b.account_id = ${accountId})
       AND (${name}::text IS NULL OR b.name = ${name})
       AND (${jobId}::bigint IS NULL OR b.job_id = ${jobId})
     ORDER BY b.name`
  return rows.map(sessionOf)
}

const UNFINISHED = new Set(['queued', 'booting', 'running'])

/** A job that failed, was killed or is forgotten performs nothing: the session takes uploads again. */
function sessionOf(row: SessionRow): Session {
  const { stored, jobStatus, validRecords, errorRecords, validParts, errorParts, ...session } = row
  const hasFailed = stored === 'performing' && !UNFINISHED.has(jobStatus ?? '')
  const counters =
    validRecords === null || errorRecords === null || validParts === null || errorParts === null
      ? null
      : { validRecords, errorRecords, validParts, errorParts }
  return { ...session, status: hasFailed ? 'uploading' : stored, counters }
}

export function listSessions(sql: Sql, accountId: bigint): Promise<Session[]> {
  return select(sql, { accountId })
}

export async function findSession(sql: Sql, accountId: bigint, name: string): Promise<Session | undefined> {
  return (await select(sql, { accountId, name }))[0]
}

/** The session that waits for this job; undefined when it was deleted, or is performed by another job by now. */
export async function findSessionOfJob(sql: Sql, jobId: bigint): Promise<Session | undefined> {
  return (await select(sql, { jobId }))[0]
}

/** Nobody else changes the session until the transaction ends. The row first: what is read behind it is then of now. */
export async function lockSession(sql: Sql, accountId: bigint, name: string): Promise<Session | undefined> {
  const locked = await sql`
    SELECT id FROM bulk_imports WHERE account_id = ${accountId} AND name = ${name} FOR UPDATE`
  return locked.length === 0 ? undefined : findSession(sql, accountId, name)
}

export async function freezeSession(sql: Sql, id: bigint, uploadFrozen: boolean): Promise<void> {
  await sql`
    UPDATE bulk_imports SET upload_frozen = ${uploadFrozen}, status = 'uploading', updated_at = clock_timestamp()
     WHERE id = ${id}`
}

/** From here on the session waits for the job; what an earlier one has made is its no more. */
export async function beginPerforming(sql: Sql, id: bigint, jobId: bigint): Promise<void> {
  await sql`
    UPDATE bulk_imports SET status = 'performing', job_id = ${jobId}, attempt = NULL, valid_records = NULL,
                            error_records = NULL, valid_parts = NULL, error_parts = NULL, updated_at = clock_timestamp()
     WHERE id = ${id}`
}

/** False when the session does not wait for this job any more: then nothing was changed. */
export async function endPerforming(
  sql: Sql,
  { session, job, attempt }: { session: bigint; job: bigint; attempt: number },
  { validRecords, errorRecords, validParts, errorParts }: Counters,
): Promise<boolean> {
  const rows = await sql`
    UPDATE bulk_imports SET status = 'ready', attempt = ${attempt}, valid_records = ${validRecords},
                            error_records = ${errorRecords}, valid_parts = ${validParts}, error_parts = ${errorParts},
                            updated_at = clock_timestamp()
     WHERE id = ${session} AND job_id = ${job} AND status = 'performing' RETURNING id`
  return rows.length === 1
}

export async function markCommitted(sql: Sql, id: bigint): Promise<void> {
  await sql`UPDATE bulk_imports SET status = 'committed', updated_at = clock_timestamp() WHERE id = ${id}`
}

export async function deleteSession(sql: Sql, id: bigint): Promise<void> {
  await sql`DELETE FROM bulk_imports WHERE id = ${id}`
}

/** In the order of their names, which is the order in which they are performed. */
export async function listParts(sql: Sql, session: bigint): Promise<Part[]> {
  const rows = await sql<{ name: string; format: PartFormat | null; path: string; bytes: bigint }>`
    SELECT name, format, path, bytes FROM bulk_import_parts WHERE bulk_import_id = ${session} ORDER BY name`
  return rows.map((row) => ({ ...row, bytes: Number(row.bytes) }))
}

/** The session must be locked. Returns the path of the part that this one replaces. */
export async function putPart(
  sql: Sql,
  session: bigint,
  { name, format, path, bytes, md5 }: Part & { md5: string },
): Promise<string | undefined> {
  const [before] = await sql<{ path: string }>`
    SELECT path FROM bulk_import_parts WHERE bulk_import_id = ${session} AND name = ${name}`
  await sql`
    INSERT INTO bulk_import_parts (bulk_import_id, name, format, path, bytes, md5)
    VALUES (${session}, ${name}, ${format}, ${path}, ${bytes}, ${md5})
    ON CONFLICT (bulk_import_id, name) DO UPDATE
      SET format = excluded.format, path = excluded.path, bytes = excluded.bytes, md5 = excluded.md5,
          uploaded_at = clock_timestamp()`
  await sql`UPDATE bulk_imports SET status = 'uploading', updated_at = clock_timestamp() WHERE id = ${session}`
  return before?.path
}

/** The path of the part that was removed; undefined when there is none of that name. */
export async function removePart(sql: Sql, session: bigint, name: string): Promise<string | undefined> {
  const [row] = await sql<{ path: string }>`
    DELETE FROM bulk_import_parts WHERE bulk_import_id = ${session} AND name = ${name} RETURNING path`
  return row?.path
}

/** Deletes up to `limit` sessions nothing was done with for so long; those that are being performed stay. */
export async function expireSessions(
  sql: Sql,
  { olderThanDays, limit }: { olderThanDays: number; limit: number },
): Promise<number> {
  const rows = await sql`
    DELETE FROM bulk_imports WHERE id IN (
      SELECT b.id FROM bulk_imports b
       WHERE b.updated_at < clock_timestamp() - make_interval(days => ${olderThanDays})
         AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = b.job_id AND j.status IN ('queued', 'booting', 'running'))
       ORDER BY b.updated_at LIMIT ${limit} FOR UPDATE OF b SKIP LOCKED)
    RETURNING id`
  return rows.length
}

/**
 * Which of these files nobody needs: parts that no session has or that are committed, and what attempts have made that are
 * neither under way nor the session's, chunks of the catalog apart.
 */
export async function findLeftovers(
  sql: Sql,
  files: { path: string; session: bigint; job: bigint | null; attempt: number | null }[],
): Promise<string[]> {
  const rows = await sql<{ path: string }>`
    SELECT f.path
      FROM unnest(${files.map(({ path }) => path)}::text[], ${files.map(({ session }) => String(session))}::bigint[],
                  ${files.map(({ job }) => job?.toString() ?? null)}::bigint[], ${files.map(({ attempt }) => attempt)}::int[])
           AS f (path, session, job, attempt)
     WHERE CASE WHEN f.job IS NULL THEN
             NOT EXISTS (SELECT 1 FROM bulk_import_parts p JOIN bulk_imports b ON b.id = p.bulk_import_id
                          WHERE p.bulk_import_id = f.session AND p.path = f.path AND b.status <> 'committed')
           ELSE
             NOT EXISTS (SELECT 1 FROM bulk_imports b
                          WHERE b.id = f.session AND b.job_id = f.job AND b.attempt = f.attempt)
             AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = f.job AND j.attempt <= f.attempt
                                AND j.status IN ('queued', 'booting', 'running'))
             AND NOT EXISTS (SELECT 1 FROM chunks c WHERE c.path = f.path)
           END`
  return rows.map(({ path }) => path)
}
