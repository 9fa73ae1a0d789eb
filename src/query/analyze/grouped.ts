import { type Position, QueryError } from '../errors.ts'
import type { Expression } from '../parse/ast.ts'
import { expressionText } from './expression-text.ts'
import type { CallClauses, ColumnValue, Typed, TypedOf } from './plan.ts'
import { children, keyOf } from './walk.ts'

/** What a grouped query's expressions are checked against. */
export type Grouped = {
  /** keyOf of every grouping key. */
  keys: ReadonlySet<string>
  /** The relations of the query's FROM. */
  own: ReadonlySet<number>
  written: WeakMap<Typed, Expression>
  nameOf(column: Typed): string
  qualifiedNameOf(column: Typed): string
}

/**
 * Checks an expression of a grouped query: each column of the query's own sources must be (part of) a grouping key or inside an
 * aggregate. `node` is what was written, undefined for a column that `*` stands for.
 */
export function checkGrouped(grouped: Grouped, value: Typed, node: Expression | undefined): void {
  if (isGrouped(grouped, value)) return
  if (node === undefined) {
    throw new QueryError(
      'EXPRESSION_NOT_AGGREGATE',
      `Column '${grouped.qualifiedNameOf(value)}' not in GROUP BY clause`,
    )
  }
  throw notGrouped(`'${expressionText(node)}'`, node.at)
}

function notGrouped(what: string, at: Position): QueryError {
  return new QueryError(
    'EXPRESSION_NOT_AGGREGATE',
    `${what} must be an aggregate expression or appear in GROUP BY clause`,
    at,
  )
}

function isGrouped(grouped: Grouped, typed: Typed): boolean {
  if (grouped.keys.has(keyOf(typed))) return true
  switch (typed.kind) {
    case 'column':
      return !grouped.own.has(typed.relation)
    case 'grouping':
      checkArguments(grouped, typed)
      return true
    case 'subquery':
    case 'exists':
      checkFree(grouped, typed.free)
      return true
    case 'in-query':
    case 'quantified':
      checkFree(grouped, typed.free)
      return isGrouped(grouped, typed.value)
    case 'call':
      if (typed.call.kind === 'aggregate' && typed.clauses.over === undefined) return true
      checkWindow(grouped, typed.clauses)
  }
  return children(typed).every((child) => isGrouped(grouped, child))
}

function checkFree(grouped: Grouped, free: ColumnValue[]): void {
  const wrong = free.find((column) => !isGrouped(grouped, column))
  if (wrong === undefined) return
  throw new QueryError(
    'EXPRESSION_NOT_AGGREGATE',
    `Subquery uses '${grouped.nameOf(wrong)}' which must appear in GROUP BY clause`,
    wrong.at,
  )
}

function checkArguments(grouped: Grouped, { keys, at }: TypedOf<'grouping'>): void {
  const wrong = keys.find((key) => !grouped.keys.has(keyOf(key)))
  if (wrong === undefined) return
  throw new QueryError(
    'INVALID_ARGUMENTS',
    `The arguments to GROUPING() must be expressions referenced by the GROUP BY at the associated query level. Mismatch due to ${grouped.nameOf(wrong)}.`,
    at,
  )
}

function checkWindow(grouped: Grouped, { over }: CallClauses): void {
  if (over === undefined) return
  const check = (what: string, value: Typed): void => {
    if (isGrouped(grouped, value)) return
    const node = grouped.written.get(value)
    throw notGrouped(
      `${what} expression '${node === undefined ? '' : expressionText(node)}'`,
      node?.at ?? value.at,
    )
  }
  for (const value of over.partitionBy) check('PARTITION BY', value)
  for (const { value } of over.orderBy) check('ORDER BY', value)
  for (const [name, bound] of [['start', over.frame?.start] as const, ['end', over.frame?.end] as const]) {
    if (bound === undefined || !('value' in bound) || isGrouped(grouped, bound.value)) continue
    throw notGrouped(`Window frame ${name}`, bound.value.at)
  }
}
