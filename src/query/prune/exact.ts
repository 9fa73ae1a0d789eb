import type { Typed } from '../analyze/plan.ts'
import { timesOf } from './conditions.ts'
import { intersect, type TimeRange, union } from './ranges.ts'

/** Below what `union` keeps apart: beyond that its result is no longer exact. */
const MOST_RANGES = 500

/** The times for which the condition is true, when it says nothing else than that: then it need not be evaluated for rows within. */
export function exactTimesOf(
  condition: Typed,
  isTime: (typed: Typed) => boolean,
): readonly TimeRange[] | undefined {
  switch (condition.kind) {
    case 'and':
    case 'or': {
      const terms = condition.terms.map((term) => exactTimesOf(term, isTime))
      if (!terms.every((term) => term !== undefined)) return undefined
      if (terms.reduce((sum, { length }) => sum + length, 0) > MOST_RANGES) return undefined
      return condition.kind === 'and' ? terms.reduce(intersect) : union(terms)
    }
    case 'comparison': {
      const { left, right, operator } = condition
      const told = (isTime(left) && isWhole(right)) || (isTime(right) && isWhole(left))
      return told && operator !== '<>' ? timesOf(condition, isTime) : undefined
    }
    case 'between': {
      const { value, low, high } = condition
      return isTime(value) && isWhole(low) && isWhole(high) ? timesOf(condition, isTime) : undefined
    }
    case 'in': {
      const { value, items } = condition
      const told = isTime(value) && items.length <= MOST_RANGES && items.every(isWhole)
      return told ? timesOf(condition, isTime) : undefined
    }
    case 'call': {
      const { timeRange } = condition.call
      const argument = timeRange === undefined ? undefined : condition.args[timeRange.argument]
      return argument !== undefined && isTime(argument) ? timesOf(condition, isTime) : undefined
    }
    default:
      return undefined
  }
}

function isWhole(typed: Typed): boolean {
  return typed.kind === 'constant' && (typeof typed.value === 'bigint' || typed.value === null)
}
