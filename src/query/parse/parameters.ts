import { type Position, QueryError } from '../errors.ts'
import type { Expression, Statement } from './ast.ts'

/** Every `?` of a statement by its place, in the order of the text. */
export function parametersIn(node: unknown): Position[] {
  const found: Position[] = []
  visit(node, found)
  return found.sort((a, b) => a.line - b.line || a.column - b.column)
}

function visit(node: unknown, found: Position[]): void {
  if (typeof node !== 'object' || node === null) return
  if (Array.isArray(node)) for (const item of node) visit(item, found)
  else if (isParameter(node)) found.push(node.at)
  else for (const key in node) if (key !== 'at') visit((node as Record<string, unknown>)[key], found)
}

/** The same tree with what `valueFor` gives in the place of each `?`. */
export function replaceParameters<T>(node: T, valueFor: (at: Position) => Expression): T {
  if (Array.isArray(node)) return node.map((item) => replaceParameters(item, valueFor)) as T
  if (isParameter(node)) return valueFor(node.at) as T
  if (typeof node !== 'object' || node === null) return node
  return Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, replaceParameters(value, valueFor)]),
  ) as T
}

function isParameter(node: unknown): node is Extract<Expression, { kind: 'parameter' }> {
  return typeof node === 'object' && node !== null && (node as { kind?: unknown }).kind === 'parameter'
}

/** Parameters are given with the statement, or it has none. */
export function requireCount(statement: Statement, expected: number, found: number): void {
  if (expected === found) return
  throw new QueryError(
    'INVALID_PARAMETER_USAGE',
    `Incorrect number of parameters: expected ${expected} but found ${found}`,
    statement.at,
  )
}
