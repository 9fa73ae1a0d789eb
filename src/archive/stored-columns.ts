import type { ChunkColumns } from '../snapshot/index.ts'
import type { ArchivedTable, SourceChunk } from './types.ts'

export type Physical = 'INT64' | 'DOUBLE' | 'BYTE_ARRAY'
/** A column of the file to be written. `key` undefined = the column `time`. */
export type OutputColumn = { name: string; key: string | undefined; type: string; physical: Physical }
/** Files that call the same columns by the same names and hold them in the same form. */
export type FileGroup = { files: SourceChunk[]; columns: Map<string, GroupColumn> }
export type GroupColumn = { key: string | undefined; physical: string }

/** The column every table has; a sender may also have written a key of that name, which got another name. */
const keyOf = (name: string, key: string) => (name === 'time' ? undefined : key)

const TIME: GroupColumn = { key: undefined, physical: 'INT64' }

/** How a column is held when its values are of its type. */
export function physicalOf(type: string): Physical {
  if (type === 'long' || type === 'int') return 'INT64'
  if (type === 'double' || type === 'float') return 'DOUBLE'
  return 'BYTE_ARRAY'
}

/** As few readings as possible; a file joins the first group in which no name means two things. */
export function groupFiles(chunks: readonly SourceChunk[]): FileGroup[] {
  const groups: FileGroup[] = []
  for (const chunk of chunks) {
    const columns = Object.entries(chunk.columns)
    const group = groups.find((one) => columns.every(([name, column]) => fits(one, name, column)))
    const joined: FileGroup = group ?? { files: [], columns: new Map([['time', TIME]]) }
    if (group === undefined) groups.push(joined)
    joined.files.push(chunk)
    for (const [name, { key, physical }] of columns)
      joined.columns.set(name, { key: keyOf(name, key), physical })
  }
  return groups
}

function fits(group: FileGroup, name: string, { key, physical }: ChunkColumns[string]): boolean {
  const there = group.columns.get(name)
  if (there !== undefined) return there.key === keyOf(name, key) && there.physical === physical
  return ![...group.columns.values()].some((other) => other.key === keyOf(name, key))
}

/**
 * The columns of a file that holds all of these chunks' values: whatever the table calls them today, in the form of their
 * type. Columns that were removed from the table stay: they may be declared again. `doubtful`: those that a group holds in
 * another form than wanted; they become text unless every value survives the way there and back.
 */
export function outputColumns(
  groups: readonly FileGroup[],
  table: Pick<ArchivedTable, 'columns'>,
): { columns: OutputColumn[]; doubtful: OutputColumn[] } {
  const known = new Map(table.columns.map((column) => [column.key, column]))
  const latest = new Map<string, { name: string; type: string; forms: Set<string> }>()
  for (const { files, columns } of groups) {
    for (const [name, { key, physical }] of columns) {
      if (key === undefined) continue
      const type = files.at(-1)?.columns[name]?.type ?? 'string'
      const before = latest.get(key)
      latest.set(key, { name, type, forms: (before?.forms ?? new Set()).add(physical) })
    }
  }
  const taken = new Set(['time', ...table.columns.map(({ name }) => name.toLowerCase())])
  const time: OutputColumn = { name: 'time', key: undefined, type: 'long', physical: 'INT64' }
  const columns = [time]
  const doubtful: OutputColumn[] = []
  for (const [key, { name, type, forms }] of latest) {
    const column = known.get(key)
    const given = column?.name ?? freeName(name, taken)
    const wanted = physicalOf(column?.type ?? type)
    const output = { name: given, key, type: column?.type ?? type, physical: wanted }
    columns.push(output)
    if (wanted !== 'BYTE_ARRAY' && [...forms].some((form) => form !== wanted)) doubtful.push(output)
  }
  return { columns, doubtful }
}

function freeName(name: string, taken: Set<string>): string {
  let given = name
  for (let i = 2; taken.has(given.toLowerCase()); i++) given = `${name}_${i}`
  taken.add(given.toLowerCase())
  return given
}

export const DUCK_TYPE: Record<string, string> = {
  INT64: 'BIGINT',
  DOUBLE: 'DOUBLE',
  BYTE_ARRAY: 'VARCHAR',
  BOOLEAN: 'BOOLEAN',
}

/** A DuckDB string literal; NUL cannot stand in DuckDB text. */
export function textLiteral(text: string): string {
  if (!text.includes('\0')) return `'${text.replaceAll("'", "''")}'`
  return `(${text.split('\0').map(textLiteral).join(' || chr(0) || ')})`
}

export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** The rows of the files as they are stored, under their stored names. */
export function readSql(group: FileGroup, locate: (path: string) => string): string {
  const paths = group.files.map(({ path }) => textLiteral(locate(path))).join(', ')
  const schema = [...group.columns].map(([name, { physical }]) => {
    const text = textLiteral(name)
    return `${text}: {name: ${text}, type: '${DUCK_TYPE[physical]}', default_value: NULL}`
  })
  return `read_parquet([${paths}], hive_partitioning = false, schema = MAP {${schema.join(', ')}})`
}

/** The rows of all groups as `columns`. Numbers become text exactly as a query would show them. */
export function selectSql(
  groups: readonly FileGroup[],
  columns: readonly OutputColumn[],
  locate: (path: string) => string,
  where: (group: FileGroup) => string | undefined = () => undefined,
): string {
  const selects = groups.map((group) => {
    const items = columns.map((column) => `${valueSql(group, column)} AS ${identifier(column.name)}`)
    const condition = where(group)
    const filter = condition === undefined ? '' : ` WHERE ${condition}`
    return `SELECT ${items.join(', ')} FROM ${readSql(group, locate)}${filter}`
  })
  return selects.join(' UNION ALL ')
}

function valueSql(group: FileGroup, { key, physical }: OutputColumn): string {
  const stored = storedColumn(group, key)
  if (stored === undefined) return `CAST(NULL AS ${DUCK_TYPE[physical]})`
  if (stored.physical === physical) return identifier(stored.name)
  return `CAST(${identifier(stored.name)} AS ${DUCK_TYPE[physical]})`
}

function storedColumn(group: FileGroup, key: string | undefined) {
  for (const [name, column] of group.columns) if (column.key === key) return { name, ...column }
  return undefined
}

/** Counts, one column each, the values of a doubtful column that would not survive the conversion; undefined = nothing to ask. */
export function lossSql(
  groups: readonly FileGroup[],
  doubtful: readonly OutputColumn[],
  locate: (path: string) => string,
): string | undefined {
  const selects = groups.flatMap((group) => {
    const asked = doubtful.map((column, i) => {
      const stored = storedColumn(group, column.key)
      if (stored === undefined || stored.physical === column.physical) return `0::BIGINT AS l${i}`
      return `count(*) FILTER (WHERE ${lossOf(identifier(stored.name), stored.physical, column.physical)}) AS l${i}`
    })
    if (asked.every((one) => one.startsWith('0::'))) return []
    return [`SELECT ${asked.join(', ')} FROM ${readSql(group, locate)}`]
  })
  if (selects.length === 0) return undefined
  const sums = doubtful.map((_, i) => `sum(l${i})::BIGINT AS l${i}`)
  return `SELECT ${sums.join(', ')} FROM (${selects.join(' UNION ALL ')})`
}

/** True for a value that does not come back from the wanted form as it was. */
function lossOf(sql: string, physical: string, wanted: Physical): string {
  if (physical === 'BOOLEAN') return `${sql} IS NOT NULL`
  const there = `TRY_CAST(${sql} AS ${DUCK_TYPE[wanted]})`
  return `${sql} IS NOT NULL AND TRY_CAST(${there} AS ${DUCK_TYPE[physical]}) IS DISTINCT FROM ${sql}`
}
