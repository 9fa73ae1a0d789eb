import type { Row } from './line.ts'
import * as rows from './rows.ts'
import { entityKey, type Indexes, type Kind, type State } from './state.ts'
import type { Lookup, SnapshotTable, SnapshotView } from './types.ts'

type Source = {
  /** The state, or why there is none. */
  state(): State | { unknown: string }
  ageMs(): number
}

/** The look-ups over a state that may be replaced (new base) or missing at any time. */
export function viewOf(source: Source): SnapshotView {
  const usable = () => {
    const state = source.state()
    return 'unknown' in state ? undefined : state
  }
  const lookUp = <T>(
    kind: Kind,
    find: (state: State) => Row | undefined,
    read: (row: Row, state: State) => T,
  ) => answer(source.state(), kind, find, read)
  const listed = <T>(group: keyof Indexes, of: bigint, read: (row: Row, state: State) => T): T[] => {
    const state = usable()
    if (state === undefined) return []
    const members = (state.indexes[group] as Map<string, Map<string, Row>>).get(String(of))
    return [...(members?.values() ?? [])].map((row) => read(row, state))
  }
  const rowById = (kind: Kind, id: bigint) => (state: State) => state.rows[kind].get(String(id))?.row

  return {
    findAccount: (id) => lookUp('accounts', rowById('accounts', id), rows.accountOf),
    findKey: (sha256) => lookUp('api_keys', (s) => s.indexes.keyBySha.get(sha256), rows.keyOf),
    listKeys: (userId) => listed('keysOfUser', userId, rows.keyOf).sort(byId),
    findUser: (id) => lookUp('users', rowById('users', id), rows.userOf),
    findUserByEmail: (email, accountId) =>
      lookUp('users', (s) => userByEmail(s, email.toLowerCase(), accountId), rows.userOf),
    listUsers: (accountId) =>
      listed('usersOf', accountId, rows.userOf)
        .filter((user) => !user.removed)
        .sort(byId),
    findDatabase: (accountId, name) =>
      lookUp('databases', (s) => s.indexes.databaseByName.get(`${accountId}/${name}`), rows.databaseOf),
    listDatabases: (accountId) => listed('databasesOf', accountId, rows.databaseOf).sort(byName),
    findTable: (accountId, database, table) => findTable(source.state(), accountId, database, table),
    findTableById: (id) => lookUp('tables', rowById('tables', id), tableIn),
    listTables: (databaseId) => listed('tablesOf', databaseId, tableIn).sort(byName),
    listViews: (databaseId) => listed('viewsOf', databaseId, rows.viewOf).sort(byName),
    sumsOf: (databaseId) => sumsOf(usable(), databaseId),
    permissionOf: (userId, databaseId) =>
      lookUp(
        'database_permissions',
        (s) => s.indexes.permissionsOf.get(String(databaseId))?.get(String(userId)),
        rows.permissionOf,
      ),
    listPermissions: (databaseId) =>
      listed('permissionsOf', databaseId, (row) => ({
        databaseId: BigInt(String(row.database_id)),
        userId: BigInt(String(row.user_id)),
        permission: rows.permissionOf(row),
      })),
    findSchedule: (accountId, name) =>
      lookUp('schedules', (s) => s.indexes.scheduleByName.get(`${accountId}/${name}`), rows.scheduleOf),
    listSchedules: (accountId) => listed('schedulesOf', accountId, rows.scheduleOf).sort(byName),
    jobHead: (id) => lookUp('jobs', rowById('jobs', id), rows.jobOf),
    jobByDomainKey: (accountId, key) =>
      lookUp('jobs', (s) => s.indexes.jobByDomainKey.get(`${accountId}/${key}`), rows.jobOf),
    recentJobs: (accountId, limit) => recentJobs(usable(), accountId, limit),
    get position() {
      return usable()?.position ?? 0
    },
    get identityVersion() {
      return usable()?.identityVersion ?? -1
    },
    get version() {
      return usable()?.version ?? -1
    },
    get ageMs() {
      return usable() === undefined ? Number.POSITIVE_INFINITY : source.ageMs()
    },
    get sealed() {
      return usable()?.sealed
    },
    get usable() {
      return usable() !== undefined
    },
  }
}

const BEING_DECIDED = 'a change that takes it away is being decided'

function answer<T>(
  state: State | { unknown: string },
  kind: Kind,
  find: (state: State) => Row | undefined,
  read: (row: Row, state: State) => T,
): Lookup<T> {
  if ('unknown' in state) return { kind: 'unknown', reason: state.unknown }
  const row = find(state)
  if (row === undefined) return { kind: 'absent' }
  if (state.denied.has(entityKey(kind, row))) return { kind: 'unknown', reason: BEING_DECIDED }
  return { kind: 'found', value: read(row, state) }
}

function findTable(
  state: State | { unknown: string },
  accountId: bigint,
  database: string,
  table: string,
): Lookup<SnapshotTable> {
  const parent = answer(
    state,
    'databases',
    (s) => s.indexes.databaseByName.get(`${accountId}/${database}`),
    (row) => String(row.id),
  )
  if (parent.kind !== 'found') return parent
  return answer(state, 'tables', (s) => s.indexes.tableByName.get(`${parent.value}/${table}`), tableIn)
}

/** The same object until something about the table changes: the edge asks for one with every request. */
function tableIn(row: Row, state: State): SnapshotTable {
  const id = String(row.id)
  const known = state.built.get(id)
  if (known !== undefined) return known
  const columns = [...(state.indexes.columnsOf.get(id)?.values() ?? [])].map(rows.columnOf)
  columns.sort((a, b) => a.ordinal - b.ordinal || compare(a.name, b.name))
  const table = Object.freeze(rows.tableOf(row, columns, state.sums.get(id)))
  state.built.set(id, table)
  return table
}

function sumsOf(state: State | undefined, databaseId: bigint): { rows: bigint; bytes: bigint } {
  let rows = 0n
  let bytes = 0n
  for (const tableId of state?.indexes.tablesOf.get(String(databaseId))?.keys() ?? []) {
    const sum = state?.sums.get(tableId)
    rows += BigInt(sum?.rows ?? 0)
    bytes += BigInt(sum?.bytes ?? 0)
  }
  return { rows, bytes }
}

function userByEmail(state: State, email: string, accountId: bigint | undefined): Row | undefined {
  if (accountId !== undefined) return state.indexes.userByEmail.get(`${accountId}/${email}`)
  for (const id of state.rows.accounts.keys()) {
    const row = state.indexes.userByEmail.get(`${id}/${email}`)
    if (row !== undefined) return row
  }
  return undefined
}

function recentJobs(state: State | undefined, accountId: bigint, limit: number) {
  const all = [...(state?.rows.jobs.values() ?? [])].flatMap(({ row }) => (row === undefined ? [] : [row]))
  const mine = all.filter((row) => String(row.account_id) === String(accountId))
  mine.sort((a, b) => Number(b.id) - Number(a.id))
  return mine.slice(0, limit).map(rows.jobOf)
}

const byId = (a: { id: bigint }, b: { id: bigint }) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
const byName = (a: { name: string }, b: { name: string }) => compare(a.name, b.name)
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
