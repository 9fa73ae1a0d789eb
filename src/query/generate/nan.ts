import type { Typed, TypedOf } from '../analyze/plan.ts'

/**
 * NaN is neither equal to, nor less or more than anything; to DuckDB it equals itself and is greatest. Conditions are added only where
 * that shows: against a constant NaN is already on the right side of most comparisons.
 */
export function withNaN(
  { operator, left, right }: TypedOf<'comparison'>,
  sql: string,
  leftSql: string,
  rightSql: string,
): string {
  if (!isFloat(left)) return sql
  const [a, b] = [mayBeNaN(left), mayBeNaN(right)]
  switch (operator) {
    case '=':
      return a && b ? `(${sql} AND NOT isnan(${leftSql}))` : sql
    case '<>':
      return a && b ? `(${sql} OR isnan(${leftSql}))` : sql
    case '<':
    case '<=':
      return b ? `(${sql} AND NOT isnan(${rightSql}))` : sql
    case '>':
    case '>=':
      return a ? `(${sql} AND NOT isnan(${leftSql}))` : sql
  }
}

/** IN with anything but constants. */
export function inWithNaN({ value, items }: TypedOf<'in'>, sql: string, valueSql: string): string {
  return isFloat(value) && mayBeNaN(value) && items.some(mayBeNaN)
    ? `(${sql} AND NOT isnan(${valueSql}))`
    : sql
}

/** BETWEEN is both comparisons. */
export function betweenWithNaN({ value, high }: TypedOf<'between'>, sql: string, valueSql: string): string {
  return isFloat(value) && mayBeNaN(value) && mayBeNaN(high) ? `(${sql} AND NOT isnan(${valueSql}))` : sql
}

const isFloat = ({ type }: Typed): boolean => type.kind === 'double' || type.kind === 'real'

function mayBeNaN(value: Typed): boolean {
  if (value.kind === 'constant') return Number.isNaN(value.value)
  return !(value.kind === 'cast' && !isFloat(value.value) && value.value.type.kind !== 'varchar')
}
