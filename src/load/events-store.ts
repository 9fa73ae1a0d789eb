import type { Sql } from '../kernel/index.ts'
import { portions } from './store.ts'
import type { BrowserRequest, EventId, RecentRequests } from './types.ts'

/** Loaders that store browser requests hold it together; one that has a suspect holds it alone. */
const REQUESTS_LOCK = 7214310020
/** Bytes of an entry of `recent_requests`: hash, then milliseconds since 1970. */
const ENTRY_BYTES = 24
const HASH_BYTES = 16

/** Which of these ids are stored already. */
export async function findEventIds(sql: Sql, ids: EventId[]): Promise<EventId[]> {
  const found: EventId[] = []
  for (const some of portions(ids, () => 60))
    found.push(
      ...(await sql<EventId>`
        SELECT e.table_id AS "tableId", e.id::text AS id
          FROM unnest(${some.map((one) => String(one.tableId))}::bigint[], ${some.map((one) => one.id)}::uuid[]) AS n (table_id, id)
          JOIN event_ids e ON e.table_id = n.table_id AND e.id = n.id`),
    )
  return found
}

/** Stores the ids; the number that were new. Sorted, so that two loaders with the same ids do not deadlock. */
export async function insertEventIds(sql: Sql, ids: EventId[]): Promise<number> {
  let stored = 0
  for (const some of portions(inOrder(ids), () => 60)) {
    const [row] = await sql<{ stored: number }>`
      WITH stored AS (
        INSERT INTO event_ids (table_id, id, received_at)
        SELECT n.table_id, n.id, clock_timestamp()
          FROM unnest(${some.map((one) => String(one.tableId))}::bigint[], ${some.map((one) => one.id)}::uuid[]) AS n (table_id, id)
        ON CONFLICT DO NOTHING RETURNING 1)
      SELECT count(*)::int AS stored FROM stored`
    stored += row!.stored
  }
  return stored
}

/** By table, then by id. Texts sort much faster by themselves than within objects. */
function inOrder(ids: EventId[]): EventId[] {
  const byTable = new Map<bigint, string[]>()
  for (const { tableId, id } of ids) {
    const known = byTable.get(tableId)
    if (known === undefined) byTable.set(tableId, [id])
    else known.push(id)
  }
  const tables = [...byTable.keys()].sort((a, b) => (a < b ? -1 : 1))
  return tables.flatMap((tableId) =>
    byTable
      .get(tableId)!
      .sort()
      .map((id) => ({ tableId, id })),
  )
}

/** Until the transaction ends nobody stores what these requests could repeat, or what could repeat them. */
export async function lockRequests(sql: Sql, { alone }: { alone: boolean }): Promise<void> {
  if (alone) await sql`SELECT pg_advisory_xact_lock(${REQUESTS_LOCK})`
  else await sql`SELECT pg_advisory_xact_lock_shared(${REQUESTS_LOCK})`
}

/** More hashes than this are looked for here: the database would read its rows once for each. */
const MOST_SOUGHT_THERE = 16

/**
 * Of the stored requests between the times: those with one of the hashes `wanted`, and the suspects among those with one of
 * the hashes `others`.
 */
export async function findRecentRequests(
  sql: Sql,
  { fromMs, toMs, wanted, others }: { fromMs: number; toMs: number; wanted: string[]; others: string[] },
): Promise<RecentRequests> {
  const suspects =
    others.length === 0
      ? []
      : await sql<{ entries: Buffer }>`
          SELECT suspects AS entries FROM recent_requests
           WHERE suspects <> '' AND received_to_ms >= ${fromMs} AND received_from_ms <= ${toMs}`
  const sought = wanted.length > MOST_SOUGHT_THERE ? [] : wanted.map((hash) => Buffer.from(hash, 'hex'))
  const all =
    wanted.length === 0
      ? []
      : await sql<{ entries: Buffer }>`
          SELECT r.hashes AS entries FROM recent_requests r
           WHERE r.received_to_ms >= ${fromMs} AND r.received_from_ms <= ${toMs}
             AND (${sought.length === 0}::boolean
                  OR EXISTS (SELECT FROM unnest(${sought}::bytea[]) AS n (hash) WHERE position(n.hash IN r.hashes) > 0))`
  const [isWanted, isOther] = [new Set(wanted), new Set(others)]
  return {
    suspects: suspects.flatMap(({ entries }) => entriesOf(entries, true, isOther)),
    all: all.flatMap(({ entries }) => entriesOf(entries, false, isWanted)),
  }
}

/** One row for the whole commit. */
export async function insertRecentRequests(sql: Sql, requests: BrowserRequest[]): Promise<void> {
  const times = requests.map(({ receivedAtMs }) => receivedAtMs)
  const suspects = requests.filter(({ suspect }) => suspect)
  await sql`
    INSERT INTO recent_requests (received_from_ms, received_to_ms, hashes, suspects)
    VALUES (${times.reduce((a, b) => Math.min(a, b))}, ${times.reduce((a, b) => Math.max(a, b))},
            ${bytesOf(requests)}, ${bytesOf(suspects)})`
}

function bytesOf(requests: BrowserRequest[]): Buffer {
  const bytes = Buffer.alloc(ENTRY_BYTES * requests.length)
  for (const [i, { hash, receivedAtMs }] of requests.entries()) {
    bytes.write(hash, ENTRY_BYTES * i, HASH_BYTES, 'hex')
    bytes.writeBigUInt64BE(BigInt(receivedAtMs), ENTRY_BYTES * i + HASH_BYTES)
  }
  return bytes
}

function entriesOf(bytes: Buffer, suspect: boolean, wanted: ReadonlySet<string>): BrowserRequest[] {
  const found: BrowserRequest[] = []
  for (let at = 0; at < bytes.length; at += ENTRY_BYTES) {
    const hash = bytes.toString('hex', at, at + HASH_BYTES)
    if (!wanted.has(hash)) continue
    found.push({ hash, receivedAtMs: Number(bytes.readBigUInt64BE(at + HASH_BYTES)), suspect })
  }
  return found
}
