import type { Sql } from '../kernel/index.ts'

export type StoredErrorRecord = {
  id: bigint
  database: string
  table: string
  channel: string
  reason: string
  uniqueId: string | null
  records: bigint
  receivedAt: Date
  createdAt: Date
  bytes: number | null
  /** Prefix of the key that brought it, or the SHA-256 of one nobody knows. */
  key: string | null
}

export type WantedErrors = {
  accountId: bigint
  /** All of the account without it. `tableId`: also what came when the table had another name. */
  table?: { database: string; name: string; tableId: bigint | null }
  /** The highest id listed. */
  from: bigint
  limit: number
}

/** Newest first, without bodies. */
export async function findErrorRecords(
  sql: Sql,
  { accountId, table, from, limit }: WantedErrors,
): Promise<StoredErrorRecord[]> {
  if (table === undefined)
    return sql<StoredErrorRecord>`
      SELECT e.id, e.database, e."table", e.channel, e.reason, e.unique_id AS "uniqueId", e.records,
             e.received_at AS "receivedAt", e.created_at AS "createdAt", octet_length(e.body) AS bytes,
             coalesce(k.prefix, e.key_sha256) AS key
        FROM error_records e LEFT JOIN api_keys k ON k.id = e.key_id
       WHERE e.account_id = ${accountId} AND e.id <= ${from}
       ORDER BY e.id DESC LIMIT ${limit}`
  // Two indexes, one for each way to belong to the table.
  return sql<StoredErrorRecord>`
    SELECT e.id, e.database, e."table", e.channel, e.reason, e.unique_id AS "uniqueId", e.records,
           e.received_at AS "receivedAt", e.created_at AS "createdAt", octet_length(e.body) AS bytes,
           coalesce(k.prefix, e.key_sha256) AS key
      FROM (SELECT id FROM error_records
             WHERE account_id = ${accountId} AND database = ${table.database} AND "table" = ${table.name}
               AND id <= ${from}
            UNION
            SELECT id FROM error_records
             WHERE table_id = ${table.tableId} AND account_id = ${accountId} AND id <= ${from}
            ORDER BY id DESC LIMIT ${limit}) AS wanted
      JOIN error_records e ON e.id = wanted.id LEFT JOIN api_keys k ON k.id = e.key_id
     ORDER BY e.id DESC`
}

export async function findErrorBodies(
  sql: Sql,
  ids: bigint[],
): Promise<{ id: bigint; body: Buffer | null }[]> {
  return sql<{ id: bigint; body: Buffer | null }>`
    SELECT id, body FROM error_records WHERE id = ANY(${ids.map(String)}::bigint[])`
}

/** `time`: whole unix seconds of `createdAt`. */
export type ErrorHead = StoredErrorRecord & { time: bigint }

/** Null filters nothing. Times are unix seconds of when it was refused, half-open. */
export type WantedHeads = {
  accountId: bigint
  databases: readonly string[] | null
  tables: readonly string[] | null
  times: { from: bigint | null; to: bigint | null }
}

/** Newest first, below an id. */
export async function findErrorHeads(
  sql: Sql,
  wanted: WantedHeads & { below: bigint; limit: number },
): Promise<ErrorHead[]> {
  const { accountId, databases, tables, times, below, limit } = wanted
  // The page is cut before its keys are looked up: the other way round every page would look up all that is left.
  return sql<ErrorHead>`
    SELECT e.id, e.database, e."table", e.channel, e.reason, e.unique_id AS "uniqueId", e.records,
           e.received_at AS "receivedAt", e.created_at AS "createdAt", octet_length(e.body) AS bytes,
           coalesce(k.prefix, e.key_sha256) AS key, floor(extract(epoch FROM e.created_at))::bigint AS time
      FROM (SELECT * FROM error_records
             WHERE account_id = ${accountId} AND id < ${below}
               AND (${databases}::text[] IS NULL OR database = ANY(${databases}))
               AND (${tables}::text[] IS NULL OR "table" = ANY(${tables}))
               AND (${times.from}::bigint IS NULL OR created_at >= to_timestamp(${times.from}::bigint))
               AND (${times.to}::bigint IS NULL OR created_at < to_timestamp(${times.to}::bigint))
             ORDER BY id DESC LIMIT ${limit}) AS e
      LEFT JOIN api_keys k ON k.id = e.key_id
     ORDER BY e.id DESC`
}
