import type { TypedOf } from '../analyze/plan.ts'
import { equalSql, isFlat, orderedSql } from '../functions/index.ts'
import type { PrestoType } from '../presto-type.ts'
import { once } from './once.ts'

type Operator = TypedOf<'comparison'>['operator']

/** A comparison of two values of one type. */
export function comparisonSql(operator: Operator, left: string, right: string, type: PrestoType): string {
  if (isFlat(type)) return comparison(operator, left, right, type)
  return once([left, right] as const, (a, b) => comparison(operator, a, b, type))
}

function comparison(operator: Operator, left: string, right: string, type: PrestoType): string {
  if (operator === '=') return equalSql(left, right, type)
  if (operator === '<>')
    return isFlat(type) ? `(${left} <> ${right})` : `(NOT ${equalSql(left, right, type)})`
  return orderedSql(operator, left, right, type)
}

function plain(sql: string, type: PrestoType): string {
  return type.kind === 'map' ? `list_sort(map_entries(${sql}))` : sql
}

export function distinctSql(left: string, right: string, type: PrestoType): string {
  return `(${plain(left, type)} IS DISTINCT FROM ${plain(right, type)})`
}

export function inSql(value: string, items: string[], type: PrestoType): string {
  if (!isFlat(type)) {
    return `(${items.map((item) => equalSql(value, item, type)).join(' OR ')})`
  }
  return `(${value} IN (${items.join(', ')}))`
}

export function quantifiedSql(
  { operator, quantifier }: TypedOf<'quantified'>,
  value: string,
  query: string,
): string {
  return `(${value} ${operator} ${quantifier.toUpperCase()} (${query}))`
}
