import { QueryError } from '../errors.ts'
import type { Expression } from '../parse/ast.ts'
import type { Environment, Met } from './analyzer.ts'
import { expressionText } from './expression-text.ts'
import type { Typed } from './plan.ts'

/** An expression of a clause that works row by row. The whole of it is refused when aggregates or window functions are in it. */
export function rowExpression(env: Environment, node: Expression): Typed {
  const met: Environment['met'] = { aggregates: [], windows: [] }
  const typed = env.analyzer.expression({ ...env, met, allowAggregates: true, allowWindows: true }, node)
  const found = [...met.aggregates, ...met.windows]
  if (found.length > 0) throw notScalar(env.clause, found, node)
  return typed
}

export function notScalar(
  clause: string,
  found: readonly Pick<Met, 'node'>[],
  { at }: Expression,
): QueryError {
  const calls = found.map(({ node }) => expressionText(node)).join(', ')
  return new QueryError(
    'EXPRESSION_NOT_SCALAR',
    `${clause} cannot contain aggregations, window functions or grouping operations: [${calls}]`,
    at,
  )
}
