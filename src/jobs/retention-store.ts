import type { Sql } from '../kernel/index.ts'

/** Forgets up to `limit` results older than that and returns where their files are. */
export async function expireResults(
  sql: Sql,
  { olderThanDays, limit }: { olderThanDays: number; limit: number },
): Promise<string[]> {
  const rows = await sql<{ job_id: string; path: string }>`
    DELETE FROM job_results WHERE job_id IN (
      SELECT job_id FROM job_results WHERE created_at < clock_timestamp() - make_interval(days => ${olderThanDays})
       ORDER BY created_at LIMIT ${limit})
    RETURNING job_id::text AS job_id, path`
  await sql`UPDATE jobs SET result_path = NULL WHERE id = ANY(${rows.map((row) => row.job_id)}::bigint[])`
  return rows.map((row) => row.path)
}

/** Removes up to `limit` domain keys older than that; the key may then start a job again. */
export async function expireDomainKeys(
  sql: Sql,
  { olderThanDays, limit }: { olderThanDays: number; limit: number },
): Promise<number> {
  const rows = await sql`
    DELETE FROM domain_keys WHERE (account_id, key) IN (
      SELECT account_id, key FROM domain_keys
       WHERE created_at < clock_timestamp() - make_interval(days => ${olderThanDays}) ORDER BY created_at LIMIT ${limit})
    RETURNING 1`
  return rows.length
}

/** Numbers of the partitions of `jobs`, oldest first, the one in use and later ones left out. */
export async function listOldJobPartitions(sql: Sql): Promise<bigint[]> {
  const rows = await sql<{ number: string }>`
    SELECT substring(c.relname FROM '^jobs_([0-9]+)$') AS number
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'jobs'::regclass AND c.relname ~ '^jobs_[0-9]+$'
       AND substring(c.relname FROM '^jobs_([0-9]+)$')::bigint < (SELECT last_value FROM job_ids) / 1000000
     ORDER BY substring(c.relname FROM '^jobs_([0-9]+)$')::bigint`
  return rows.map((row) => BigInt(row.number))
}

/** Drops a whole partition; false when something in it is still wanted. */
export async function dropJobPartition(sql: Sql, number: bigint, olderThanDays: number): Promise<boolean> {
  const [row] = await sql<{ dropped: boolean }>`
    SELECT drop_job_partition(${number}, clock_timestamp() - make_interval(days => ${olderThanDays})) AS dropped`
  return row?.dropped === true
}

/** Removes up to `limit` finished jobs older than that from the oldest partition onward, for those that never fill one. */
export async function deleteOldJobs(
  sql: Sql,
  { olderThanDays, limit }: { olderThanDays: number; limit: number },
): Promise<number> {
  const rows = await sql`
    DELETE FROM jobs WHERE id IN (
      SELECT id FROM (SELECT id, updated_at, status FROM jobs ORDER BY id LIMIT ${limit}) AS oldest
       WHERE updated_at < clock_timestamp() - make_interval(days => ${olderThanDays})
         AND status IN ('success', 'error', 'killed'))
    RETURNING 1`
  return rows.length
}

/** Which of these stored results belong to nobody: not a job's result, and not of a job that may yet report it. */
export async function findOrphans(sql: Sql, files: { path: string; jobId: bigint }[]): Promise<string[]> {
  const rows = await sql<{ path: string }>`
    SELECT file.path FROM unnest(${files.map((file) => file.path)}::text[], ${files.map((file) => String(file.jobId))}::bigint[])
           AS file (path, job_id)
     WHERE NOT EXISTS (SELECT 1 FROM job_results r WHERE r.job_id = file.job_id AND r.path = file.path)
       AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = file.job_id AND j.status IN ('queued', 'booting', 'running'))`
  return rows.map((row) => row.path)
}
