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
    default:
      return EVERYTHING
  }
}

/** The value of a whole-number constant; undefined for anything else. NULL compares with nothing. */
function wholeNumber(typed: Typed): bigint | null | undefined {
  if (typed.kind !== 'constant') return undefined
  return typeof typed.value === 'bigint' || typed.value === null ? typed.value : undefined
}

const MIRRORED = { '=': '=', '<>': '<>', '<': '>', '<=': '>=', '>': '<', '>=': '<=' } as const

function comparisonTimes(
  typed: TypedOf<'comparison'>,
  isTime: (typed: Typed) => boolean,
): readonly TimeRange[] {
  const straight = isTime(typed.left)
  if (!straight && !isTime(typed.right)) return EVERYTHING
  const value = wholeNumber(straight ? typed.right : typed.left)
  if (value === undefined) return EVERYTHING
  if (value === null) return NOTHING
  switch (straight ? typed.operator : MIRRORED[typed.operator]) {
    case '=':
      return range(value, value + 1n)
    case '<':
      return range(null, value)
    case '<=':
      return range(null, value + 1n)
    case '>':
      return range(value + 1n, null)
    case '>=':
      return range(value, null)
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
