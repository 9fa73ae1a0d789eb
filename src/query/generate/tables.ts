import { FILE_KEY, ROW_KEY, TIME_KEY } from '../analyze/lookup.ts'
import type { TableReference } from '../analyze/plan.ts'
import { duckType, textLiteral } from '../functions/index.ts'
import type { PrestoType } from '../presto-type.ts'

/** What a chunk file holds, by the name the column has in it: the sender's key, and Parquet's own kind. */
export type TableFiles = {
  path: string
  columns: Readonly<Record<string, { key: string; physical: string; nulls: number }>>
}[]
type Layout = TableFiles[number]['columns']
type Column = { number: number; key: string; type: PrestoType }
/** Files that call the same columns by the same names: `names` by key. Many files share few layouts. */
type FileGroup = { paths: string[]; layouts: Set<Layout>; names: Map<string, string> }

/** What the reader itself says of a row. */
const HIDDEN: ReadonlyMap<string, string> = new Map([
  [FILE_KEY, 'filename'],
  [ROW_KEY, 'file_row_number'],
])

/**
 * The rows of one table reference: columns c1, c2, … as the schema declares them, whatever the files hold and however the
 * columns were called when they were written. A column that a file lacks is NULL there; a value that is not of the
 * declared type is converted, or NULL when that is impossible. No files: no rows. `listed` gives the text that stands for a
 * list of paths.
 */
export function tableSql(
  reference: TableReference,
  files: TableFiles,
  listed: (paths: string[]) => string,
): string {
  const columns = usedColumns(reference)
  if (files.length === 0) return noRows(columns)
  const groups = groupsOf(columns, files).map((group) => groupSql(columns, group, listed))
  return `(${groups.join(' UNION ALL ')})`
}

/** The rows of a system table: files that hold at least the used columns, each of the kind that its type is written as. */
export function systemSql(
  reference: TableReference,
  paths: string[],
  listed: (paths: string[]) => string,
): string {
  const columns = usedColumns(reference)
  if (paths.length === 0) return noRows(columns)
  const select = columns.map(({ number, key, type }) => {
    const stored = identifier(key)
    const value = type.kind.startsWith('timestamp')
      ? `CAST(epoch_ms(${stored}) AS ${duckType(type)})`
      : type.kind === 'boolean'
        ? `(${stored} <> 0)`
        : stored
    return `${value} AS c${number}`
  })
  return `(SELECT ${select.length === 0 ? 'true AS c0' : select.join(', ')} FROM read_parquet(${listed(paths)}, hive_partitioning = false))`
}

function usedColumns(reference: TableReference): Column[] {
  return [...reference.used]
    .sort((a, b) => a - b)
    .map((number) => ({ number, ...reference.columns[number - 1]! }))
}

function noRows(columns: Column[]): string {
  const nulls = columns.map(nullColumn)
  return `(SELECT ${nulls.length === 0 ? 'NULL AS c0' : nulls.join(', ')} WHERE false)`
}

const nullColumn = ({ number, type }: Column) => `CAST(NULL AS ${duckType(type)}) AS c${number}`

/** One group as long as no column was renamed; a file joins the first group in which no name means two keys. */
function groupsOf(columns: Column[], files: TableFiles): FileGroup[] {
  const wanted = new Set(columns.map(({ key }) => key))
  const groups: FileGroup[] = []
  const known = new Map<Layout, FileGroup>()
  for (const { path, columns: layout } of files) {
    const group = known.get(layout) ?? groupFor(groups, layout, wanted)
    known.set(layout, group)
    group.paths.push(path)
  }
  return groups
}

function groupFor(groups: FileGroup[], layout: Layout, wanted: ReadonlySet<string>): FileGroup {
  const names = new Map([[TIME_KEY, 'time']])
  for (const [name, { key }] of Object.entries(layout))
    if (name !== 'time' && wanted.has(key)) names.set(key, name)
  const found = groups.find((one) => agree(one, layout, names))
  const group = found ?? { paths: [], layouts: new Set(), names }
  if (found === undefined) groups.push(group)
  group.layouts.add(layout)
  for (const [key, name] of names) group.names.set(key, name)
  return group
}

function agree(group: FileGroup, layout: Layout, names: Map<string, string>): boolean {
  for (const [key, name] of names) {
    if ((group.names.get(key) ?? name) !== name) return false
    if (group.names.has(key)) continue
    // A file of the group that lacks this key may use its name for another one.
    for (const other of group.layouts) if (keyIn(other, name, key) !== key) return false
  }
  for (const [key, name] of group.names) if (keyIn(layout, name, key) !== key) return false
  return true
}

/** The key of the file's column of that name; `otherwise` when it has none. */
function keyIn(layout: Layout, name: string, otherwise: string): string {
  return name === 'time' ? TIME_KEY : (layout[name]?.key ?? otherwise)
}

function groupSql(
  columns: Column[],
  { paths, layouts, names }: FileGroup,
  listed: (paths: string[]) => string,
): string {
  const read: { name: string; stored: string; as: string }[] = []
  // Beside the reader's own columns, those of the file must not go by their names: one may be called `filename`.
  const isNumbered = columns.some(({ key }) => HIDDEN.has(key))
  const select = columns.map((column) => {
    const { number, key, type } = column
    const hidden = HIDDEN.get(key)
    if (hidden !== undefined) return `${hidden} AS c${number}`
    const name = names.get(key)
    if (name === undefined) return nullColumn(column)
    const stored = storedType(name, type, layouts)
    const as = isNumbered ? `s${number}` : name
    read.push({ name, stored, as })
    return `${converted(identifier(as), type, stored)} AS c${number}`
  })
  // Rows are counted along a column that every file has.
  if (read.length === 0) read.push({ name: 'time', stored: 'BIGINT', as: 'time' })
  const schema = !isNumbered && areUniform(read, layouts) ? '' : `, schema = ${schemaOf(read)}`
  return `SELECT ${select.length === 0 ? 'true AS c0' : select.join(', ')} FROM read_parquet(${listed(paths)}, hive_partitioning = false${schema})`
}

/** As which type the reader gives a column of Parquet's kind when it is not told. */
const NATIVE: Readonly<Record<string, string>> = { INT64: 'BIGINT', DOUBLE: 'DOUBLE', BYTE_ARRAY: 'VARCHAR' }

/**
 * Whether every file has each column, of the kind that is asked for: then the first file's own schema serves, which is cheaper for
 * each file than one of ours. Names that differ only in case are one name to the reader.
 */
function areUniform(read: { name: string; stored: string }[], layouts: ReadonlySet<Layout>): boolean {
  for (const layout of layouts) {
    for (const { name, stored } of read)
      if (name !== 'time' && NATIVE[layout[name]?.physical ?? ''] !== stored) return false
    const names = Object.keys(layout)
    if (new Set(names.map((name) => name.toLowerCase())).size < names.length) return false
  }
  return true
}

function schemaOf(columns: { name: string; stored: string; as: string }[]): string {
  const entries = columns.map(
    ({ name, stored, as }) =>
      `${textLiteral(name)}: {name: ${textLiteral(as)}, type: '${stored}', default_value: NULL}`,
  )
  return `MAP {${entries.join(', ')}}`
}

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Kinds that the reader turns into each type without a fault; of anything else it gets the text, and each value is converted by itself. */
const SAFE: Readonly<Record<string, readonly string[]>> = {
  BIGINT: ['INT64', 'BOOLEAN'],
  DOUBLE: ['INT64', 'DOUBLE', 'BOOLEAN'],
}

/** What to declare to the reader: a failing cast there would be an error, so anything doubtful is read as text. */
function storedType(name: string, type: PrestoType, layouts: ReadonlySet<Layout>): string {
  const kinds = new Set<string>()
  for (const layout of layouts) if (layout[name] !== undefined) kinds.add(layout[name].physical)
  const declared = duckType(type)
  if (SAFE[declared] !== undefined && kinds.isSubsetOf(new Set(SAFE[declared]))) return declared
  return declared === 'BIGINT' && kinds.size === 1 && kinds.has('DOUBLE') ? 'DOUBLE' : 'VARCHAR'
}

/** Nested values are stored as JSON text. Numbers are rounded as CAST rounds them. */
function converted(sql: string, type: PrestoType, stored: string): string {
  if (stored === duckType(type)) return sql
  if (type.kind === 'array' || type.kind === 'map')
    return `TRY_CAST(TRY_CAST(${sql} AS JSON) AS ${duckType(type)})`
  return `TRY_CAST(${stored === 'DOUBLE' ? `round(${sql})` : sql} AS ${duckType(type)})`
}
