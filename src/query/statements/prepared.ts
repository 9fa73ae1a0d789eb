import { analyzeConstant } from '../analyze/index.ts'
import type { StatementRequest } from '../compiled.ts'
import { type Position, QueryError } from '../errors.ts'
import { canCoerce } from '../functions/index.ts'
import type {
  Expression,
  GroupBy,
  Identifier,
  Query,
  SortItem,
  Statement,
  StatementOf,
} from '../parse/ast.ts'
import { parseStatement } from '../parse/index.ts'
import { parametersIn, replaceParameters, requireCount } from '../parse/parameters.ts'
import { typeText } from '../presto-type.ts'

/** The statement that an EXECUTE means, with its values in the place of the parameters. */
export function executed(
  statement: StatementOf<'execute' | 'execute-immediate'>,
  request: StatementRequest,
): Statement {
  const prepared =
    statement.kind === 'execute'
      ? preparedStatement(statement.name, request)
      : parseStatement(statement.text, { line: statement.textAt.line, column: statement.textAt.column + 1 })
  return bind(prepared, statement.values, request)
}

/** @throws NOT_FOUND (of Presto's errors) when none has that name */
export function preparedStatement(
  name: Identifier,
  { prepared }: Pick<StatementRequest, 'prepared'>,
): Statement {
  const text = prepared.get(preparedName(name))
  if (text === undefined)
    throw new QueryError('NOT_FOUND', `Prepared statement not found: ${preparedName(name)}`)
  return parseStatement(text)
}

/** As it was written: names of prepared statements do not fold case, also without quotes. */
export function preparedName({ text }: Identifier): string {
  return text
}

export function isPreparable({ kind }: Statement): boolean {
  return kind !== 'prepare' && kind !== 'execute' && kind !== 'execute-immediate' && kind !== 'deallocate'
}

function bind(statement: Statement, values: Expression[], request: StatementRequest): Statement {
  const places = parametersIn(statement)
  requireCount(statement, places.length, values.length)
  if (places.length === 0) return statement
  for (const value of values) requireConstant(value, request)
  const byPlace = new Map(places.map((at, i) => [keyOf(at), values[i]!]))
  const counts = new Map(countsIn(statement).map(({ what, node }) => [keyOf(node.at), what] as const))
  const keys = keysIn(statement)
  return replaceParameters(statement, (at) => {
    const value = byPlace.get(keyOf(at))!
    const count = counts.get(keyOf(at))
    if (count !== undefined) return rowCount(value, count, at, request)
    return keys.has(keyOf(at)) ? noOrdinal(value) : value
  })
}

/** Parameters that are a key of ORDER BY or GROUP BY by themselves. */
function keysIn(statement: Statement): ReadonlySet<string> {
  const keys = new Set<string>()
  const note = (node: Expression) => node.kind === 'parameter' && keys.add(keyOf(node.at))
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    const { orderBy, groupBy } = node as { orderBy?: SortItem[]; groupBy?: GroupBy }
    for (const item of orderBy ?? []) note(item.value)
    for (const element of groupBy?.elements ?? []) if (element.kind === 'set') element.items.forEach(note)
    for (const value of Object.values(node)) visit(value)
  }
  visit(statement)
  return keys
}

/** A number that comes as a parameter is a value, not the position of a column. */
function noOrdinal(value: Expression): Expression {
  if (value.kind !== 'number' || value.form !== 'integer') return value
  const { at } = value
  const name = BigInt(value.text) < 1n << 31n ? 'integer' : 'bigint'
  return { kind: 'cast', value, type: { kind: 'generic', name, parameters: [], at }, safe: false, at }
}

function requireConstant(value: Expression, request: StatementRequest): void {
  const column = columnIn(value, new Set())
  if (column !== undefined)
    throw new QueryError(
      'EXPRESSION_NOT_CONSTANT',
      'Constant expression cannot contain column references',
      column,
    )
  if (contains(value, 'subquery', 'exists', 'in-query', 'quantified'))
    throw new QueryError('EXPRESSION_NOT_CONSTANT', 'Constant expression cannot contain a subquery', value.at)
  analyzeConstant(value, 'USING clause', { ...request, tables: new Map() })
}

/** The first name that is no parameter of a lambda around it. */
function columnIn(node: unknown, bound: ReadonlySet<string>): Position | undefined {
  if (Array.isArray(node)) {
    for (const item of node) {
      const found = columnIn(item, bound)
      if (found !== undefined) return found
    }
    return undefined
  }
  if (typeof node !== 'object' || node === null) return undefined
  const expression = node as Expression
  if (expression.kind === 'column')
    return bound.has(expression.name.text.toLowerCase()) ? undefined : expression.at
  if (expression.kind === 'lambda') {
    const names = expression.parameters.map(({ text }) => text.toLowerCase())
    return columnIn(expression.body, new Set([...bound, ...names]))
  }
  return columnIn(Object.values(node), bound)
}

function contains(node: unknown, ...kinds: string[]): boolean {
  if (typeof node !== 'object' || node === null) return false
  if (kinds.includes((node as { kind?: string }).kind ?? '')) return true
  return Object.values(node).some((value) => contains(value, ...kinds))
}

type RowCount = 'LIMIT' | 'OFFSET' | 'FETCH FIRST'

/** Where LIMIT, OFFSET and FETCH FIRST have their numbers. */
export function countsIn(statement: Statement): { what: RowCount; node: Expression }[] {
  const counts: { what: RowCount; node: Expression }[] = []
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    if (!Array.isArray(node) && 'body' in node && 'orderBy' in node) {
      const { offset, limit } = node as Query
      if (offset !== undefined) counts.push({ what: 'OFFSET', node: offset })
      if (limit?.count !== undefined)
        counts.push({ what: limit.isFetch === true ? 'FETCH FIRST' : 'LIMIT', node: limit.count })
    }
    for (const value of Object.values(node)) visit(value)
  }
  visit(statement)
  return counts
}

function rowCount(value: Expression, what: RowCount, at: Position, request: StatementRequest): Expression {
  if (value.kind === 'null')
    throw new QueryError('INVALID_ARGUMENTS', `Parameter value provided for ${what} is NULL: null`, value.at)
  if (value.kind !== 'number' || value.form !== 'integer') {
    const { type } = analyzeConstant(value, what, { ...request, tables: new Map() })
    if (!canCoerce(type, { kind: 'bigint' }))
      throw new QueryError('TYPE_MISMATCH', `Cannot cast type ${typeText(type)} to bigint`, value.at)
    throw new QueryError('NOT_SUPPORTED', `${what} is supported with a whole number`, value.at)
  }
  const least = what === 'FETCH FIRST' ? 1n : 0n
  if (BigInt(value.text) < least) {
    const wanted = least === 1n ? 'positive' : 'greater or equal to 0'
    throw new QueryError(
      'NUMERIC_VALUE_OUT_OF_RANGE',
      `${what} row count must be ${wanted} (actual value: ${value.text})`,
      at,
    )
  }
  return value
}

export function keyOf({ line, column }: Position): string {
  return `${line}:${column}`
}
