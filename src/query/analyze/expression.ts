import { type Position, QueryError } from '../errors.ts'
import { isText } from '../functions/coercion.ts'
import { duckType, isZoned, offsetName, type ZonedType, zoneOf } from '../functions/index.ts'
import type { Expression, ExpressionOf } from '../parse/ast.ts'
import { type PrestoType, typeText } from '../presto-type.ts'
import { type Environment, mismatch } from './analyzer.ts'
import { call, plainCall } from './calls.ts'
import { atTimeZone, currentValue, extract } from './clock.ts'
import { BOOLEAN, requireBoolean, requireType, unifyAll, VARCHAR, widen } from './coerce.ts'
import { columnReference, dereference, subscript } from './columns.ts'
import { constant, intervalLiteral, numberLiteral, textConstant, typedLiteral } from './literals.ts'
import { readMoment, readTime } from './moments.ts'
import { arithmetic, comparable, comparedType, comparison, sign } from './operators.ts'
import type { Typed } from './plan.ts'
import { jsonArray, jsonObject, jsonPath } from './sql-json.ts'
import { grouping, inQuery, quantified, subquery } from './subqueries.ts'
import { castType, resolveType } from './types.ts'

/** The typed form of an expression. Throws QueryError with the place for names and types that do not fit. */
export function expression(env: Environment, node: Expression): Typed {
  const of = (inner: Expression): Typed => expression(env, inner)
  switch (node.kind) {
    case 'null':
      return constant({ kind: 'unknown' }, null, node.at)
    case 'boolean':
      return constant(BOOLEAN, node.value, node.at)
    case 'string':
      return textConstant(node.value, node.at)
    case 'binary-string':
      return constant({ kind: 'varbinary' }, node.hex, node.at)
    case 'number':
      return numberLiteral(node)
    case 'typed-literal':
      return (
        typedLiteral(node) ??
        explicitCast(env, textConstant(node.value, node.at), resolveType(node.type), false)
      )
    case 'interval':
      return intervalLiteral(node)
    case 'parameter':
      throw new QueryError(
        'INVALID_ARGUMENTS',
        'Incorrect number of parameters: expected 1 but found 0',
        node.at,
      )
    case 'column':
      return columnReference(env, node)
    case 'dereference':
      return dereference(env, node)
    case 'subscript':
      return subscript(of(node.base), of(node.index), node.at)
    case 'row':
      return rowOf(node.items.map(of), node)
    case 'array':
      return arrayOf(node.items.map(of), node)
    case 'call':
      return call(env, node)
    case 'lambda':
      throw mismatch('Lambda expression should always be used inside a function', node.at)
    case 'cast':
      return explicitCast(env, of(node.value), castType(node.type, node.at), node.safe, node.at)
    case 'current':
      return currentValue(env, node)
    case 'extract':
      return extract(env, node, of(node.value))
    case 'at-time-zone':
      return atTimeZone(env, of(node.value), of(node.zone), node.at)
    case 'subquery':
    case 'exists':
      return subquery(env, node)
    case 'in-query':
      return inQuery(env, node, of(node.value))
    case 'quantified':
      return quantified(env, node, of(node.value))
    case 'grouping':
      return grouping(env, node)
    case 'json-path':
      return jsonPath(env, node)
    case 'json-object':
      return jsonObject(env, node)
    case 'json-array':
      return jsonArray(env, node)
    case 'arithmetic':
      return arithmetic(node.operator, of(node.left), of(node.right), node.at)
    case 'sign':
      return sign(node.negative, of(node.value), node.at)
    case 'comparison':
      return comparison(node.operator, of(node.left), of(node.right), node.at)
    default:
      return predicate(env, node)
  }
}

type Rest = ExpressionOf<
  'case' | 'and' | 'or' | 'not' | 'between' | 'in-list' | 'like' | 'is-null' | 'distinct-from' | 'concat'
>

function predicate(env: Environment, node: Rest): Typed {
  const of = (inner: Expression): Typed => expression(env, inner)
  const { at } = node
  switch (node.kind) {
    case 'and':
    case 'or': {
      const what = `Logical expression term`
      return {
        kind: node.kind,
        terms: node.terms.map((term) => requireBoolean(of(term), what)),
        type: BOOLEAN,
        at,
      }
    }
    case 'not':
      return {
        kind: 'not',
        value: requireBoolean(of(node.value), 'Value of logical NOT expression'),
        type: BOOLEAN,
        at,
      }
    case 'is-null':
      return { kind: 'is-null', value: of(node.value), type: BOOLEAN, at }
    case 'distinct-from': {
      const [left, right] = comparable('IS DISTINCT FROM', of(node.left), of(node.right), at)
      return { kind: 'distinct-from', left, right, type: BOOLEAN, at }
    }
    case 'between':
      return between(of(node.value), of(node.low), of(node.high), node)
    case 'in-list':
      return inList(of(node.value), node.items.map(of), node)
    case 'like':
      return like(env, node)
    case 'case':
      return caseOf(env, node)
    case 'concat':
      return concatenation(env, node.parts.map(of), node)
  }
}

function rowOf(items: Typed[], node: ExpressionOf<'row'>): Typed {
  return {
    kind: 'row',
    items,
    type: { kind: 'row', fields: items.map(({ type }) => ({ type })) },
    at: node.at,
  }
}

function arrayOf(items: Typed[], node: ExpressionOf<'array'>): Typed {
  const what = (types: PrestoType[]): string =>
    `All ARRAY elements must be the same type: ${[...new Set(types.map(typeText))].join(', ')}`
  const { type, values } = unifyAll(items, what, node.at)
  return { kind: 'array', items: values, type: { kind: 'array', element: type }, at: node.at }
}

function unifyCompared(
  values: Typed[],
  what: (types: PrestoType[]) => string,
  at: Position,
): { values: Typed[] } {
  const { type, values: widened } = unifyAll(values, what, at)
  const compared = comparedType(type)
  return {
    values: widened.map((value, i) => (hasSameForm(type, compared) ? value : widen(values[i]!, compared))),
  }
}

const hasSameForm = (a: PrestoType, b: PrestoType): boolean => duckType(a) === duckType(b)

function between(value: Typed, low: Typed, high: Typed, node: ExpressionOf<'between'>): Typed {
  const what = (types: PrestoType[]): string =>
    `Cannot check if ${typeText(types[0]!)} is BETWEEN ${typeText(types[1]!)} and ${typeText(types[2]!)}`
  const { values } = unifyCompared([value, low, high], what, node.at)
  comparable('<=', values[0]!, values[1]!, node.at)
  return { kind: 'between', value: values[0]!, low: values[1]!, high: values[2]!, type: BOOLEAN, at: node.at }
}

function inList(value: Typed, items: Typed[], node: ExpressionOf<'in-list'>): Typed {
  const what = (types: PrestoType[]): string =>
    `IN value and list items must be the same type: ${[...new Set(types.map(typeText))].join(', ')}`
  const { values } = unifyCompared([value, ...items], what, node.at)
  return { kind: 'in', value: values[0]!, items: values.slice(1), type: BOOLEAN, at: node.at }
}

function like(env: Environment, node: ExpressionOf<'like'>): Typed {
  const value = expression(env, node.value)
  if (!isText(value.type) && value.type.kind !== 'unknown') {
    throw mismatch(
      `Left side of LIKE expression must evaluate to a varchar (actual: ${typeText(value.type)})`,
      node.value.at,
    )
  }
  const pattern = requireType(expression(env, node.pattern), VARCHAR, 'Pattern for LIKE expression')
  const escaping =
    node.escape === undefined
      ? undefined
      : requireType(expression(env, node.escape), VARCHAR, 'Escape for LIKE expression')
  return {
    kind: 'like',
    value: widen(value, VARCHAR),
    pattern,
    ...(escaping === undefined ? {} : { escape: escaping }),
    type: BOOLEAN,
    at: node.at,
  }
}

function caseOf(env: Environment, node: ExpressionOf<'case'>): Typed {
  const operand = node.operand === undefined ? undefined : expression(env, node.operand)
  const whens = node.whens.map(({ when }) => {
    const condition = expression(env, when)
    if (operand === undefined) return requireBoolean(condition, 'CASE WHEN clause')
    return comparison('=', operand, condition, when.at)
  })
  const otherwise = node.otherwise === undefined ? undefined : expression(env, node.otherwise)
  const results = node.whens.map(({ result }) => expression(env, result))
  const what = (types: PrestoType[]): string =>
    `All CASE results must be the same type or coercible to a common type. Cannot find common type between ${typeText(types[0]!)} and ${typeText(types.find((t) => typeText(t) !== typeText(types[0]!)) ?? types[0]!)}, all types (without duplicates): [${[...new Set(types.map(typeText))].join(', ')}]`
  const { type, values } = unifyAll(
    otherwise === undefined ? results : [...results, otherwise],
    what,
    node.at,
  )
  return {
    kind: 'case',
    whens: whens.map((when, i) => ({ when, result: values[i]! })),
    ...(otherwise === undefined ? {} : { otherwise: values.at(-1)! }),
    type,
    at: node.at,
  }
}

/** `||` is the function concat of two; a chain of texts is emitted as one. */
function concatenation(env: Environment, parts: Typed[], node: ExpressionOf<'concat'>): Typed {
  const texts = parts.every(({ type }) => type.kind === 'varchar' || type.kind === 'unknown')
  const bytes = parts.every(({ type }) => type.kind === 'varbinary')
  if (texts || bytes) {
    const type: PrestoType = bytes ? { kind: 'varbinary' } : VARCHAR
    return { kind: 'concat', parts: parts.map((part) => widen(part, type)), type, at: node.at }
  }
  return parts.reduce((left, right) => plainCall(env, 'concat', [left, right], node.at))
}

/** CAST and TRY_CAST. Whether the two types have a cast is known to the generator's table, which throws TYPE_MISMATCH. */
function explicitCast(
  env: Environment,
  value: Typed,
  wanted: PrestoType,
  safe: boolean,
  at = value.at,
): Typed {
  if (wanted.kind === 'unknown') throw mismatch('UNKNOWN is not a valid type', at)
  const type = castTarget(value.type, wanted, zoneOf(env.analyzer.context.zone).name)
  return zonedConstant(value, type, at) ?? { kind: 'cast', value, type, safe, implicit: false, at }
}

/** A constant text with a zone gives it to the type. undefined when the engine has to cast, or to fail. */
function zonedConstant(value: Typed, type: PrestoType, at: Position): Typed | undefined {
  if (value.kind !== 'constant' || typeof value.value !== 'string' || !isText(value.type)) return undefined
  if (type.kind === 'timestamp with time zone') {
    const moment = readMoment(value.value)
    const zone = moment?.zone ?? type.zone
    if (moment === undefined || typeof zone !== 'string' || moment.precision > type.precision)
      return undefined
    return constant({ ...type, zone }, `${moment.date} ${moment.time ?? '00:00:00'}`, at)
  }
  if (type.kind !== 'time with time zone') return undefined
  const time = readTime(value.value)
  if (time?.offsetSeconds === undefined || time.precision > type.precision) return undefined
  return constant({ ...type, zone: offsetName(time.offsetSeconds) }, time.time, at)
}

/** A type as written names no zone: it keeps that of what is cast, or is the session's; texts have one each. */
function castTarget(from: PrestoType, to: PrestoType, session: string): PrestoType {
  switch (to.kind) {
    case 'timestamp with time zone':
    case 'time with time zone':
      return { ...to, zone: zoneAfterCast(from, to.kind, session) }
    case 'array':
      return {
        kind: 'array',
        element: castTarget(from.kind === 'array' ? from.element : from, to.element, session),
      }
    case 'map': {
      const [key, value] = from.kind === 'map' ? [from.key, from.value] : [from, from]
      return {
        kind: 'map',
        key: castTarget(key, to.key, session),
        value: castTarget(value, to.value, session),
      }
    }
    case 'row':
      return {
        kind: 'row',
        fields: to.fields.map((field, i) => ({
          ...field,
          type: castTarget(from.kind === 'row' ? (from.fields[i]?.type ?? from) : from, field.type, session),
        })),
      }
    default:
      return to
  }
}

/** A region's distance from UTC depends on the day, so that each of its times carries its own. */
function zoneAfterCast(from: PrestoType, to: ZonedType['kind'], session: string): string | null {
  if (isText(from)) return null
  if (!isZoned(from)) return session
  const zone = from.zone === undefined ? session : from.zone
  if (to === from.kind || zone === null || to === 'timestamp with time zone') return zone
  return /^[+-]|^UTC$/.test(zone) ? zone : null
}
