import type { Sql } from '../kernel/index.ts'
import type { Change, Row } from '../snapshot/index.ts'

/** One reading of the main database: what was read, and exactly which transactions it contains. */
export type Reading = {
  /** Identifies the server: another one means that transaction ids have no common meaning. */
  source: string
  /** `pg_current_snapshot()` as text. */
  snapshot: string
  /** ISO instant of the database's clock. */
  at: string
  changes: Change[]
  /** The highest id of a change that was ever visible. */
  lastChange: number
}

const PAGE = 5000
type Head = { source: string; snapshot: string; at: string; lastChange: number }
type Line = { kind: string; id: string; op: string; body: string }

/**
 * Everything the snapshot holds but chunks, as one statement and therefore as of one moment. Rows are given change
 * id 0; changes of transactions that a later reading might report again are added with their own ids.
 */
export async function readEverything(sql: Sql): Promise<Reading> {
  const lines = await sql<Line>`
    SELECT 'head' AS kind, '0' AS id, 'put' AS op, jsonb_build_object(
             'source', (SELECT system_identifier::text FROM pg_control_system()),
             'snapshot', pg_current_snapshot()::text, 'at', clock_timestamp(),
             'lastChange', (SELECT coalesce(max(id), 0) FROM changes))::text AS body
    UNION ALL SELECT 'accounts', '0', 'put', to_jsonb(r)::text FROM accounts r
    UNION ALL SELECT 'users', '0', 'put', to_jsonb(r)::text FROM users r
    UNION ALL SELECT 'api_keys', '0', 'put', to_jsonb(r)::text FROM api_keys r
    UNION ALL SELECT 'databases', '0', 'put', to_jsonb(r)::text FROM databases r WHERE removed_at IS NULL
    UNION ALL SELECT 'database_permissions', '0', 'put', to_jsonb(r)::text FROM database_permissions r
    UNION ALL SELECT 'tables', '0', 'put', to_jsonb(r)::text FROM tables r WHERE removed_at IS NULL
    UNION ALL SELECT 'table_columns', '0', 'put', to_jsonb(c)::text
      FROM table_columns c JOIN tables t ON t.id = c.table_id
     WHERE c.removed_at IS NULL AND t.removed_at IS NULL
    UNION ALL SELECT 'views', '0', 'put', to_jsonb(r)::text FROM views r
    UNION ALL SELECT 'schedules', '0', 'put', to_jsonb(r)::text FROM schedules r WHERE removed_at IS NULL
    UNION ALL (SELECT 'jobs', '0', 'put', (to_jsonb(r) - 'log')::text FROM jobs r
                WHERE id IN (SELECT id FROM jobs ORDER BY id DESC LIMIT 2000)
                   OR status IN ('queued', 'booting', 'running') ORDER BY id)
    UNION ALL (SELECT kind, id::text, op, body::text FROM changes
                WHERE xid >= pg_snapshot_xmin(pg_current_snapshot()) ORDER BY id)`
  const head = JSON.parse(lines[0]!.body) as Head
  return { ...head, changes: lines.slice(1).map(changeOf) }
}

/**
 * The changes of exactly those transactions that were committed since an earlier reading, in the order of their
 * ids: a transaction that commits late is reported late, never skipped, and none is reported twice. A crash of the
 * server may give the ids of transactions it forgot to new ones, which the earlier reading then calls visible; they
 * are told by the ids of their changes, which come from a sequence and are never given twice.
 */
export async function readSince(
  sql: Sql,
  { snapshot: since, lastChange }: Pick<Reading, 'snapshot' | 'lastChange'>,
): Promise<Reading> {
  type Page = Omit<Head, 'lastChange'> & { id: string | null; kind: string; op: string; body: string }
  const first = await sql<Page>`
    SELECT (SELECT system_identifier::text FROM pg_control_system()) AS source,
           pg_current_snapshot()::text AS snapshot, to_jsonb(clock_timestamp()) #>> '{}' AS at, c.*
      FROM (SELECT 1) one LEFT JOIN (
           SELECT id::text AS id, kind, op, body::text AS body FROM changes
            WHERE (xid >= pg_snapshot_xmin(${since}::pg_snapshot)
                   AND NOT pg_visible_in_snapshot(xid, ${since}::pg_snapshot))
               OR changes.id > ${lastChange}
            ORDER BY changes.id LIMIT ${PAGE}) c ON true
     ORDER BY c.id::bigint`
  const { source, snapshot, at } = first[0]!
  const changes = first.filter(({ id }) => id !== null).map((line) => changeOf(line as Line))
  for (let page = changes; page.length === PAGE; ) {
    const after = changes.at(-1)!.id
    const lines = await sql<Line>`
      SELECT id::text AS id, kind, op, body::text AS body FROM changes
       WHERE ((xid >= pg_snapshot_xmin(${since}::pg_snapshot)
               AND NOT pg_visible_in_snapshot(xid, ${since}::pg_snapshot))
              OR changes.id > ${lastChange})
         AND pg_visible_in_snapshot(xid, ${snapshot}::pg_snapshot) AND changes.id > ${after}
       ORDER BY changes.id LIMIT ${PAGE}`
    page = lines.map(changeOf)
    changes.push(...page)
  }
  return { source, snapshot, at, changes, lastChange: Math.max(lastChange, changes.at(-1)?.id ?? 0) }
}

/**
 * Which of these transactions have ended, one way or the other; also those that the server lost in a crash and knows
 * nothing of. What they committed is visible to every statement after this one.
 */
export async function readEnded(sql: Sql, xids: string[]): Promise<Set<string>> {
  const ended = await sql<{ xid: string }>`
    SELECT xid FROM unnest(${xids}::text[]) xid
     WHERE NOT EXISTS (SELECT 1 FROM pg_locks
                        WHERE locktype = 'transactionid'
                          AND transactionid::text = (xid::numeric % 4294967296)::bigint::text)`
  return new Set(ended.map(({ xid }) => xid))
}

/** What the transaction at work has changed so far. */
export async function readOwnChanges(sql: Sql): Promise<Change[]> {
  const lines = await sql<Line>`
    SELECT id::text AS id, kind, op, body::text AS body FROM changes
     WHERE xid = pg_current_xact_id() ORDER BY changes.id`
  return lines.map(changeOf)
}

/** Tables that have live chunks, with their number. */
export async function countChunks(sql: Sql): Promise<{ tableId: string; chunks: number }[]> {
  return sql<{ tableId: string; chunks: number }>`
    SELECT c.table_id::text AS "tableId", count(*)::int AS chunks FROM chunks c JOIN tables t ON t.id = c.table_id
     WHERE c.retired_at IS NULL AND t.removed_at IS NULL GROUP BY c.table_id ORDER BY c.table_id`
}

/** The live chunks of some tables, as of one moment. */
export async function readChunks(sql: Sql, tableIds: string[]): Promise<Row[]> {
  const lines = await sql<{ body: string }>`
    SELECT to_jsonb(c)::text AS body FROM chunks c
     WHERE table_id = ANY (${tableIds}::bigint[]) AND retired_at IS NULL ORDER BY table_id, id`
  return lines.map(({ body }) => JSON.parse(body) as Row)
}

function changeOf({ id, kind, op, body }: Line): Change {
  return { id: Number(id), kind, op: op as Change['op'], body: JSON.parse(body) as Row }
}
