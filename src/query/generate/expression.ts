import type { BoundPlan, SortKey, Typed, TypedOf, WindowPlan } from '../analyze/plan.ts'
import { keyOf } from '../analyze/walk.ts'
import { type Position, QueryError } from '../errors.ts'
import { duckType, isFlat, raise, raiseSql, withoutZone } from '../functions/index.ts'
import type { PrestoType } from '../presto-type.ts'
import { arithmeticSql } from './arithmetic.ts'
import { castSql } from './casts.ts'
import { comparisonSql, distinctSql, inSql, quantifiedSql } from './comparison.ts'
import { constantSql } from './constant.ts'
import type { Generator } from './generator.ts'
import { groupedBy, isGroupedOtherwise } from './grouped.ts'
import { betweenWithNaN, inWithNaN, withNaN } from './nan.ts'
import { bounded, once } from './once.ts'
import { tryCastSql, trySql } from './try.ts'

/** DuckDB SQL of an expression; everything composite comes in parentheses or as a call. */
export function expressionSql(g: Generator, typed: Typed): string {
  return bounded(unboundedSql(g, typed))
}

function unboundedSql(g: Generator, typed: Typed): string {
  const bound = g.bound?.get(typed)
  if (bound !== undefined) return bound
  if (g.groupKeys !== undefined && isGroupedOtherwise(typed.type)) {
    const value = g.groupKeys[keyOf(typed)]
    if (value !== undefined) return value
  }
  const of = (inner: Typed): string => expressionSql(g, inner)
  switch (typed.kind) {
    case 'constant':
      return constantSql(typed, g.context.zone)
    case 'column':
      return columnSql(g, typed)
    case 'parameter':
      return typed.name
    case 'call':
      return callSql(g, typed)
    case 'arithmetic':
      return arithmeticSql(g, typed)
    case 'negate':
      // DuckDB makes an INTEGER of the negative of a NULL that is a decimal.
      return typed.type.kind === 'decimal'
        ? `CAST(-${of(typed.value)} AS ${duckType(typed.type)})`
        : `(-${of(typed.value)})`
    case 'comparison':
      return comparisonOf(g, typed)
    case 'distinct-from':
      return distinctSql(of(typed.left), of(typed.right), typed.left.type)
    case 'and':
    case 'or':
      return `(${typed.terms.map(of).join(typed.kind === 'and' ? ' AND ' : ' OR ')})`
    case 'not':
      return `(NOT ${of(typed.value)})`
    case 'is-null':
      return `(${of(typed.value)} IS NULL)`
    case 'between':
      return betweenOf(g, typed)
    case 'in':
      return inWithNaN(typed, inSql(of(typed.value), typed.items.map(of), typed.value.type), of(typed.value))
    case 'like':
      return likeSql(g, typed)
    case 'concat':
      return `(${typed.parts.map(of).join(' || ')})`
    case 'case':
      return caseSql(g, typed)
    case 'cast':
      return typed.safe ? tryCastSql(g, typed) : castExpression(g, typed)
    case 'coalesce':
      return `coalesce(${typed.items.map(of).join(', ')})`
    case 'try':
      return trySql(g, typed)
    case 'row':
      return `{${typed.items.map((item, i) => `'f${i + 1}': ${of(item)}`).join(', ')}}`
    case 'array':
      return typed.items.length === 0
        ? `CAST([] AS ${duckType(typed.type)})`
        : `[${typed.items.map(of).join(', ')}]`
    case 'subscript':
      return subscriptSql(g, typed)
    case 'field':
      return `struct_extract(${of(typed.base)}, 'f${typed.index + 1}')`
    case 'lambda':
      return `lambda ${typed.parameters.join(', ')}: ${of(typed.body)}`
    case 'grouping':
      return `CAST(GROUPING(${typed.keys.map(of).join(', ')}) AS ${duckType(typed.type)})`
    case 'subquery':
      return `(${valueQuery(g, typed)})`
    case 'exists':
      return `EXISTS (${g.query(g, typed.plan)})`
    case 'in-query':
      return `(${of(typed.value)} IN (${comparedQuery(g, typed)}))`
    case 'quantified':
      return quantifiedSql(typed, of(typed.value), comparedQuery(g, typed))
  }
}

function comparisonOf(g: Generator, typed: TypedOf<'comparison'>): string {
  const [left, right] = [expressionSql(g, typed.left), expressionSql(g, typed.right)]
  return withNaN(typed, comparisonSql(typed.operator, left, right, typed.left.type), left, right)
}

/** Values that are compared member by member are compared twice. */
function betweenOf(g: Generator, typed: TypedOf<'between'>): string {
  const [value, low, high] = [typed.value, typed.low, typed.high].map((part) => expressionSql(g, part)) as [
    string,
    string,
    string,
  ]
  const { type } = typed.value
  if (type.kind !== 'array' && type.kind !== 'row')
    return betweenWithNaN(typed, `(${value} BETWEEN ${low} AND ${high})`, value)
  return once(
    [value, low, high] as const,
    (v, l, h) => `(${comparisonSql('>=', v, l, type)} AND ${comparisonSql('<=', v, h, type)})`,
  )
}

function columnSql(g: Generator, { relation, column }: TypedOf<'column'>): string {
  g.tables.get(relation)?.used.add(column)
  return `r${relation}.c${column}`
}

/** A subquery of several columns gives a row of them. */
function valueQuery(g: Generator, { plan }: TypedOf<'subquery'>): string {
  const sql = g.query(g, plan)
  const { columns } = plan
  if (columns.length === 1) return sql
  const fields = columns.map((_, i) => `'f${i + 1}': s.c${i + 1}`).join(', ')
  return `SELECT {${fields}} AS c1 FROM (${sql}) AS s`
}

/** The subquery with its columns widened to the type of the value they are compared with; several as a row. */
function comparedQuery(
  g: Generator,
  { plan, value, at }: TypedOf<'in-query'> | TypedOf<'quantified'>,
): string {
  const sql = g.query(g, plan)
  const { columns } = plan
  const cast = (i: number, type: PrestoType): string =>
    castSql(`s.c${i + 1}`, columns[i]!.type, type, { implicit: true, context: g.context, at })
  if (columns.length > 1 && value.type.kind === 'row') {
    const fields = value.type.fields.map(({ type }, i) => `'f${i + 1}': ${cast(i, type)}`).join(', ')
    return `SELECT {${fields}} AS c1 FROM (${sql}) AS s`
  }
  const only = cast(0, value.type)
  return only === 's.c1' ? sql : `SELECT ${only} AS c1 FROM (${sql}) AS s`
}

function callSql(g: Generator, typed: TypedOf<'call'>): string {
  const { call, args, clauses } = typed
  const texts = args.map((arg) => expressionSql(g, arg))
  if (call.kind === 'scalar') return scalarSql(typed, texts)
  const values = clauses.distinct ? texts.map((sql, i) => distinctArgument(typed, sql, i)) : texts
  return call.emit(values, {
    distinct: clauses.distinct,
    orderBy: clauses.orderBy.length === 0 ? '' : `ORDER BY ${sortSql(g, clauses.orderBy)}`,
    filter: clauses.filter === undefined ? '' : `FILTER (WHERE ${expressionSql(g, clauses.filter)})`,
    over: clauses.over === undefined ? '' : windowSql(g, clauses.over),
    nullTreatment: clauses.nullTreatment,
  })
}

/** Only count needs nothing but to tell values apart: what gives them back keeps their zones. */
function distinctArgument({ name, args }: TypedOf<'call'>, sql: string, index: number): string {
  const { type } = args[index]!
  const comparable = type.kind === 'map' || (name === 'count' && isGroupedOtherwise(type))
  return comparable ? groupedBy(sql, type) : sql
}

/** A function may use an argument more than once: long ones are named first. */
function scalarSql({ call, args }: TypedOf<'call'>, texts: string[]): string {
  const values = texts.filter((_, i) => args[i]!.kind !== 'lambda')
  if (values.every((text) => text.length <= LONG_ARGUMENT)) return call.emit(texts)
  return once(values, (...names) => {
    const rest = [...names]
    return call.emit(texts.map((text, i) => (args[i]!.kind === 'lambda' ? text : rest.shift()!)))
  })
}
const LONG_ARGUMENT = 2000

/** NULL order is always written: DuckDB's default depends on its settings. */
export function sortSql(g: Generator, keys: SortKey[]): string {
  return keys.map(({ value, ...direction }) => `${sortable(g, value)}${directionSql(direction)}`).join(', ')
}

export function directionSql({
  descending,
  nullsFirst,
}: {
  descending: boolean
  nullsFirst: boolean
}): string {
  return `${descending ? ' DESC' : ' ASC'} NULLS ${nullsFirst ? 'FIRST' : 'LAST'}`
}

/** A bare number in ORDER BY would be an ordinal. */
function sortable(g: Generator, value: Typed): string {
  const sql = withoutZone(expressionSql(g, value), value.type)
  return value.kind === 'constant' ? `CAST(${sql} AS ${duckType(value.type)})` : sql
}

export function windowSql(g: Generator, window: WindowPlan): string {
  const parts: string[] = []
  if (window.partitionBy.length > 0) {
    parts.push(`PARTITION BY ${window.partitionBy.map((value) => partitionSql(g, value)).join(', ')}`)
  }
  if (window.orderBy.length > 0) parts.push(`ORDER BY ${sortSql(g, window.orderBy)}`)
  if (window.frame !== undefined) {
    const { unit, start, end } = window.frame
    const bounds =
      end === undefined ? boundSql(g, start) : `BETWEEN ${boundSql(g, start)} AND ${boundSql(g, end)}`
    parts.push(`${unit.toUpperCase()} ${bounds}`)
  }
  return `OVER (${parts.join(' ')})`
}

function partitionSql(g: Generator, value: Typed): string {
  const sql = expressionSql(g, value)
  return isGroupedOtherwise(value.type) ? groupedBy(sql, value.type) : sql
}

function boundSql(g: Generator, bound: BoundPlan): string {
  if (!('value' in bound)) return bound.kind.toUpperCase()
  return `${offsetSql(g, bound.value)} ${bound.kind.toUpperCase()}`
}

/** A constant that is fine is left alone: the engine's frames of constants are faster. */
function offsetSql(g: Generator, value: Typed): string {
  const sql = expressionSql(g, value)
  const isInterval = value.type.kind.startsWith('interval')
  const offset = value.type.kind === 'decimal' && value.type.scale === 0 ? `CAST(${sql} AS BIGINT)` : sql
  if (value.kind === 'constant' && value.value !== null && !String(value.value).startsWith('-')) return offset
  const error = raise(
    'INVALID_WINDOW_FRAME',
    'Window frame offset value must not be negative or null',
    value.type.kind === 'decimal' && value.type.scale === 0 ? { kind: 'bigint' } : value.type,
  )
  const zero = isInterval ? 'INTERVAL 0 SECONDS' : '0'
  return `(CASE WHEN ${offset} IS NULL OR ${offset} < ${zero} THEN ${error} ELSE ${offset} END)`
}

function likeSql(g: Generator, typed: TypedOf<'like'>): string {
  const { pattern, escape: character } = typed
  const like = `${expressionSql(g, typed.value)} LIKE ${expressionSql(g, pattern)}`
  if (character === undefined) return `(${like})`
  if (character.kind === 'constant' && typeof character.value === 'string') {
    checkEscapes(
      character.value,
      pattern.kind === 'constant' && typeof pattern.value === 'string' ? pattern.value : '',
      typed.at,
    )
  }
  return `(${like} ESCAPE ${expressionSql(g, character)})`
}

function checkEscapes(character: string, pattern: string, at: Position): void {
  if ([...character].length !== 1)
    throw new QueryError('INVALID_FUNCTION_ARGUMENT', 'Escape string must be a single character', at)
  const rest = pattern
    .replaceAll(character + character, '')
    .replaceAll(`${character}%`, '')
    .replaceAll(`${character}_`, '')
  if (!rest.includes(character)) return
  throw new QueryError(
    'INVALID_FUNCTION_ARGUMENT',
    "Escape character must be followed by '%', '_' or the escape character itself",
    at,
  )
}

function caseSql(g: Generator, typed: TypedOf<'case'>): string {
  const whens = typed.whens.map(
    ({ when, result }) => `WHEN ${expressionSql(g, when)} THEN ${expressionSql(g, result)}`,
  )
  const otherwise = typed.otherwise === undefined ? '' : ` ELSE ${expressionSql(g, typed.otherwise)}`
  return `CASE ${whens.join(' ')}${otherwise} END`
}

function castExpression(g: Generator, typed: TypedOf<'cast'>): string {
  const { value, type, implicit, at } = typed
  if (value.type.kind === 'unknown') return `CAST(NULL AS ${duckType(type)})`
  return castSql(expressionSql(g, value), value.type, type, { implicit, context: g.context, at })
}

function subscriptSql(g: Generator, typed: TypedOf<'subscript'>): string {
  const index = expressionSql(g, typed.index)
  const { type } = typed.base
  const error = (message: string): string => raiseSql('INVALID_FUNCTION_ARGUMENT', message, typed.type)
  return once([expressionSql(g, typed.base), index] as const, (base, at) =>
    type.kind === 'map' ? mapSubscript(base, at, type.key, error) : arraySubscript(base, at, error),
  )
}

function arraySubscript(base: string, index: string, error: (message: string) => string): string {
  const beyond = `'Array subscript must be less than or equal to array length: ' || ${index} || ' > ' || len(${base})`
  return [
    `CASE WHEN ${index} > len(${base}) THEN ${error(beyond)}`,
    `WHEN ${index} = 0 THEN ${error("'SQL array indices start at 1'")}`,
    `WHEN ${index} < 0 THEN ${error(`'Array subscript is negative: ' || ${index}`)}`,
    `ELSE ${base}[${index}] END`,
  ].join(' ')
}

function mapSubscript(
  base: string,
  index: string,
  key: PrestoType,
  error: (message: string) => string,
): string {
  const shown = isFlat(key) && key.kind !== 'varbinary' ? ` || ': ' || CAST(${index} AS VARCHAR)` : ''
  return `CASE WHEN NOT list_contains(map_keys(${base}), ${index}) THEN ${error(`'Key not present in map'${shown}`)} ELSE ${base}[${index}] END`
}
