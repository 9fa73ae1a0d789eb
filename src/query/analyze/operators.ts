import { type Position, QueryError } from '../errors.ts'
import { asDecimal, commonType, isInteger, isNumeric } from '../functions/coercion.ts'
import { isMoment } from '../functions/index.ts'
import { isComparable, isOrderable } from '../functions/resolve.ts'
import type { ArithmeticOperator, ComparisonOperator } from '../parse/ast.ts'
import { type PrestoType, typeText } from '../presto-type.ts'
import { mismatch } from './analyzer.ts'
import { BIGINT, BOOLEAN, widen } from './coerce.ts'
import { constant, fits } from './literals.ts'
import type { Typed } from './plan.ts'

function cannotApply(operator: string, left: PrestoType, right: PrestoType, at: Position): QueryError {
  return mismatch(`Cannot apply operator: ${typeText(left)} ${operator} ${typeText(right)}`, at)
}

export function comparison(operator: ComparisonOperator, left: Typed, right: Typed, at: Position): Typed {
  const [a, b] = comparable(operator, left, right, at)
  return { kind: 'comparison', operator, left: a, right: b, type: BOOLEAN, at }
}

/** Both sides widened to the type they are compared in. */
export function comparable(operator: string, left: Typed, right: Typed, at: Position): [Typed, Typed] {
  const type = commonType(left.type, right.type)
  const ordered = !['=', '<>', 'IS DISTINCT FROM'].includes(operator)
  if (type === undefined || !isComparable(type) || (ordered && !isOrderable(type))) {
    throw cannotApply(operator, left.type, right.type, at)
  }
  const instants = comparedType(type)
  return [widen(left, instants), widen(right, instants)]
}

/** Moments with zones are compared by their instants: no value needs its zone any more. */
export function comparedType(type: PrestoType): PrestoType {
  switch (type.kind) {
    case 'time with time zone':
    case 'timestamp with time zone':
      return { ...type, zone: 'UTC' }
    case 'array':
      return { kind: 'array', element: comparedType(type.element) }
    case 'map':
      return { kind: 'map', key: comparedType(type.key), value: comparedType(type.value) }
    case 'row':
      return {
        kind: 'row',
        fields: type.fields.map((field) => ({ ...field, type: comparedType(field.type) })),
      }
    default:
      return type
  }
}

export function arithmetic(operator: ArithmeticOperator, left: Typed, right: Typed, at: Position): Typed {
  const [a, b] = replaceUnknown(left, right)
  const build = (type: PrestoType, l: Typed, r: Typed): Typed =>
    fold({ kind: 'arithmetic', operator, left: l, right: r, type, at })
  if (isNumeric(a.type) && isNumeric(b.type)) {
    const type = numberResult(operator, a.type, b.type, at)
    if (type.kind === 'decimal') return build(type, asDecimalValue(a), asDecimalValue(b))
    return build(type, widen(a, type), widen(b, type))
  }
  const moment = momentResult(operator, a.type, b.type)
  if (moment === undefined) throw cannotApply(operator, left.type, right.type, at)
  const common =
    operator === '-' && isMoment(a.type) && isMoment(b.type) ? commonType(a.type, b.type) : undefined
  if (common === undefined) return build(moment, a, b)
  const compared = comparedType(common)
  return build(moment, widen(a, compared), widen(b, compared))
}

/** NULL takes the type of the other side; two NULLs are integers. */
function replaceUnknown(left: Typed, right: Typed): [Typed, Typed] {
  if (left.type.kind !== 'unknown' && right.type.kind !== 'unknown') return [left, right]
  if (left.type.kind === 'unknown' && right.type.kind === 'unknown') {
    const type: PrestoType = { kind: 'integer' }
    return [widen(left, type), widen(right, type)]
  }
  const known = left.type.kind === 'unknown' ? right.type : left.type
  return [widen(left, known), widen(right, known)]
}

function asDecimalValue(value: Typed): Typed {
  return value.type.kind === 'decimal' ? value : widen(value, asDecimal(value.type))
}

/** Type of a number operation. Decimal rules: trinodb/trino core/trino-main DecimalOperators.java. */
function numberResult(operator: ArithmeticOperator, a: PrestoType, b: PrestoType, at: Position): PrestoType {
  const common = commonType(a, b)!
  if (common.kind !== 'decimal') return common
  const { precision: p1, scale: s1 } = asDecimal(a)
  const { precision: p2, scale: s2 } = asDecimal(b)
  const max = Math.max(s1, s2)
  const decimal = (precision: number, scale: number): PrestoType => ({
    kind: 'decimal',
    precision: Math.min(38, precision),
    scale,
  })
  switch (operator) {
    case '+':
    case '-':
      return decimal(1 + max + Math.max(p1 - s1, p2 - s2), max)
    case '*':
      if (s1 + s2 > 38) throw scaleOutOfRange(s1 + s2, at)
      return decimal(p1 + p2, s1 + s2)
    case '/':
      return decimal(p1 + s2 + Math.max(0, s2 - s1), max)
    case '%':
      return decimal(Math.min(p1 - s1, p2 - s2) + max, max)
  }
}

function scaleOutOfRange(scale: number, at: Position): QueryError {
  const message = `DECIMAL scale must be in range [0, precision (38)]: ${scale}`
  return new QueryError('INVALID_FUNCTION_ARGUMENT', message, at)
}

const DAYS = 'interval day to second'
const MONTHS = 'interval year to month'
const isInterval = (type: PrestoType): boolean => type.kind === DAYS || type.kind === MONTHS

/** Result of arithmetic with dates and intervals; undefined when Presto has no such operator. */
function momentResult(operator: ArithmeticOperator, a: PrestoType, b: PrestoType): PrestoType | undefined {
  if ((operator === '+' || operator === '-') && isMoment(a) && isInterval(b)) {
    const isTime = a.kind === 'time' || a.kind === 'time with time zone'
    return isTime && b.kind === MONTHS ? undefined : withMilliseconds(a, b)
  }
  if (operator === '+' && isInterval(a) && isMoment(b)) return momentResult(operator, b, a)
  if (operator === '-' && isMoment(a) && isMoment(b) && subtractable(a, b)) return { kind: DAYS }
  if ((operator === '+' || operator === '-') && isInterval(a) && a.kind === b.kind) return a
  if (operator === '*' && isInterval(a) && isNumeric(b)) return a
  if (operator === '*' && isNumeric(a) && isInterval(b)) return b
  if (operator === '/' && isInterval(a) && isNumeric(b)) return a
  return undefined
}

/** Both are widened to their common type. */
function subtractable(a: PrestoType, b: PrestoType): boolean {
  return commonType(a, b) !== undefined
}

/** A day-second interval counts milliseconds, so a timestamp it is added to shows at least three digits. */
function withMilliseconds(moment: PrestoType, interval: PrestoType): PrestoType {
  if (interval.kind !== DAYS || !('precision' in moment) || moment.kind === 'decimal') return moment
  return { ...moment, precision: Math.max(3, moment.precision) }
}

/** Folds + - * of integer constants, so that `TD_SCHEDULED_TIME() - 86400` can prune; overflow is left to the engine. */
function fold(node: Extract<Typed, { kind: 'arithmetic' }>): Typed {
  const { left, right, operator, type } = node
  if (left.kind !== 'constant' || right.kind !== 'constant' || !isInteger(type)) return node
  if (typeof left.value !== 'bigint' || typeof right.value !== 'bigint') return node
  const results: Partial<Record<ArithmeticOperator, bigint>> = {
    '+': left.value + right.value,
    '-': left.value - right.value,
    '*': left.value * right.value,
  }
  const value = results[operator]
  return value !== undefined && fits(type.kind, value) ? constant(type, value, node.at) : node
}

export function sign(negative: boolean, value: Typed, at: Position): Typed {
  if (!isNumeric(value.type) && !isInterval(value.type) && value.type.kind !== 'unknown') {
    throw mismatch(`Cannot negate ${typeText(value.type)}`, at)
  }
  if (!negative && value.type.kind === 'decimal') {
    throw mismatch(`Unary '+' operator cannot by applied to ${typeText(value.type)} type`, at)
  }
  if (!negative) return value
  if (value.kind === 'constant' && typeof value.value === 'bigint') {
    const negated = -value.value
    if (isInterval(value.type) || fits(value.type.kind, negated)) return { ...value, value: negated, at }
  }
  return { kind: 'negate', value, type: value.type.kind === 'unknown' ? BIGINT : value.type, at }
}
