import { type Position, QueryError, type QueryErrorName } from '../errors.ts'
import type { ResolvedCall } from '../functions/types.ts'
import type { FunctionCall } from '../parse/ast.ts'
import type { Environment } from './analyzer.ts'
import { callText } from './expression-text.ts'

/** Refuses clauses that do not go with the kind of function, or with each other. */
export function checkClauses(
  env: Environment,
  name: string,
  node: FunctionCall,
  { kind }: ResolvedCall,
  at: Position,
): void {
  const fail = (error: QueryErrorName, text: string, place = at): never => {
    throw new QueryError(error, text, place)
  }
  if (node.nullTreatment !== undefined && !TREATING_NULLS.includes(name)) {
    fail('NULL_TREATMENT_NOT_ALLOWED', `Cannot specify null treatment clause for ${name} function`)
  }
  if (kind === 'scalar') {
    if (node.over !== undefined) fail('FUNCTION_NOT_WINDOW', `Not a window function: ${name}`, env.selectAt)
    if (node.filter !== undefined)
      fail('FUNCTION_NOT_AGGREGATE', 'Filter is only valid for aggregation functions')
    if (node.distinct)
      fail('FUNCTION_NOT_AGGREGATE', 'DISTINCT is not supported for non-aggregation functions')
    if (node.orderBy.length > 0)
      fail('FUNCTION_NOT_AGGREGATE', 'ORDER BY is only valid for aggregation functions')
  }
  if (kind === 'window' && node.over === undefined) {
    fail('MISSING_OVER', `Window function ${name} requires an OVER clause`)
  }
  if (node.over !== undefined && node.distinct) {
    fail(
      'NOT_SUPPORTED',
      `DISTINCT in window function parameters not yet supported: ${callText(node)}`,
      env.selectAt,
    )
  }
  if (node.over !== undefined && node.filter !== undefined) {
    fail('NOT_SUPPORTED', 'FILTER is not yet supported for window functions', env.selectAt)
  }
  if (node.over !== undefined && node.orderBy.length > 0) {
    fail('NOT_SUPPORTED', 'Window function with ORDER BY is not supported')
  }
}

const TREATING_NULLS = ['first_value', 'last_value', 'nth_value', 'lag', 'lead']
