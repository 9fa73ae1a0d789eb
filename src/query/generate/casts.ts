import { type Position, QueryError } from '../errors.ts'
import { duckType, isMoment, type MomentType, raise, rowField, sameType } from '../functions/index.ts'
import type { CallContext } from '../functions/types.ts'
import { isOpaque, type PrestoType, typeText } from '../presto-type.ts'
import { fromJson, toJson } from './json-casts.ts'
import { momentCast, momentFromText } from './moment-casts.ts'
import { toBoolean, toDecimal, toFloat, toInteger } from './number-casts.ts'
import { once } from './once.ts'
import { toAddress, toBytes, toChar, toUuid, toVarchar } from './text-casts.ts'

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
      return toVarchar(sql, from, to.length, place.implicit, place.context)
    case 'char':
      return toChar(sql, from, to.length)
    case 'varbinary':
      return toBytes(sql, from)
    case 'uuid':
      return toUuid(sql, from)
    case 'ipaddress':
      return toAddress(sql, from)
    case 'boolean':
      return toBoolean(sql, from)
    case 'tinyint':
    case 'smallint':
    case 'integer':
    case 'bigint':
      return toInteger(sql, from, to, place.context)
    case 'real':
    case 'double':
      return toFloat(sql, from, to)
    case 'decimal':
      return toDecimal(sql, from, to, place.context)
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
  if (loglog(from) && loglog(to)) return sql
  const bytes = from.kind === 'varbinary' || to.kind === 'varbinary'
  return bytes && from.kind !== 'p4hyperloglog' && to.kind !== 'p4hyperloglog' ? sql : undefined
}

function toMoment(sql: string, from: PrestoType, to: MomentType, context: CallContext): string | undefined {
  if (isMoment(from)) return momentCast(sql, from, to, context)
  if (from.kind !== 'varchar') return undefined
  return to.kind === 'date' ? textToDate(sql) : momentFromText(sql, to, context)
}

const YEARS_OF_FOUR_DIGITS = '\\s*[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}\\s*'
const DIGITS = (count: number) => '[0-9]'.repeat(count)

/** Any text that Presto takes for a date; nearly all are written as 2024-01-31, so that is looked for first. */
function textToDate(sql: string): string {
  const careful = `make_date(CAST(p_read_date(${sql}) AS INTEGER))`
  const quick = `TRY_CAST(trim(${sql}) AS DATE)`
  const value = `CASE WHEN regexp_full_match(${sql}, '${YEARS_OF_FOUR_DIGITS}') THEN coalesce(${quick}, ${careful}) ELSE ${careful} END`
  return `CASE WHEN ${sql} IS NOT NULL THEN coalesce(${usualDate(sql)}, ${value}) END`
}

/**
 * Of a column, functions are computed once for each value of a file's dictionary, a cast for every row: there the slower of the two
 * is three times as fast. Each pattern refuses what the engine would take beyond Presto.
 */
function usualDate(sql: string): string {
  return isColumn(sql)
    ? `CASE WHEN ${sql} GLOB '${DIGITS(4)}-*' THEN CAST(try_strptime(${sql}, '%Y-%m-%d') AS DATE) END`
    : `CASE WHEN ${sql} GLOB '${DIGITS(4)}-??-?${DIGITS(1)}' THEN TRY_CAST(${sql} AS DATE) END`
}

const isColumn = (sql: string) => /^r\d+\.c\d+$/.test(sql)

/** Arrays, maps and rows member by member; unchanged when the engine holds both alike and no member changes. */
function nestedCast(sql: string, from: PrestoType, to: PrestoType, place: CastPlace): string | undefined {
  if (from.kind === 'array' && to.kind === 'array') return arrayCast(sql, from.element, to.element, place)
  if (from.kind === 'map' && to.kind === 'map') {
    const keys = arrayCast(`map_keys(${sql})`, from.key, to.key, place)
    const values = arrayCast(`map_values(${sql})`, from.value, to.value, place)
    const unchanged = keys === `map_keys(${sql})` && values === `map_values(${sql})`
    return unchanged
      ? sql
      : `CASE WHEN ${sql} IS NOT NULL THEN map(${keysSql(keys, from.key, to)}, ${values}) END`
  }
  if (from.kind === 'row' && to.kind === 'row' && from.fields.length === to.fields.length) {
    const before = from.fields.map((_, i) => `struct_extract(${sql}, '${rowField(i)}')`)
    const after = before.map((field, i) => castSql(field, from.fields[i]!.type, to.fields[i]!.type, place))
    if (after.every((field, i) => field === before[i])) return sql
    return `CASE WHEN ${sql} IS NOT NULL THEN {${after.map((field, i) => `'${rowField(i)}': ${field}`).join(', ')}} END`
  }
  return undefined
}

/** Keys of which a cast may make one of two. */
function keysSql(keys: string, from: PrestoType, to: PrestoType & { kind: 'map' }): string {
  if (sameType(from, to.key)) return keys
  const type: PrestoType = { kind: 'array', element: to.key }
  const error = raise('INVALID_CAST_ARGUMENT', 'duplicate keys', type)
  return once(
    [keys] as const,
    (k) => `CASE WHEN len(list_distinct(${k})) < len(${k}) THEN ${error} ELSE ${k} END`,
  )
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
