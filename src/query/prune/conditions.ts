import type { Typed, TypedOf } from '../analyze/plan.ts'
import { EVERYTHING, intersect, NOTHING, range, type TimeRange, union } from './ranges.ts'

/**
 * The times for which a condition can be true, at most: whatever is not understood can be true at any time. Each form
 * understood is NULL when the time is, so that it also holds above an outer join.
 */
export function timesOf(condition: Typed, isTime: (typed: Typed) => boolean): readonly TimeRange[] {
  switch (condition.kind) {
    case 'and':
      return condition.terms.map((term) => timesOf(term, isTime)).reduce(intersect)
    case 'or':
      return union(condition.terms.map((term) => timesOf(term, isTime)))
    case 'constant':
      return condition.value === true ? EVERYTHING : NOTHING
    case 'comparison':
      return comparisonTimes(condition, isTime)
    case 'between':
      return betweenTimes(condition, isTime)
    case 'in':
      return inTimes(condition, isTime)
    case 'call': {
      const { timeRange } = condition.call
      const argument = timeRange === undefined ? undefined : condition.args[timeRange.argument]
      if (timeRange === undefined || argument === undefined || !isTime(argument)) return EVERYTHING
      return range(timeRange.from, timeRange.to)
    }
    case 'not':
      return timesNotOf(condition.value, isTime)
    default:
      return EVERYTHING
  }
}

/** The times for which a condition can be false, at most. */
function timesNotOf(condition: Typed, isTime: (typed: Typed) => boolean): readonly TimeRange[] {
  switch (condition.kind) {
    case 'and':
      return union(condition.terms.map((term) => timesNotOf(term, isTime)))
    case 'or':
      return condition.terms.map((term) => timesNotOf(term, isTime)).reduce(intersect)
    case 'not':
      return timesOf(condition.value, isTime)
    case 'comparison':
      return comparisonTimes({ ...condition, operator: NEGATED[condition.operator] }, isTime)
    case 'between': {
      const { value, low, high } = condition
      const at = { type: condition.type, at: condition.at }
      return union([
        comparisonTimes({ ...at, kind: 'comparison', operator: '<', left: value, right: low }, isTime),
        comparisonTimes({ ...at, kind: 'comparison', operator: '>', left: value, right: high }, isTime),
      ])
    }
    default:
      return EVERYTHING
  }
}

const NEGATED = { '=': '<>', '<>': '=', '<': '>=', '<=': '>', '>': '<=', '>=': '<' } as const

/** The value of a whole-number constant; undefined for anything else. NULL compares with nothing. */
function wholeNumber(typed: Typed): bigint | null | undefined {
  const bounds = boundsOf(typed)
  if (bounds === null || bounds === undefined) return bounds
  return bounds.least === bounds.most ? bounds.least : undefined
}

/** Beyond this a double may stand for several whole numbers. */
const MOST_EXACT = 2 ** 53

/** The nearest whole numbers not below and not above a constant number. */
function boundsOf(typed: Typed): { least: bigint; most: bigint } | null | undefined {
  const value = numberOf(typed)
  if (value === null || value === undefined) return value
  if (typeof value === 'bigint') return { least: value, most: value }
  if (!(Math.abs(value) < MOST_EXACT)) return undefined
  return { least: BigInt(Math.ceil(value)), most: BigInt(Math.floor(value)) }
}

/** A constant number, also one that casts and double arithmetic make of others; undefined for what is none or not known. */
function numberOf(typed: Typed): bigint | number | null | undefined {
  switch (typed.kind) {
    case 'constant': {
      const { value, type } = typed
      if (value === null || typeof value === 'bigint' || typeof value === 'number') return value
      return type.kind === 'decimal' ? Number(value) : undefined
    }
    case 'cast':
      return castNumber(typed)
    case 'arithmetic': {
      const [left, right] = [numberOf(typed.left), numberOf(typed.right)]
      if (typed.type.kind !== 'double' || typeof left !== 'number' || typeof right !== 'number')
        return undefined
      return DOUBLE_ARITHMETIC[typed.operator]?.(left, right)
    }
    default:
      return undefined
  }
}

const DOUBLE_ARITHMETIC: Record<string, (left: number, right: number) => number> = {
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
}

/** A whole number stays what it is under every cast to a number; a fraction stays so in wider types only. */
function castNumber({ value, type, implicit }: TypedOf<'cast'>): bigint | number | null | undefined {
  if (value.kind === 'constant' && typeof value.value === 'string' && value.type.kind === 'varchar') {
    return type.kind === 'bigint' && /^[+-]?\d{1,18}$/.test(value.value) ? BigInt(value.value) : undefined
  }
  const number = numberOf(value)
  if (number === null || number === undefined) return number
  if (type.kind === 'double') return Number(number)
  if (type.kind === 'bigint' && Number.isSafeInteger(Number(number))) return BigInt(number)
  return implicit && type.kind === 'decimal' ? number : undefined
}

/** The time itself, also where it is widened to be compared with a fraction. */
const isWidened = (typed: Typed, isTime: (typed: Typed) => boolean): boolean =>
  isTime(typed) ||
  (typed.kind === 'cast' && typed.implicit && WIDER.includes(typed.type.kind) && isTime(typed.value))
const WIDER = ['double', 'decimal']

const MIRRORED = { '=': '=', '<>': '<>', '<': '>', '<=': '>=', '>': '<', '>=': '<=' } as const

function comparisonTimes(
  typed: TypedOf<'comparison'>,
  isTime: (typed: Typed) => boolean,
): readonly TimeRange[] {
  const straight = isWidened(typed.left, isTime)
  if (!straight && !isWidened(typed.right, isTime)) return EVERYTHING
  const bounds = boundsOf(straight ? typed.right : typed.left)
  if (bounds === undefined) return EVERYTHING
  if (bounds === null) return NOTHING
  const { least, most } = bounds
  switch (straight ? typed.operator : MIRRORED[typed.operator]) {
    case '=':
      return least === most ? range(least, least + 1n) : NOTHING
    case '<':
      return range(null, least)
    case '<=':
      return range(null, most + 1n)
    case '>':
      return range(most + 1n, null)
    case '>=':
      return range(least, null)
    case '<>':
      return EVERYTHING
  }
}

function betweenTimes(typed: TypedOf<'between'>, isTime: (typed: Typed) => boolean): readonly TimeRange[] {
  if (!isTime(typed.value)) return EVERYTHING
  const low = wholeNumber(typed.low)
  const high = wholeNumber(typed.high)
  if (low === null || high === null) return NOTHING
  return range(low ?? null, high === undefined ? null : high + 1n)
}

function inTimes(typed: TypedOf<'in'>, isTime: (typed: Typed) => boolean): readonly TimeRange[] {
  if (!isTime(typed.value)) return EVERYTHING
  const values = typed.items.map(wholeNumber)
  if (values.includes(undefined)) return EVERYTHING
  return union(
    values.flatMap((value) => (value === null || value === undefined ? [] : [range(value, value + 1n)])),
  )
}
