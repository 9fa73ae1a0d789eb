import { booleanOf, type Parameters } from '../kernel/http/index.ts'
import type { SnapshotColumn } from '../snapshot/index.ts'
import { catalogErrors } from './errors.ts'

/** One entry of a table schema as clients send it; `name` (what SQL calls it) only when they gave an alias. */
export type DeclaredColumn = { key: string; type: string; name?: string; description?: string }

const SCALAR = new Set(['int', 'long', 'float', 'double', 'string'])
const MOST_COLUMNS = 10_000

/**
 * Reads `schema`: JSON text (Ruby, Python, Go) or an array (Java's JSON body) of `[key, type, alias?, description?]`.
 * `time` is every table's own and left out. Undefined when not given. @throws schema_invalid (422, final)
 */
export function schemaOf(parameters: Parameters): DeclaredColumn[] | undefined {
  const given = parameters.schema
  if (given === undefined || given === null || given === '') return undefined
  const entries = typeof given === 'string' ? parse(given) : given
  if (!Array.isArray(entries)) throw catalogErrors.schema_invalid('it is not a JSON array')
  if (entries.length > MOST_COLUMNS) throw catalogErrors.schema_invalid(`more than ${MOST_COLUMNS} columns`)
  const ignoreDuplicates = booleanOf(parameters, 'ignore_duplicate_schema') ?? false
  return unique(
    entries.map(columnOf).filter(({ key }) => key !== 'time'),
    ignoreDuplicates,
  )
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw catalogErrors.schema_invalid(`it is not JSON: ${(error as Error).message}`, error)
  }
}

function columnOf(entry: unknown): DeclaredColumn {
  const fits = Array.isArray(entry) && entry.length >= 2 && entry.length <= 4
  if (!fits || !entry.every((part) => typeof part === 'string' || part === null)) {
    throw catalogErrors.schema_invalid(`${JSON.stringify(entry)} is not [key, type, alias?, description?]`)
  }
  const [key, type, name, description] = entry as (string | null)[]
  if (key === null || key === '') throw catalogErrors.schema_invalid('a column without a name')
  if (key === 'v') throw catalogErrors.schema_invalid(`column name 'v' is reserved`)
  if (type === null || !isType(type))
    throw catalogErrors.schema_invalid(`column ${key} has unknown type '${type}'`)
  if (name != null && name !== '' && !/^[a-z_][a-z0-9_]{0,127}$/.test(name)) {
    throw catalogErrors.schema_invalid(`alias '${name}' of column ${key} does not match ^[a-z_][a-z0-9_]*$`)
  }
  return {
    key: key!,
    type,
    ...(name == null || name === '' ? {} : { name }),
    ...(description == null || description === '' ? {} : { description }),
  }
}

/** `int long float double string array<T> map<K,V>`, nested as deep as one likes to 16. */
export function isType(text: string, depth = 0): boolean {
  if (SCALAR.has(text)) return true
  if (depth > 16) return false
  const array = /^array<(.+)>$/.exec(text)
  if (array !== null) return isType(array[1]!, depth + 1)
  const map = /^map<([a-z]+),\s*(.+)>$/.exec(text)
  return map !== null && SCALAR.has(map[1]!) && isType(map[2]!, depth + 1)
}

function unique(columns: DeclaredColumn[], ignoreDuplicates: boolean): DeclaredColumn[] {
  const byKey = new Map<string, DeclaredColumn>()
  const names = new Set<string>()
  for (const column of columns) {
    if (byKey.has(column.key)) {
      if (ignoreDuplicates) continue
      throw catalogErrors.schema_invalid(`column ${column.key} appears twice`)
    }
    if (
      column.name !== undefined &&
      (names.has(column.name) || column.name === 'time' || column.name === 'v')
    ) {
      throw catalogErrors.schema_invalid(`the name '${column.name}' is taken`)
    }
    if (column.name !== undefined) names.add(column.name)
    byKey.set(column.key, column)
  }
  return [...byKey.values()]
}

/** The schema as REST answers carry it: JSON text in a string, `[key, type]` or `[key, type, name]`. */
export function schemaText(columns: SnapshotColumn[], includeDescriptions: boolean): string {
  const entries = columns.map(({ key, type, name, description }) => {
    if (includeDescriptions && description !== null) return [key, type, name, description]
    return name === key ? [key, type] : [key, type, name]
  })
  return JSON.stringify(entries)
}
