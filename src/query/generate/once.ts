import { QueryError } from '../errors.ts'

/** Longer texts than this are computed once and named when a form needs them more than once. */
const REPEATABLE_CHARACTERS = 400
/** No expression of one statement grows beyond this, however its parts repeat each other. */
const MAX_EXPRESSION_CHARACTERS = 2_000_000

/**
 * SQL that uses values several times. Without this a chain of n casts, each of which looks at its value three times, would be 3ⁿ
 * long: when one of the values is long, all become fields of the parameter of a lambda over a list of one. (All, because a lambda's
 * body may hold neither aggregates nor subqueries.)
 */
export function once<T extends readonly string[]>(sqls: T, use: (...names: T) => string): string {
  if (sqls.every((sql) => sql.length <= REPEATABLE_CHARACTERS)) return use(...sqls)
  const fields = sqls.map((sql, i) => `'v${i}': ${sql}`).join(', ')
  const names = sqls.map((_, i) => `struct_extract(v, 'v${i}')`) as unknown as T
  return `list_transform([{${fields}}], lambda v: ${use(...names)})[1]`
}

/** Refuses an expression that has grown out of bounds, before it is built into a larger one. */
export function bounded(sql: string): string {
  if (sql.length <= MAX_EXPRESSION_CHARACTERS) return sql
  throw new QueryError('NOT_SUPPORTED', 'The statement is too complex: an expression in it is too large')
}
