import { type Position, QueryError } from '../errors.ts'
import type { ExpressionOf } from '../parse/ast.ts'
import { type PrestoType, typeText } from '../presto-type.ts'
import type { Environment } from './analyzer.ts'
import { requireBoolean, unifyAll } from './coerce.ts'
import { constant } from './literals.ts'
import { comparable } from './operators.ts'
import type { Typed } from './plan.ts'

/**
 * if, coalesce, nullif and try are evaluated lazily and typeof not at all, so they are not functions. undefined for any other
 * name.
 */
export function specialForm(env: Environment, name: string, node: ExpressionOf<'call'>): Typed | undefined {
  if (!['if', 'coalesce', 'nullif', 'try', 'typeof'].includes(name)) return undefined
  const args = node.call.args.map((arg) => env.analyzer.expression(env, arg))
  switch (name) {
    case 'if':
      return ifForm(args, node.at)
    case 'coalesce':
      return coalesce(args, node.at)
    case 'nullif':
      return nullIf(args, node.at)
    case 'typeof':
      if (args.length !== 1) throw wrongCount('TYPEOF', 'function must have exactly one argument', node.at)
      return constant({ kind: 'varchar' }, typeText(args[0]!.type), node.at)
    default:
      if (args.length !== 1) throw wrongCount('TRY', 'function must have exactly one argument', node.at)
      return { kind: 'try', value: args[0]!, type: args[0]!.type, at: node.at }
  }
}

function wrongCount(name: string, text: string, at: Position): QueryError {
  return new QueryError('SYNTAX_ERROR', `The '${name}' ${text}`, at)
}

function sameTypes(form: string): (types: PrestoType[]) => string {
  return (types) =>
    `All ${form} operands must be the same type: ${[...new Set(types.map(typeText))].join(', ')}`
}

function ifForm(args: Typed[], at: Position): Typed {
  const [condition, result, otherwise] = args
  if (condition === undefined || result === undefined || args.length > 3) {
    throw wrongCount('IF', 'function must have 2 or 3 arguments', at)
  }
  const when = requireBoolean(condition, 'IF condition')
  const what = (types: PrestoType[]): string =>
    `Result types for IF must be the same: ${types.map(typeText).join(', ')}`
  const { type, values } = unifyAll(otherwise === undefined ? [result] : [result, otherwise], what, at)
  const last = values[1]
  return {
    kind: 'case',
    whens: [{ when, result: values[0]! }],
    ...(last === undefined ? {} : { otherwise: last }),
    type,
    at,
  }
}

function coalesce(args: Typed[], at: Position): Typed {
  if (args.length < 2) throw wrongCount('COALESCE', 'function must have at least two arguments', at)
  const { type, values } = unifyAll(args, sameTypes('COALESCE'), at)
  return { kind: 'coalesce', items: values, type, at }
}

/** The result keeps the type of the first operand, although the comparison may widen it. */
function nullIf(args: Typed[], at: Position): Typed {
  const [first, second] = args
  if (first === undefined || second === undefined || args.length > 2) {
    throw wrongCount('NULLIF', 'function must have exactly two arguments', at)
  }
  const [left, right] = comparable('=', first, second, at)
  const when: Typed = { kind: 'comparison', operator: '=', left, right, type: { kind: 'boolean' }, at }
  return {
    kind: 'case',
    whens: [{ when, result: constant(first.type, null, at) }],
    otherwise: first,
    type: first.type,
    at,
  }
}
