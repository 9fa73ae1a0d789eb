import { castText, duckType, rowField, textLiteral } from '../functions/index.ts'
import type { CallContext } from '../functions/types.ts'
import { type PrestoType, typeText } from '../presto-type.ts'

/** CAST(x AS JSON): JSON text of a value; a row is an array, a map an object with its keys in order. */
export function toJson(sql: string, type: PrestoType, context: CallContext): string | undefined {
  const inner = jsonText(sql, type, context, 0)
  return inner === undefined ? undefined : `CASE WHEN ${sql} IS NOT NULL THEN ${inner} END`
}

/** JSON text of a value that is not NULL. */
function jsonText(sql: string, type: PrestoType, context: CallContext, depth: number): string | undefined {
  switch (type.kind) {
    case 'json':
      return sql
    case 'boolean':
    case 'tinyint':
    case 'smallint':
    case 'integer':
    case 'bigint':
      return `CAST(${sql} AS VARCHAR)`
    case 'decimal':
      return castText(sql, type, context)
    case 'real':
    case 'double': {
      const text = castText(sql, type, context)
      return `CASE WHEN isfinite(${sql}) THEN ${text} ELSE '"' || ${text} || '"' END`
    }
    case 'varchar':
      return `CAST(to_json(${sql}) AS VARCHAR)`
    case 'date':
    case 'timestamp':
      return `CAST(to_json(${castText(sql, type, context)}) AS VARCHAR)`
    case 'array':
      return listText(sql, type.element, context, depth)
    case 'map':
      return mapText(sql, type, context, depth)
    case 'row':
      return rowText(sql, type, context, depth)
    default:
      return undefined
  }
}

function nullable(sql: string, type: PrestoType, context: CallContext, depth: number): string | undefined {
  if (type.kind === 'unknown') return `'null'`
  const text = jsonText(sql, type, context, depth)
  return text === undefined ? undefined : `coalesce(${text}, 'null')`
}

function listText(sql: string, element: PrestoType, context: CallContext, depth: number): string | undefined {
  const name = `j${depth}`
  const text = nullable(name, element, context, depth + 1)
  return text === undefined
    ? undefined
    : `('[' || array_to_string(list_transform(${sql}, lambda ${name}: ${text}), ',') || ']')`
}

function mapText(
  sql: string,
  type: Extract<PrestoType, { kind: 'map' }>,
  context: CallContext,
  depth: number,
): string | undefined {
  const name = `j${depth}`
  if (
    ![
      'varchar',
      'boolean',
      'tinyint',
      'smallint',
      'integer',
      'bigint',
      'real',
      'double',
      'decimal',
      'date',
      'timestamp',
    ].includes(type.key.kind)
  )
    return undefined
  const key = `CAST(to_json(${castText(`struct_extract(${name}, 'key')`, type.key, context)}) AS VARCHAR)`
  const value = nullable(`struct_extract(${name}, 'value')`, type.value, context, depth + 1)
  if (value === undefined) return undefined
  return `('{' || array_to_string(list_sort(list_transform(map_entries(${sql}), lambda ${name}: ${key} || ':' || ${value})), ',') || '}')`
}

function rowText(
  sql: string,
  type: Extract<PrestoType, { kind: 'row' }>,
  context: CallContext,
  depth: number,
): string | undefined {
  const parts = type.fields.map((field, i) =>
    nullable(`struct_extract(${sql}, '${rowField(i)}')`, field.type, context, depth),
  )
  if (parts.includes(undefined)) return undefined
  return `('[' || ${parts.join(` || ',' || `)} || ']')`
}

/**
 * CAST(json AS T): a JavaScript function turns the JSON into one that DuckDB reads as T without judging anything itself; what does
 * not fit raises INVALID_CAST_ARGUMENT there.
 */
export function fromJson(sql: string, to: PrestoType): string | undefined {
  if (!castable(to)) return undefined
  const shaped = `p_json_shape(${sql}, ${textLiteral(typeText(to))}, ${textLiteral(JSON.stringify(shapeOf(to)))})`
  const nested = to.kind === 'array' || to.kind === 'map' || to.kind === 'row'
  return nested ? `CAST(CAST(${shaped} AS JSON) AS ${duckType(to)})` : `CAST(${shaped} AS ${duckType(to)})`
}

/** What the JavaScript function has to know of a type. */
export type Shape =
  | string
  | { array: Shape }
  | { map: Shape; key: Shape }
  | { row: [name: string | null, shape: Shape][] }

function shapeOf(type: PrestoType): Shape {
  if (type.kind === 'array') return { array: shapeOf(type.element) }
  if (type.kind === 'map') return { map: shapeOf(type.value), key: shapeOf(type.key) }
  if (type.kind === 'row')
    return { row: type.fields.map(({ name, type: field }) => [name ?? null, shapeOf(field)]) }
  return type.kind
}

function castable(type: PrestoType): boolean {
  switch (type.kind) {
    case 'array':
      return castable(type.element)
    case 'map':
      return (
        castable(type.value) && !['array', 'map', 'row', 'json'].includes(type.key.kind) && castable(type.key)
      )
    case 'row':
      return type.fields.every((field) => castable(field.type))
    default:
      return [
        'boolean',
        'tinyint',
        'smallint',
        'integer',
        'bigint',
        'real',
        'double',
        'decimal',
        'varchar',
        'json',
      ].includes(type.kind)
  }
}
