import type { TypedOf } from '../analyze/plan.ts'
import type { PrestoType } from '../presto-type.ts'

type Operator = TypedOf<'comparison'>['operator']

/**
 * A comparison of two values of one type. Presto compares rows field by field with three-valued logic, which DuckDB does not,
 * and maps without regard to the order of their entries.
 */
export function comparisonSql(operator: Operator, left: string, right: string, type: PrestoType): string {
  if (operator === '=') return equalSql(left, right, type)
  if (operator === '<>')
    return type.kind === 'row'
      ? `(NOT ${equalSql(left, right, type)})`
      : `(${plain(left, type)} <> ${plain(right, type)})`
  return `(${left} ${operator} ${right})`
}

function equalSql(left: string, right: string, type: PrestoType): string {
  if (type.kind !== 'row') return `(${plain(left, type)} = ${plain(right, type)})`
  const fields = type.fields.map((field, i) => equalSql(fieldSql(left, i), fieldSql(right, i), field.type))
  return `(${fields.join(' AND ')})`
}

function fieldSql(sql: string, index: number): string {
  return `struct_extract(${sql}, 'f${index + 1}')`
}

function plain(sql: string, type: PrestoType): string {
  return type.kind === 'map' ? `list_sort(map_entries(${sql}))` : sql
}

export function distinctSql(left: string, right: string, type: PrestoType): string {
  return `(${plain(left, type)} IS DISTINCT FROM ${plain(right, type)})`
}

export function inSql(value: string, items: string[], type: PrestoType): string {
  if (type.kind === 'row' || type.kind === 'map') {
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
