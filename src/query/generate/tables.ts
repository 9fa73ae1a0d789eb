import type { TableReference } from '../analyze/plan.ts'
import { duckType, textLiteral } from '../functions/index.ts'
import type { PrestoType } from '../presto-type.ts'

/** What a chunk file holds, by column name: Parquet's own kind. */
export type TableFiles = {
  path: string
  columns: Readonly<Record<string, { physical: string; nulls: number }>>
}[]

/**
 * The rows of one table reference: columns c1, c2, … as the schema declares them, whatever the files hold. A column that a file lacks
 * is NULL there; a value that is not of the declared type is converted, or NULL when that is impossible. No files: no rows.
 */
export function tableSql(reference: TableReference, files: TableFiles): string {
  const columns = [...reference.used]
    .sort((a, b) => a - b)
    .map((number) => ({ number, ...reference.columns[number - 1]! }))
  if (files.length === 0) {
    const nulls = columns.map(({ number, type }) => `CAST(NULL AS ${duckType(type)}) AS c${number}`)
    return `(SELECT ${nulls.length === 0 ? 'NULL AS c0' : nulls.join(', ')} WHERE false)`
  }
  const paths = `[${files.map(({ path }) => textLiteral(path)).join(', ')}]`
  if (columns.length === 0)
    return `(SELECT true AS c0 FROM read_parquet(${paths}, hive_partitioning = false, schema = ${schemaOf([{ name: 'time', stored: 'BIGINT' }])}))`
  const read = columns.map(({ number, name, type }) => ({
    number,
    name,
    type,
    stored: storedType(name, type, files),
  }))
  const select = read.map(
    ({ number, name, type, stored }) => `${converted(identifier(name), type, stored)} AS c${number}`,
  )
  return `(SELECT ${select.join(', ')} FROM read_parquet(${paths}, hive_partitioning = false, schema = ${schemaOf(read)}))`
}

function schemaOf(columns: { name: string; stored: string }[]): string {
  const entries = columns.map(({ name, stored }) => {
    const text = textLiteral(name)
    return `${text}: {name: ${text}, type: '${stored}', default_value: NULL}`
  })
  return `MAP {${entries.join(', ')}}`
}

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** What to declare to the reader: a failing cast there would be an error, so anything doubtful is read as text. */
function storedType(name: string, type: PrestoType, files: TableFiles): string {
  const kinds = new Set(
    files.map(({ columns }) => columns[name]?.physical).filter((kind) => kind !== undefined),
  )
  if (type.kind === 'bigint') return [...kinds].every((kind) => kind === 'INT64') ? 'BIGINT' : 'VARCHAR'
  if (type.kind === 'double')
    return [...kinds].every((kind) => kind === 'INT64' || kind === 'DOUBLE') ? 'DOUBLE' : 'VARCHAR'
  return 'VARCHAR'
}

/** Nested values are stored as JSON text. */
function converted(sql: string, type: PrestoType, stored: string): string {
  if (stored === duckType(type)) return sql
  if (type.kind === 'array' || type.kind === 'map')
    return `TRY_CAST(TRY_CAST(${sql} AS JSON) AS ${duckType(type)})`
  return `TRY_CAST(${sql} AS ${duckType(type)})`
}
