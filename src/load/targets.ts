import { createHash } from 'node:crypto'
import type { Sql } from '../kernel/index.ts'
import type { SpooledRecord, SpoolRecord } from '../spool/index.ts'
import type { PreparedEvents } from './events.ts'
import { findEventIds } from './events-store.ts'
import { browserRequestOf, lookUpRequests } from './requests.ts'
import {
  findHeirs,
  findImportIds,
  findKeys,
  findKeyUsers,
  findTableIds,
  findTables,
  type KeyVerdict,
} from './store.ts'
import {
  type EventId,
  eventIdentity,
  type LoadReason,
  type LoadTable,
  type LookedUp,
  type Payload,
  type RecentRequests,
  type Target,
} from './types.ts'

/** PostgreSQL indexes no text of more than a third of a page; longer ids are kept as their hash. */
const MOST_ID_BYTES = 512

/**
 * What the database says about a batch before it is decoded: which table each payload goes to, with its columns, and
 * which ids it has stored already (`missed`: ids of events that only the last attempt to commit has found). What was accepted while
 * nobody could check it (no table id, no key id) is checked now.
 */
export async function lookUp(
  sql: Sql,
  records: SpooledRecord[],
  {
    nowMs,
    events = new Map(),
    missed = [],
  }: {
    /** By the clock that said when the records were received. */
    nowMs: number
    events?: ReadonlyMap<SpoolRecord, PreparedEvents>
    missed?: readonly EventId[]
  },
): Promise<LookedUp> {
  const unverified = await verify(
    sql,
    records.map(({ record }) => record).filter((record) => record.tableId === 0n || record.keyId === 0n),
  )
  const idOf = (record: SpoolRecord) => {
    const verdict = unverified.get(record)
    return typeof verdict === 'bigint' ? verdict : record.tableId
  }
  const ids = new Set(records.map(({ record }) => idOf(record)).filter((id) => id !== 0n))
  const tables = await tablesById(sql, [...ids])
  const orphans = records
    .map(({ record }) => record)
    .filter((record) => !tables.has(idOf(record)) && idOf(record) !== 0n)
  const heirs = await heirsOf(
    sql,
    orphans.map((record) => ({ record, tableId: idOf(record) })),
    nowMs,
  )
  for (const [id, table] of await tablesById(sql, [...new Set(heirs.values())])) tables.set(id, table)
  const targeted = records.map((record) => {
    const verdict = unverified.get(record.record)
    const target = targetOf(
      record.record,
      typeof verdict === 'string' ? verdict : (heirs.get(record.record) ?? verdict),
      tables,
    )
    return {
      ...record,
      target,
      importId: importIdOf(record.record.uniqueId),
      repeated: false,
      events: events.get(record.record),
    }
  })
  await markRepeated(sql, targeted)
  return {
    payloads: targeted,
    eventIds: await storedEventIds(sql, targeted, missed),
    requests: await recentRequests(sql, targeted),
  }
}

async function tablesById(sql: Sql, ids: bigint[]): Promise<Map<bigint, LoadTable>> {
  if (ids.length === 0) return new Map()
  return new Map((await findTables(sql, ids)).map((table) => [table.id, table]))
}

/**
 * Payloads whose table is gone, and that were sent after it had gone: another node had replaced it, and the one that accepted them had
 * not heard of that yet. They were meant for the table that bears the name now.
 */
async function heirsOf(
  sql: Sql,
  orphans: { record: SpoolRecord; tableId: bigint }[],
  nowMs: number,
): Promise<Map<SpoolRecord, bigint>> {
  if (orphans.length === 0) return new Map()
  const wanted = orphans.map(({ record, tableId }) => {
    const { database, table, receivedAtMs } = record
    return { tableId, database, table, ageMs: Math.max(0, nowMs - receivedAtMs) }
  })
  const found = await findHeirs(sql, wanted)
  return new Map(orphans.flatMap(({ record }, i) => (found[i] == null ? [] : [[record, found[i]] as const])))
}

async function storedEventIds(
  sql: Sql,
  payloads: Payload[],
  missed: readonly EventId[],
): Promise<Set<string>> {
  const asked = payloads.flatMap(({ target, events }) =>
    target.kind === 'table' ? (events?.ids ?? []).map((id) => ({ tableId: target.table.id, id })) : [],
  )
  if (asked.length + missed.length === 0) return new Set()
  return new Set((await findEventIds(sql, [...asked, ...missed])).map(eventIdentity))
}

async function recentRequests(sql: Sql, payloads: Payload[]): Promise<RecentRequests> {
  const requests = payloads.flatMap(({ record, target }) =>
    target.kind === 'table' ? (browserRequestOf(record) ?? []) : [],
  )
  return requests.length === 0 ? { suspects: [], all: [] } : lookUpRequests(sql, requests)
}

function targetOf(
  record: SpoolRecord,
  verdict: bigint | LoadReason | undefined,
  tables: Map<bigint, LoadTable>,
): Target {
  const tableId = record.tableId === 0n ? null : record.tableId
  if (typeof verdict === 'string') return { kind: 'refused', tableId, reason: verdict }
  const table = tables.get(verdict ?? record.tableId)
  // The account is compared again: a table id never leads into another account's table. 0: `verify` took that of the key.
  if (table === undefined || (record.accountId !== 0n && table.accountId !== record.accountId))
    return { kind: 'refused', tableId, reason: 'table_dropped' }
  return { kind: 'table', table }
}

/** The id as the catalog keeps it: of bounded length and without zero bytes, different for different ids. */
export function importIdOf(uniqueId: string): string | undefined {
  if (uniqueId === '') return undefined
  const plain = Buffer.byteLength(uniqueId) <= MOST_ID_BYTES && !uniqueId.includes('\0')
  return plain ? uniqueId : `sha256:${createHash('sha256').update(uniqueId).digest('hex')}`
}

async function markRepeated(sql: Sql, payloads: Payload[]): Promise<void> {
  const asked = payloads.flatMap((payload) => identityOf(payload) ?? [])
  if (asked.length === 0) return
  const stored = new Set((await findImportIds(sql, asked)).map(({ tableId, id }) => `${tableId} ${id}`))
  for (const payload of payloads) {
    const id = identityOf(payload)
    if (id && stored.has(`${id.tableId} ${id.id}`)) payload.repeated = true
  }
}

function identityOf({ target, importId }: Payload): { tableId: bigint; id: string } | undefined {
  if (target.kind !== 'table' || importId === undefined) return undefined
  return { tableId: target.table.id, id: importId }
}

/**
 * Judges what was accepted unchecked: its table id, or why it is refused. The collector puts the SHA-256 of a key it
 * could not check into the fact `key-sha256`; a record with a key id was checked at acceptance and stays accepted, even
 * when the key has been revoked since.
 */
async function verify(sql: Sql, records: SpoolRecord[]): Promise<Map<SpoolRecord, bigint | LoadReason>> {
  const verdicts = new Map<SpoolRecord, bigint | LoadReason>()
  if (records.length === 0) return verdicts
  const hashes = [...new Set(records.flatMap((record) => record.facts['key-sha256'] ?? []))]
  const keys = new Map((await findKeys(sql, hashes)).map((key) => [key.sha256, key]))
  const keyOf = ({ facts }: SpoolRecord) => keys.get(facts['key-sha256'] ?? '')
  const named = records.map((record) => ({
    accountId: accountOf(record, keyOf(record)),
    database: record.database,
    table: record.table,
  }))
  const places = await findTableIds(sql, named)
  for (const [i, record] of records.entries()) {
    const { databaseId, tableId } = places[i]!
    const refusal = record.keyId === 0n ? keyRefusal(keyOf(record), record, databaseId) : undefined
    if (refusal !== undefined) verdicts.set(record, refusal)
    else if (databaseId === null) verdicts.set(record, 'database_unknown')
    else if (record.tableId === 0n) verdicts.set(record, tableId ?? 'table_unknown')
    else verdicts.set(record, record.tableId)
  }
  return verdicts
}

/** 0 when the key was sent without the number of its account, and could not be looked up: it is the key's. */
function accountOf({ accountId }: SpoolRecord, key: { accountId: bigint } | undefined): bigint {
  return accountId === 0n && key !== undefined ? key.accountId : accountId
}

function keyRefusal(
  key: KeyVerdict | undefined,
  record: SpoolRecord,
  databaseId: bigint | null,
): LoadReason | undefined {
  if (key === undefined || key.accountId !== accountOf(record, key)) return 'key_unknown'
  if (key.revoked) return 'key_revoked'
  if (databaseId !== null && !key.everywhere && !key.databases.includes(databaseId)) return 'not_permitted'
  return undefined
}

/** Events for a table that was not there when they were accepted. */
export function wantsTable({ kind, tableId, facts }: SpoolRecord): boolean {
  return kind === 'events' && tableId === 0n && facts['create-table'] === '1'
}

/** A table to make, and in whose name. */
export type MissingTable = { accountId: bigint; userId: bigint; database: string; table: string }

/** The tables among those wanted that are not there, whose database is, and into which the key may write; each once,
 * in an order all loaders share. */
export async function missingTables(sql: Sql, records: SpoolRecord[]): Promise<MissingTable[]> {
  const verdicts = await verify(sql, records)
  const missing = records.filter((record) => verdicts.get(record) === 'table_unknown')
  if (missing.length === 0) return []
  const hashes = missing.flatMap(({ facts }) => facts['key-sha256'] ?? [])
  const byHash = new Map((await findKeys(sql, hashes)).map((key) => [key.sha256, key]))
  const ids = missing.map(({ keyId }) => keyId)
  const byId = new Map((await findKeyUsers(sql, ids)).map(({ id, userId }) => [id, userId]))
  const places = new Map<string, MissingTable>()
  for (const record of missing) {
    const { database, table, keyId, facts } = record
    const key = byHash.get(facts['key-sha256'] ?? '')
    const accountId = accountOf(record, key)
    const userId = keyId === 0n ? key?.userId : byId.get(keyId)
    if (userId !== undefined)
      places.set(`${accountId} ${database}.${table}`, { accountId, userId, database, table })
  }
  return [...places].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, place]) => place)
}
