import { requireName } from '../catalog/index.ts'
import { AppError } from '../kernel/index.ts'
import {
  type Change,
  catalogType,
  type NewColumn,
  QueryError,
  type SchemaLookup,
  type StoredView,
  type TableColumn,
  type TableLookup,
  type TargetName,
} from '../query/index.ts'
import type { CatalogStep, TableAt } from './types.ts'

/**
 * The catalog as the statements of a script have left it so far, over the one that everybody sees; and the list of what they did, which
 * the job's end carries out. Nothing here touches the database.
 */
export type Overlay = {
  lookup: SchemaLookup
  /** Notes what the statement does to names, tables and columns. Throws QueryError when that cannot be. */
  apply(change: Change): Promise<Effect>
  steps: readonly CatalogStep[]
  /** How many it has created. */
  created(): { tables: number; databases: number }
  /** The number of a database that it has created. */
  newDatabase(name: string): bigint | undefined
  isNew(tableId: bigint): boolean
  /** It is there after all statements so far. */
  isThere(tableId: bigint): boolean
}

/** none: IF [NOT] EXISTS was right. */
export type Effect =
  | { kind: 'none' }
  | { kind: 'done' }
  | { kind: 'table'; id: bigint; at: TableAt; columns: TableColumn[] }

type OverlaidTable = { id: bigint; columns: TableColumn[]; description?: string | null }
type Known = (OverlaidTable & { kind: 'table' }) | { kind: 'view'; view: StoredView } | { kind: 'gone' }
type State = {
  names: Map<string, Known>
  schemas: Map<string, 'created' | 'dropped'>
  steps: CatalogStep[]
  /** Numbers of tables that the script has made, in order. */
  created: bigint[]
  /** Numbers of databases, likewise; one name may have been given more than once. */
  createdDatabases: bigint[]
  databases: Map<string, bigint>
  dropped: Set<bigint>
}

const keyOf = (database: string, name: string) => `${database}.${name}`

/** Numbers for what the script creates, in order; beyond them it takes numbers below zero, which mean nothing. */
export type NewIds = { tables: readonly bigint[]; databases: readonly bigint[] }
export const NO_IDS: NewIds = { tables: [], databases: [] }

export function createOverlay(base: SchemaLookup, ids: NewIds): Overlay {
  const state: State = {
    names: new Map(),
    schemas: new Map(),
    steps: [],
    created: [],
    createdDatabases: [],
    databases: new Map(),
    dropped: new Set(),
  }
  const lookup = lookupOver(base, state)
  const idAfter = (given: readonly bigint[], count: number) => given[count] ?? -1n - BigInt(count)
  const next = {
    table: () => idAfter(ids.tables, state.created.length),
    database: () => idAfter(ids.databases, state.createdDatabases.length),
  }
  return {
    lookup,
    steps: state.steps,
    created: () => ({ tables: state.created.length, databases: state.createdDatabases.length }),
    newDatabase: (name) => state.databases.get(name),
    isNew: (id) => state.created.includes(id),
    isThere: (id) => !state.dropped.has(id),
    apply: (change) => apply({ state, lookup, next }, change),
  }
}

function lookupOver(base: SchemaLookup, { names, schemas }: State): SchemaLookup {
  return {
    as: (owner) => lookupOver(base.as(owner), { names, schemas } as State),
    mayWrite: (database, what) =>
      schemas.get(database) === 'created' ? 'yes' : base.mayWrite(database, what),
    findTable(database, name): TableLookup | Promise<TableLookup> {
      if (schemas.get(database) === 'dropped') return { kind: 'no-database' }
      const known = names.get(keyOf(database, name))
      switch (known?.kind) {
        case 'gone':
          return { kind: 'no-table' }
        case 'view':
          return known
        case 'table':
          return { kind: 'found', table: known }
        default:
          return schemas.get(database) === 'created' ? { kind: 'no-table' } : base.findTable(database, name)
      }
    },
    async listDatabases() {
      const found = await base.listDatabases()
      if (found.kind !== 'found') return found
      const all = new Set(found.names)
      for (const [name, what] of schemas) what === 'created' ? all.add(name) : all.delete(name)
      return { kind: 'found', names: [...all].sort() }
    },
    async listTables(database) {
      const schema = schemas.get(database)
      if (schema === 'dropped') return { kind: 'absent' }
      const found =
        schema === 'created' ? { kind: 'found' as const, names: [] } : await base.listTables(database)
      if (found.kind !== 'found') return found
      const all = new Set(found.names)
      for (const [key, { kind }] of names) {
        if (!key.startsWith(`${database}.`)) continue
        const name = key.slice(database.length + 1)
        if (kind === 'gone') all.delete(name)
        else all.add(name)
      }
      return { kind: 'found', names: [...all].sort() }
    },
  }
}

type Applying = { state: State; lookup: SchemaLookup; next: Record<'table' | 'database', () => bigint> }

async function apply(applying: Applying, change: Change): Promise<Effect> {
  const { state } = applying
  const step = (one: CatalogStep): Effect => {
    state.steps.push(one)
    return { kind: 'done' }
  }
  switch (change.kind) {
    case 'create-table':
    case 'create-table-as':
      return createTable(applying, change)
    case 'insert':
    case 'delete': {
      // What a statement after it drops with its database was the table's.
      const table = await tableAt(applying, change.target, false)
      if (table !== undefined) name(state, change.target, { kind: 'table', ...table })
      return { kind: 'none' }
    }
    case 'drop-table': {
      const table = await tableAt(applying, change.target, change.ifExists)
      if (table === undefined) return { kind: 'none' }
      name(state, change.target, { kind: 'gone' })
      state.dropped.add(table.id)
      return step({ do: 'drop-table', id: String(table.id), at: placeOf(change.target) })
    }
    case 'rename-table': {
      const table = await tableAt(applying, change.from, change.ifExists)
      if (table === undefined) return { kind: 'none' }
      await requireFree(applying, change.to)
      name(state, change.from, { kind: 'gone' })
      name(state, change.to, { kind: 'table', ...table })
      const [at, to] = [placeOf(change.from), placeOf(change.to)]
      return step({ do: 'rename-table', id: String(table.id), at, to })
    }
    case 'add-column':
    case 'drop-column':
    case 'rename-column':
    case 'comment':
      return changeColumns(applying, change)
    case 'create-view': {
      const there = await find(applying, change.target)
      if (there.kind !== 'no-table' && !(there.kind === 'view' && change.orReplace))
        throw exists(change.target, there.kind === 'view' ? 'View' : 'Table')
      requireTableName(change.target)
      name(state, change.target, { kind: 'view', view: change.view })
      const { orReplace, view } = change
      return step({ do: 'create-view', at: placeOf(change.target), orReplace, view })
    }
    case 'rename-view': {
      const there = await find(applying, change.from)
      if (there.kind !== 'view') throw missing(change.from, 'View')
      await requireFree(applying, change.to)
      name(state, change.from, { kind: 'gone' })
      name(state, change.to, there)
      return step({ do: 'rename-view', at: placeOf(change.from), to: placeOf(change.to) })
    }
    case 'drop-view': {
      const there = await find(applying, change.target)
      if (there.kind !== 'view' && change.ifExists) return { kind: 'none' }
      if (there.kind !== 'view') throw missing(change.target, 'View')
      name(state, change.target, { kind: 'gone' })
      return step({ do: 'drop-view', at: placeOf(change.target) })
    }
    case 'create-schema':
    case 'drop-schema':
      return changeSchema(applying, change)
  }
}

async function createTable(
  applying: Applying,
  change: Extract<Change, { kind: 'create-table' | 'create-table-as' }>,
): Promise<Effect> {
  const { state, next } = applying
  const { target, ifNotExists } = change
  const there = await find(applying, target)
  if (there.kind !== 'no-table') {
    if (ifNotExists) return { kind: 'none' }
    throw exists(target, there.kind === 'view' ? 'View' : 'Table')
  }
  requireTableName(target)
  const id = next.table()
  state.created.push(id)
  const columns = columnsOf(change.columns)
  const described = change.comment === undefined ? {} : { description: change.comment }
  name(state, target, { kind: 'table', id, columns, ...described })
  const stored = columns.map(({ key: _, ...column }) => column)
  state.steps.push({ do: 'create-table', id: String(id), at: placeOf(target), ...described, columns: stored })
  return { kind: 'table', id, at: placeOf(target), columns }
}

/** `time` is every table's own. */
function columnsOf(columns: readonly NewColumn[]): (TableColumn & { description?: string })[] {
  return columns
    .filter((column) => column.name.toLowerCase() !== 'time')
    .map((column) => ({ key: column.name, ...storedColumn(column) }))
}

const storedColumn = ({
  name,
  type,
  comment,
}: NewColumn): Omit<TableColumn, 'key'> & { description?: string } => ({
  name,
  type: catalogType(type),
  ...(comment !== undefined && { description: comment }),
})

async function changeColumns(
  applying: Applying,
  change: Extract<Change, { kind: 'add-column' | 'drop-column' | 'rename-column' | 'comment' }>,
): Promise<Effect> {
  const { state } = applying
  const { target } = change
  const table = await tableAt(applying, target, change.kind !== 'comment' && change.ifExists)
  if (table === undefined) return { kind: 'none' }
  const { id, columns, description = null } = table
  const at = placeOf(target)
  const changed = (next: TableColumn[], step: CatalogStep, about = description): Effect => {
    name(state, target, { kind: 'table', id, columns: next, description: about })
    state.steps.push(step)
    return { kind: 'done' }
  }
  const named = (wanted: string) =>
    columns.find((column) => column.name.toLowerCase() === wanted.toLowerCase())
  const isTaken = (wanted: string) => wanted.toLowerCase() === 'time' || named(wanted) !== undefined
  const taken = (wanted: string) =>
    new QueryError('COLUMN_ALREADY_EXISTS', `Column '${wanted}' already exists`, target.at)
  switch (change.kind) {
    case 'add-column': {
      const column = { key: freeKey(change.column.name, columns), ...storedColumn(change.column) }
      if (isTaken(column.name)) {
        if (change.ifNotExists) return { kind: 'none' }
        throw taken(column.name)
      }
      const step: CatalogStep = { do: 'add-column', id: String(id), at, column }
      return changed([...columns, column], step)
    }
    case 'drop-column': {
      const column = named(change.column)
      if (column === undefined) return absentColumn(change, change.column)
      const step: CatalogStep = { do: 'drop-column', id: String(id), at, key: column.key }
      return changed(columns.toSpliced(columns.indexOf(column), 1), step)
    }
    case 'rename-column': {
      const column = named(change.from)
      if (column === undefined) return absentColumn(change, change.from)
      if (isTaken(change.to)) throw taken(change.to)
      const { key, type } = column
      const step: CatalogStep = { do: 'rename-column', id: String(id), at, key, type, to: change.to }
      return changed(columns.toSpliced(columns.indexOf(column), 1, { ...column, name: change.to }), step)
    }
    case 'comment': {
      const { text } = change
      const column = change.column === null ? undefined : named(change.column)
      if (change.column !== null && column === undefined)
        throw new QueryError('COLUMN_NOT_FOUND', `Column '${change.column}' does not exist`, target.at)
      const step: CatalogStep = { do: 'comment', id: String(id), at, key: column?.key ?? null, text }
      if (column === undefined) return changed(columns, step, text)
      return changed(columns.toSpliced(columns.indexOf(column), 1, { ...column, description: text }), step)
    }
  }
}

/** A column that was renamed keeps its key, which may be the new one's name. */
function freeKey(wanted: string, columns: readonly TableColumn[]): string {
  const taken = new Set(columns.map(({ key }) => key))
  for (let n = 0; ; n++) {
    const key = n === 0 ? wanted : `${wanted}_${n}`
    if (!taken.has(key)) return key
  }
}

function absentColumn(
  { ifColumnExists, target }: { ifColumnExists: boolean; target: TargetName },
  wanted: string,
): Effect {
  if (wanted.toLowerCase() === 'time')
    throw new QueryError('NOT_SUPPORTED', `Every table has the column 'time'`, target.at)
  if (ifColumnExists) return { kind: 'none' }
  throw new QueryError('COLUMN_NOT_FOUND', `Column '${wanted}' does not exist`, target.at)
}

async function changeSchema(
  { state, lookup, next }: Applying,
  change: Extract<Change, { kind: 'create-schema' | 'drop-schema' }>,
): Promise<Effect> {
  const { database, at } = change
  const found = await lookup.findTable(database, '')
  const isThere = found.kind !== 'no-database'
  if (change.kind === 'create-schema') {
    if (isThere && change.ifNotExists) return { kind: 'none' }
    if (isThere) throw new QueryError('SCHEMA_ALREADY_EXISTS', `Schema '${database}' already exists`, at)
    requireSqlName('database', database, at)
    state.schemas.set(database, 'created')
    const id = next.database()
    state.createdDatabases.push(id)
    state.databases.set(database, id)
    state.steps.push({ do: 'create-schema', id: String(id), database })
    return { kind: 'done' }
  }
  if (!isThere && change.ifExists) return { kind: 'none' }
  if (!isThere) throw new QueryError('SCHEMA_NOT_FOUND', `Schema '${database}' does not exist`, at)
  state.schemas.set(database, 'dropped')
  for (const [key, known] of state.names) {
    if (!key.startsWith(`${database}.`)) continue
    if (known.kind === 'table') state.dropped.add(known.id)
    state.names.delete(key)
  }
  state.steps.push({ do: 'drop-schema', database, cascade: change.cascade })
  return { kind: 'done' }
}

async function find(
  { lookup }: Applying,
  target: TargetName,
): Promise<Extract<TableLookup, { kind: 'found' | 'view' | 'no-table' }>> {
  const found = await lookup.findTable(target.database, target.name)
  switch (found.kind) {
    case 'found':
    case 'view':
    case 'no-table':
      return found
    case 'no-database':
      throw new QueryError('SCHEMA_NOT_FOUND', `Schema '${target.database}' does not exist`, target.at)
    default:
      throw new QueryError(
        'PERMISSION_DENIED',
        `Access Denied: Cannot change ${target.database}.${target.name}`,
        target.at,
      )
  }
}

/** undefined: it is not there, and need not be. */
async function tableAt(
  applying: Applying,
  target: TargetName,
  ifExists: boolean,
): Promise<OverlaidTable | undefined> {
  const found = await find(applying, target)
  if (found.kind === 'found') return found.table
  if (ifExists && found.kind === 'no-table') return undefined
  throw missing(target, 'Table')
}

async function requireFree(applying: Applying, target: TargetName): Promise<void> {
  const there = await find(applying, target)
  if (there.kind !== 'no-table') throw exists(target, there.kind === 'view' ? 'View' : 'Table')
  requireTableName(target)
}

function requireTableName({ name: wanted, at }: TargetName): void {
  requireSqlName('table', wanted, at)
}

function requireSqlName(what: 'database' | 'table', wanted: string, at: TargetName['at']): void {
  try {
    requireName(what, wanted)
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    throw new QueryError('NOT_SUPPORTED', error.message, at)
  }
}

const placeOf = ({ database, name: table }: TargetName): TableAt => ({ database, name: table })
const name = (state: State, target: TargetName, known: Known) =>
  void state.names.set(keyOf(target.database, target.name), known)
const path = ({ database, name: table }: TargetName) => `td-presto.${database}.${table}`
const exists = (target: TargetName, what: 'Table' | 'View') =>
  new QueryError('TABLE_ALREADY_EXISTS', `${what} '${path(target)}' already exists`, target.at)
const missing = (target: TargetName, what: 'Table' | 'View') =>
  new QueryError('TABLE_NOT_FOUND', `${what} '${path(target)}' does not exist`, target.at)
