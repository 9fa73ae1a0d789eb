import { JOBS_PER_PARTITION } from './housekeeping.ts'
import type { Database } from './types.ts'

/** What may run out, and the share of it that is still free: 1 = all, 0 = none. */
export type HeadRoom = Record<
  'ids' | 'job-partitions' | 'connections' | 'transaction-ids' | 'table-size',
  number
>

/** PostgreSQL's own: a table has 2^32 - 1 pages of 8 KB (its documentation, appendix K). */
const MOST_TABLE_BYTES = 2 ** 45
/** It stops giving transaction ids away 3 million before it would meet the oldest one. */
const MOST_TRANSACTION_AGE = 2 ** 31 - 3_000_000
/** Housekeeping keeps two whole partitions ahead. */
const PARTITION_IDS_AHEAD = 2 * Number(JOBS_PER_PARTITION)

/**
 * How far the main database is from limits that nobody sees until they are reached: the numbers of the sequence that has gone
 * furthest, job ids for which a partition is ready, connections of the server, transaction ids, the size of the largest table
 * or partition. Looks at the system catalog only,
 * and of the connections of other roles only at what everybody may see. @throws database_away (503, retry)
 */
export async function readHeadRoom(database: Database): Promise<HeadRoom> {
  const [row] = await database.read(
    { class: 'background', deadlineMs: 10_000 },
    (sql) => sql<Record<keyof typeof QUERIED, number>>`
    SELECT (SELECT max(coalesce(last_value, 0)::float8 / max_value) FROM pg_sequences
             WHERE schemaname = current_schema()) AS "sequenceUsed",
           (SELECT coalesce(max(substring(c.relname FROM '^jobs_([0-9]+)$')::bigint), -1)::float8
              FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
             WHERE i.inhparent = 'jobs'::regclass AND c.relname ~ '^jobs_[0-9]+$') AS "lastPartition",
           (SELECT last_value::float8 FROM job_ids) AS "lastJobId",
           (SELECT count(*)::float8 FROM pg_stat_activity WHERE datid IS NOT NULL) AS connections,
           current_setting('max_connections')::float8 - current_setting('superuser_reserved_connections')::float8
             AS "mostConnections",
           (SELECT max(age(datfrozenxid))::float8 FROM pg_database) AS "transactionAge",
           (SELECT max(relpages)::float8 * current_setting('block_size')::float8 FROM pg_class WHERE relkind = 'r')
             AS "largestTableBytes"`,
  )
  return headRoomOf(row!)
}

const QUERIED = {
  sequenceUsed: 0,
  lastPartition: 0,
  lastJobId: 0,
  connections: 0,
  mostConnections: 0,
  transactionAge: 0,
  largestTableBytes: 0,
}

export function headRoomOf(row: typeof QUERIED): HeadRoom {
  const idsAhead = (row.lastPartition + 1) * Number(JOBS_PER_PARTITION) - 1 - row.lastJobId
  return {
    ids: share(1 - row.sequenceUsed),
    'job-partitions': share(idsAhead / PARTITION_IDS_AHEAD),
    connections: share(1 - row.connections / row.mostConnections),
    'transaction-ids': share(1 - row.transactionAge / MOST_TRANSACTION_AGE),
    'table-size': share(1 - row.largestTableBytes / MOST_TABLE_BYTES),
  }
}

const share = (value: number) => Math.min(1, Math.max(0, value))
