import type { Typed, TypedOf } from '../analyze/plan.ts'
import { children } from '../analyze/walk.ts'
import { QueryError, type QueryErrorName } from '../errors.ts'
import { duckType } from '../functions/index.ts'
import { castSql } from './casts.ts'
import type { Generator } from './generator.ts'

/**
 * TRY stands in the body of a lambda over a list of one: there the engine cannot take what two expressions have in common out of it, which
 * would let the errors out too. What it may not stand around (aggregates, subqueries, random values) is computed outside and named: Presto
 * computes aggregates and subqueries before TRY too, so that their own errors are never caught.
 */
export function trySql(g: Generator, { value, type }: TypedOf<'try'>): string {
  const outside = unfitIn(value)
  const name = `t${1 + heightOf(value)}`
  const fields = outside.map((inner, i) => `'a${i}': ${g.expression(g, inner)}`)
  const bound = new Map([
    ...(g.bound ?? []),
    ...outside.map((inner, i): [Typed, string] => [inner, `struct_extract(${name}, 'a${i}')`]),
  ])
  const sql = unlessItFails(() => g.expression({ ...g, bound }, value))
  if (sql === undefined) return `CAST(NULL AS ${duckType(type)})`
  const over = fields.length === 0 ? '1' : `{${fields.join(', ')}}`
  return `list_transform([${over}], lambda ${name}: TRY(${sql}))[1]`
}

/** What TRY turns to NULL may be known before the query runs: a constant argument that cannot be. */
const CAUGHT: readonly QueryErrorName[] = [
  'DIVISION_BY_ZERO',
  'INVALID_CAST_ARGUMENT',
  'INVALID_FUNCTION_ARGUMENT',
  'NUMERIC_VALUE_OUT_OF_RANGE',
]

function unlessItFails(generate: () => string): string | undefined {
  try {
    return generate()
  } catch (error) {
    if (error instanceof QueryError && CAUGHT.includes(error.errorName)) return undefined
    throw error
  }
}

/** TRY_CAST catches what the cast raises, not what its value does. */
export function tryCastSql(g: Generator, { value, type, at }: TypedOf<'cast'>): string {
  if (value.type.kind === 'unknown') return `CAST(NULL AS ${duckType(type)})`
  const sql = g.expression(g, value)
  const cast = castSql('t0', value.type, type, { implicit: false, context: g.context, at })
  return cast === 't0' ? sql : `list_transform([${sql}], lambda t0: TRY(${cast}))[1]`
}

/** The outermost expressions that TRY may not stand around. */
function unfitIn(value: Typed): Typed[] {
  if (value.kind === 'lambda') return []
  return isUnfit(value) ? [value] : children(value).flatMap(unfitIn)
}

function isUnfit(value: Typed): boolean {
  if (['subquery', 'exists', 'in-query', 'quantified', 'grouping'].includes(value.kind)) return true
  return value.kind === 'call' && (value.call.kind !== 'scalar' || value.call.volatile === true)
}

/** How many TRYs stand in each other: the parameter of one differs from those of all inside it. */
function heightOf(value: Typed): number {
  const inside = Math.max(0, ...children(value).map(heightOf))
  return value.kind === 'try' ? inside + 1 : inside
}
