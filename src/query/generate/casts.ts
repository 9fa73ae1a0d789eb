import { type Position, QueryError } from '../errors.ts'
import {
  castText,
  duckType,
  isInteger,
  isMoment,
  isNumeric,
  type MomentType,
  raiseSql,
  rowField,
  sameType,
} from '../functions/index.ts'
import type { CallContext } from '../functions/types.ts'
import { isOpaque, type PrestoType, typeText } from '../presto-type.ts'
import { fromJson, toJson } from './json-casts.ts'
import { momentCast, momentFromText } from './moment-casts.ts'
import { once } from './once.ts'

export type CastPlace = {
  /** A widening: never truncates, never fails. */
  implicit: boolean
  context: CallContext
  at: Position | undefined
}

/**
 * SQL of Presto's CAST of one type to another. Throws TYPE_MISMATCH when Presto has no such cast. Answers the text unchanged when the
 * engine holds both types alike. The value may be repeated in the result.
 */
export function castSql(sql: string, from: PrestoType, to: PrestoType, place: CastPlace): string {
  if (sameType(from, to) && duckType(from) === duckType(to)) return sql
  const cast = castOf('v', from, to, place)
  // Cheap to ask: a cast that keeps its value as it is needs no name for it.
  return cast === 'v' ? sql : once([sql] as const, (name) => castOf(name, from, to, place))
}

function castOf(sql: string, from: PrestoType, to: PrestoType, place: CastPlace): string {
  if (from.kind === 'unknown') return `CAST(NULL AS ${duckType(to)})`
  const result = scalarCast(sql, from, to, place) ?? nestedCast(sql, from, to, place)
  if (result !== undefined) return result
  throw new QueryError('TYPE_MISMATCH', `Cannot cast ${typeText(from)} to ${typeText(to)}`, place.at)
}

function scalarCast(sql: string, from: PrestoType, to: PrestoType, place: CastPlace): string | undefined {
  if (isOpaque(from) || isOpaque(to)) return sketchCast(sql, from, to)
  if (to.kind === 'json') return toJson(sql, from, place.context)
  if (from.kind === 'json' && to.kind !== 'varchar' && to.kind !== 'char') return fromJson(sql, to)
  switch (to.kind) {
    case 'varchar':
      return toText(sql, from, to.length, place)
    case 'char':
      return from.kind === 'varchar' || from.kind === 'char'
        ? `rpad(left(${sql}, ${to.length}), ${to.length}, ' ')`
        : undefined
    case 'boolean':
      return toBoolean(sql, from)
    case 'tinyint':
    case 'smallint':
    case 'integer':
    case 'bigint':
      return toInteger(sql, from, to)
    case 'real':
    case 'double':
      return toFloat(sql, from, to)
    case 'decimal':
      return toDecimal(sql, from, to)
    case 'date':
    case 'time':
    case 'time with time zone':
    case 'timestamp':
    case 'timestamp with time zone':
      return toMoment(sql, from, to as MomentType, place.context)
    default:
      return undefined
  }
}

/** A sketch is its bytes; the two forms of HyperLogLog are held alike. */
function sketchCast(sql: string, from: PrestoType, to: PrestoType): string | undefined {
  const loglog = (type: PrestoType): boolean => type.kind === 'hyperloglog' || type.kind === 'p4hyperloglog'
  const alike = from.kind === 'varbinary' || to.kind === 'varbinary' || (loglog(from) && loglog(to))
  return alike ? sql : undefined
}

const isText = (type: PrestoType): boolean => type.kind === 'varchar' || type.kind === 'char'

/** Text that becomes longer than varchar(n) is cut when it was text before; a number that does not fit is an error. */
function toText(
  sql: string,
  from: PrestoType,
  length: number | undefined,
  place: CastPlace,
): string | undefined {
  if (['varbinary', 'array', 'map', 'row'].includes(from.kind)) return undefined
  const text = castText(sql, from, place.context)
  if (length === undefined || place.implicit) return text
  if (isText(from)) {
    const own = 'length' in from ? from.length : undefined
    return own !== undefined && own <= length ? text : `left(${text}, ${length})`
  }
  const error = raiseSql(
    'INVALID_CAST_ARGUMENT',
    `'Value ' || ${text} || ' cannot be represented as varchar(${length})'`,
    { kind: 'varchar' },
  )
  return `CASE WHEN length(${text}) > ${length} THEN ${error} ELSE ${text} END`
}

function cannotCast(sql: string, to: PrestoType): string {
  const names: Record<string, string> = {
    integer: 'INT',
    bigint: 'BIGINT',
    smallint: 'SMALLINT',
    tinyint: 'TINYINT',
  }
  const name = names[to.kind] ?? typeText(to).toUpperCase()
  return raiseSql('INVALID_CAST_ARGUMENT', `'Cannot cast ''' || ${sql} || ''' to ${name}'`, to)
}

/** Text must match a pattern before DuckDB, which takes more than Presto does, may read it. */
function fromText(sql: string, pattern: string, to: PrestoType, read = `trim(${sql})`): string {
  const error = cannotCast(sql, to)
  const value = `coalesce(TRY_CAST(${read} AS ${duckType(to)}), ${error})`
  return `CASE WHEN NOT regexp_full_match(${sql}, '${pattern}') THEN ${error} WHEN ${sql} IS NOT NULL THEN ${value} END`
}

function toBoolean(sql: string, from: PrestoType): string | undefined {
  if (isNumeric(from)) return `(${sql} <> 0)`
  if (!isText(from)) return undefined
  const error = cannotCast(sql, { kind: 'boolean' })
  return `CASE lower(${sql}) WHEN 't' THEN true WHEN 'true' THEN true WHEN '1' THEN true WHEN 'f' THEN false WHEN 'false' THEN false WHEN '0' THEN false ELSE CASE WHEN ${sql} IS NOT NULL THEN ${error} END END`
}

function toInteger(sql: string, from: PrestoType, to: PrestoType): string | undefined {
  const duck = duckType(to)
  if (isText(from)) return fromText(sql, '\\s*[+-]?[0-9]+\\s*', to)
  if (from.kind === 'boolean' || isInteger(from) || from.kind === 'decimal') return `CAST(${sql} AS ${duck})`
  if (from.kind !== 'double' && from.kind !== 'real') return undefined
  const error = raiseSql(
    'INVALID_CAST_ARGUMENT',
    `'Cannot cast ' || p_double_text(CAST(${sql} AS DOUBLE)) || ' to ${to.kind}'`,
    to,
  )
  return `CASE WHEN isnan(${sql}) OR isinf(${sql}) THEN ${error} ELSE CAST(round(${sql}) AS ${duck}) END`
}

const FLOAT = '\\s*[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?[dDfF]?\\s*|\\s*[+-]?(NaN|Infinity)\\s*'

function toFloat(sql: string, from: PrestoType, to: PrestoType): string | undefined {
  const duck = duckType(to)
  if (isText(from)) return fromText(sql, FLOAT, to, `rtrim(trim(${sql}), 'dDfF')`)
  return from.kind === 'boolean' || isNumeric(from) ? `CAST(${sql} AS ${duck})` : undefined
}

function toDecimal(sql: string, from: PrestoType, to: PrestoType): string | undefined {
  const duck = duckType(to)
  if (isText(from)) return fromText(sql, '\\s*[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)\\s*', to)
  return from.kind === 'boolean' || isNumeric(from) ? `CAST(${sql} AS ${duck})` : undefined
}

const YEARS_OF_FOUR_DIGITS = '\\s*[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}\\s*'

function toMoment(sql: string, from: PrestoType, to: MomentType, context: CallContext): string | undefined {
  if (isMoment(from)) return momentCast(sql, from, to, context)
  if (!isText(from)) return undefined
  if (to.kind !== 'date') return momentFromText(sql, to, context)
  const careful = `make_date(CAST(p_read_date(${sql}) AS INTEGER))`
  const quick = `TRY_CAST(trim(${sql}) AS DATE)`
  return `CASE WHEN regexp_full_match(${sql}, '${YEARS_OF_FOUR_DIGITS}') THEN coalesce(${quick}, ${careful}) ELSE ${careful} END`
}

/** Arrays, maps and rows member by member; unchanged when the engine holds both alike and no member changes. */
function nestedCast(sql: string, from: PrestoType, to: PrestoType, place: CastPlace): string | undefined {
  if (from.kind === 'array' && to.kind === 'array') return arrayCast(sql, from.element, to.element, place)
  if (from.kind === 'map' && to.kind === 'map') {
    const keys = arrayCast(`map_keys(${sql})`, from.key, to.key, place)
    const values = arrayCast(`map_values(${sql})`, from.value, to.value, place)
    const unchanged = keys === `map_keys(${sql})` && values === `map_values(${sql})`
    return unchanged ? sql : `CASE WHEN ${sql} IS NOT NULL THEN map(${keys}, ${values}) END`
  }
  if (from.kind === 'row' && to.kind === 'row' && from.fields.length === to.fields.length) {
    const before = from.fields.map((_, i) => `struct_extract(${sql}, '${rowField(i)}')`)
    const after = before.map((field, i) => castSql(field, from.fields[i]!.type, to.fields[i]!.type, place))
    if (after.every((field, i) => field === before[i])) return sql
    return `CASE WHEN ${sql} IS NOT NULL THEN {${after.map((field, i) => `'${rowField(i)}': ${field}`).join(', ')}} END`
  }
  return undefined
}

function arrayCast(sql: string, from: PrestoType, to: PrestoType, place: CastPlace): string {
  // The parameter's name must not occur inside: nested casts take another one.
  const name = `e${depthOf(to)}`
  const cast = castSql(name, from, to, place)
  return cast === name ? sql : `list_transform(${sql}, lambda ${name}: ${cast})`
}

function depthOf(type: PrestoType): number {
  switch (type.kind) {
    case 'array':
      return 1 + depthOf(type.element)
    case 'map':
      return 1 + Math.max(depthOf(type.key), depthOf(type.value))
    case 'row':
      return 1 + Math.max(0, ...type.fields.map((field) => depthOf(field.type)))
    default:
      return 0
  }
}
