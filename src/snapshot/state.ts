import type { Change, Cut, Line, Row, TableSum } from './line.ts'
import type { Seal, SnapshotTable } from './types.ts'

/** The tables of the main database that live in the log; chunks live in the manifests. */
export const KINDS = [
  'accounts',
  'users',
  'api_keys',
  'databases',
  'database_permissions',
  'tables',
  'table_columns',
  'views',
  'schedules',
  'jobs',
] as const
export type Kind = (typeof KINDS)[number]

/** A row with the change that wrote it; `row` undefined = gone, kept so that an older change does not revive it. */
export type Versioned = { id: number; row: Row | undefined }

/** Secondary indexes; each holds rows (or keys) of live things only. */
export type Indexes = {
  keyBySha: Map<string, Row>
  keysOfUser: Map<string, Map<string, Row>>
  userByEmail: Map<string, Row>
  usersOf: Map<string, Map<string, Row>>
  databaseByName: Map<string, Row>
  databasesOf: Map<string, Map<string, Row>>
  permissionsOf: Map<string, Map<string, Row>>
  tableByName: Map<string, Row>
  tablesOf: Map<string, Map<string, Row>>
  columnsOf: Map<string, Map<string, Row>>
  viewsOf: Map<string, Map<string, Row>>
  scheduleByName: Map<string, Row>
  schedulesOf: Map<string, Map<string, Row>>
  jobByDomainKey: Map<string, Row>
}

/** Everything the log says, folded. `apply` is the only way to change it. */
export type State = {
  generation: number
  position: number
  identityVersion: number
  /** Rises with every change of content; heartbeats do not count. */
  version: number
  cut: Cut | undefined
  /** ISO instant at which the writer last had everything. */
  asOf: string | undefined
  sealed: Seal | undefined
  rows: Record<Kind, Map<string, Versioned>>
  sums: Map<string, TableSum>
  /** Denials being decided, by transaction. */
  pending: Map<string, { epoch: number; keys: string[] }>
  denied: Map<string, number>
  indexes: Indexes
  /** Tables as they are handed out, made when first asked for and forgotten with every change. */
  built: Map<string, SnapshotTable>
}

const JOBS_KEPT = 2000
const FINISHED = new Set(['success', 'error', 'killed'])

export function emptyState(generation: number): State {
  const maps = KINDS.map((kind) => [kind, new Map()])
  return {
    generation,
    position: 0,
    identityVersion: 0,
    version: 0,
    cut: undefined,
    asOf: undefined,
    sealed: undefined,
    rows: Object.fromEntries(maps) as State['rows'],
    sums: new Map(),
    pending: new Map(),
    denied: new Map(),
    indexes: {
      keyBySha: new Map(),
      keysOfUser: new Map(),
      userByEmail: new Map(),
      usersOf: new Map(),
      databaseByName: new Map(),
      databasesOf: new Map(),
      permissionsOf: new Map(),
      tableByName: new Map(),
      tablesOf: new Map(),
      columnsOf: new Map(),
      viewsOf: new Map(),
      scheduleByName: new Map(),
      schedulesOf: new Map(),
      jobByDomainKey: new Map(),
    },
    built: new Map(),
  }
}

/** What identifies a row within its kind. */
export function rowKey(kind: Kind, row: Row): string {
  if (kind === 'database_permissions') return `${row.database_id}/${row.user_id}`
  if (kind === 'table_columns') return `${row.table_id}/${row.name}`
  return String(row.id)
}

/** Name of a row across kinds, as denials use it. */
export function entityKey(kind: Kind, row: Row): string {
  return `${kind}/${rowKey(kind, row)}`
}

export function isKind(kind: string): kind is Kind {
  return (KINDS as readonly string[]).includes(kind)
}

/** Folds one line in. Lines at or before the position have been applied already and change nothing. */
export function applyLine(state: State, line: Line): void {
  if (line.n <= state.position) return
  state.position = line.n
  if (changesContent(line)) state.version++
  switch (line.t) {
    case 'batch':
      for (const change of line.changes) applyChange(state, change)
      for (const [table, sum] of Object.entries(line.sums ?? {})) setSum(state, table, sum)
      settle(state, line.settles ?? [])
      if (line.cut !== undefined) state.cut = line.cut
      if (line.at !== undefined) state.asOf = line.at
      return
    case 'deny':
      return void deny(state, line.xid, line.epoch, line.keys)
    case 'settle':
      return void settle(state, line.xids)
    case 'beat':
      state.asOf = line.at
      return
    case 'seal':
      state.sealed = { at: line.at, reason: line.reason }
      return
    case 'unseal':
      state.sealed = undefined
      return
    case 'next':
      return
  }
}

function changesContent(line: Line): boolean {
  if (line.t === 'beat') return false
  if (line.t !== 'batch') return true
  return line.changes.length > 0 || line.sums !== undefined || (line.settles?.length ?? 0) > 0
}

/** Two orders meet here (own commits at once, everything in order later): an older change never wins. */
export function applyChange(state: State, change: Change): void {
  if (!isKind(change.kind)) return
  const { kind } = change
  const rows = state.rows[kind]
  const key = rowKey(kind, change.body)
  const before = rows.get(key)
  if (before !== undefined && before.id >= change.id) return
  if (before?.row !== undefined) unindex(state.indexes, kind, before.row)
  const gone = change.op === 'drop' || isGone(kind, change.body)
  const row = gone ? undefined : change.body
  rows.set(key, { id: change.id, row })
  if (row !== undefined) index(state.indexes, kind, row)
  if (IDENTITY.has(kind)) state.identityVersion++
  if (kind === 'tables') state.built.delete(key)
  if (kind === 'table_columns') state.built.delete(String(change.body.table_id))
  if (gone && kind === 'tables') forgetTable(state, key)
  if (kind === 'jobs' && rows.size > JOBS_KEPT) forgetOldJob(state)
}

const IDENTITY = new Set<Kind>(['users', 'api_keys', 'accounts'])

/** Removed databases, tables, columns and schedules are of no use any more; users and keys say "no" for ever. */
function isGone(kind: Kind, row: Row): boolean {
  return row.removed_at != null && kind !== 'users' && kind !== 'api_keys'
}

/** A dropped table has no sums, even if its last chunks are reported late. */
function setSum(state: State, tableId: string, sum: TableSum): void {
  state.built.delete(tableId)
  const table = state.rows.tables.get(tableId)
  if (table === undefined || table.row !== undefined) state.sums.set(tableId, sum)
}

function forgetTable(state: State, tableId: string): void {
  for (const name of state.indexes.columnsOf.get(tableId)?.keys() ?? []) {
    state.rows.table_columns.delete(`${tableId}/${name}`)
  }
  state.indexes.columnsOf.delete(tableId)
  state.sums.delete(tableId)
}

function forgetOldJob(state: State): void {
  for (const [key, { row }] of state.rows.jobs) {
    if (row !== undefined && !FINISHED.has(String(row.status))) continue
    if (row !== undefined) unindex(state.indexes, 'jobs', row)
    state.rows.jobs.delete(key)
    return
  }
}

function deny(state: State, xid: string, epoch: number, keys: string[]): void {
  settle(state, [xid])
  state.pending.set(xid, { epoch, keys })
  for (const key of keys) state.denied.set(key, (state.denied.get(key) ?? 0) + 1)
  state.identityVersion++
}

function settle(state: State, xids: string[]): void {
  for (const xid of xids) {
    for (const key of state.pending.get(xid)?.keys ?? []) {
      const left = (state.denied.get(key) ?? 1) - 1
      if (left === 0) state.denied.delete(key)
      else state.denied.set(key, left)
    }
    if (state.pending.delete(xid)) state.identityVersion++
  }
}

const lower = (value: unknown) => String(value).toLowerCase()

function index(at: Indexes, kind: Kind, row: Row): void {
  const key = String(row.id)
  switch (kind) {
    case 'users':
      if (row.removed_at == null) at.userByEmail.set(`${row.account_id}/${lower(row.email)}`, row)
      return void group(at.usersOf, row.account_id, key, row)
    case 'api_keys':
      at.keyBySha.set(String(row.sha256), row)
      return void group(at.keysOfUser, row.user_id, key, row)
    case 'databases':
      at.databaseByName.set(`${row.account_id}/${row.name}`, row)
      return void group(at.databasesOf, row.account_id, key, row)
    case 'database_permissions':
      return void group(at.permissionsOf, row.database_id, String(row.user_id), row)
    case 'tables':
      at.tableByName.set(`${row.database_id}/${row.name}`, row)
      return void group(at.tablesOf, row.database_id, key, row)
    case 'table_columns':
      return void group(at.columnsOf, row.table_id, String(row.name), row)
    case 'views':
      return void group(at.viewsOf, row.database_id, key, row)
    case 'schedules':
      at.scheduleByName.set(`${row.account_id}/${row.name}`, row)
      return void group(at.schedulesOf, row.account_id, key, row)
    case 'jobs':
      if (row.domain_key != null) at.jobByDomainKey.set(`${row.account_id}/${row.domain_key}`, row)
      return
    case 'accounts':
      return
  }
}

function unindex(at: Indexes, kind: Kind, row: Row): void {
  const key = String(row.id)
  switch (kind) {
    case 'users':
      release(at.userByEmail, `${row.account_id}/${lower(row.email)}`, row)
      return void ungroup(at.usersOf, row.account_id, key)
    case 'api_keys':
      release(at.keyBySha, String(row.sha256), row)
      return void ungroup(at.keysOfUser, row.user_id, key)
    case 'databases':
      release(at.databaseByName, `${row.account_id}/${row.name}`, row)
      return void ungroup(at.databasesOf, row.account_id, key)
    case 'database_permissions':
      return void ungroup(at.permissionsOf, row.database_id, String(row.user_id))
    case 'tables':
      release(at.tableByName, `${row.database_id}/${row.name}`, row)
      return void ungroup(at.tablesOf, row.database_id, key)
    case 'table_columns':
      return void ungroup(at.columnsOf, row.table_id, String(row.name))
    case 'views':
      return void ungroup(at.viewsOf, row.database_id, key)
    case 'schedules':
      release(at.scheduleByName, `${row.account_id}/${row.name}`, row)
      return void ungroup(at.schedulesOf, row.account_id, key)
    case 'jobs':
      return void release(at.jobByDomainKey, `${row.account_id}/${row.domain_key}`, row)
    case 'accounts':
      return
  }
}

/** A name may have passed on to another row meanwhile (swap, drop and create again): that entry stays. */
function release(map: Map<string, Row>, name: string, row: Row): void {
  if (map.get(name) === row) map.delete(name)
}

function group(groups: Map<string, Map<string, Row>>, of: unknown, key: string, row: Row): void {
  const members = groups.get(String(of)) ?? new Map<string, Row>()
  groups.set(String(of), members.set(key, row))
}

function ungroup(groups: Map<string, Map<string, Row>>, of: unknown, key: string): void {
  const members = groups.get(String(of))
  if (members?.delete(key) === true && members.size === 0) groups.delete(String(of))
}
