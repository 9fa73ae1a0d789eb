import { QueryError } from '../errors.ts'
import type {
  Expression,
  GroupBy,
  GroupingElement,
  NamedQuery,
  Query,
  QueryBody,
  Select,
  SelectItem,
} from './ast.ts'
import {
  at,
  could,
  expect,
  holdsQuery,
  identifier,
  isIdentifier,
  isOperator,
  isWord,
  list,
  nested,
  next,
  option,
  type Parser,
  parenthesised,
  peek,
  qualifiedName,
  take,
  unexpected,
} from './parser.ts'
import { aliasFollows, relation } from './relation.ts'
import { sortItems, windowSpecification } from './window.ts'

/** `query` of SqlBase.g4: WITH, body, ORDER BY, OFFSET, LIMIT or FETCH. */
export function query(p: Parser): Query {
  return nested(p, () => {
    const position = peek(p).at
    refuseFunctions(p)
    const named = take(p, 'WITH')
      ? { recursive: take(p, 'RECURSIVE'), queries: list(p, () => namedQuery(p)) }
      : undefined
    return { ...(named === undefined ? {} : { with: named }), ...queryNoWith(p), at: position }
  })
}

/** `WITH FUNCTION f(…)`; a query may well be called function. */
function refuseFunctions(p: Parser): void {
  if (!at(p, 'WITH', 'FUNCTION') || !isIdentifier(peek(p, 2)) || isWord(peek(p, 2), 'AS')) return
  throw new QueryError('NOT_SUPPORTED', 'Inline functions are not supported', peek(p, 1).at)
}

function namedQuery(p: Parser): NamedQuery {
  const name = identifier(p)
  const columns = at(p, '(') ? parenthesised(p, () => list(p, () => identifier(p))) : undefined
  expect(p, 'AS')
  const inner = parenthesised(p, () => p.query(p))
  return { name, ...(columns === undefined ? {} : { columns }), query: inner, at: name.at }
}

function queryNoWith(p: Parser): Omit<Query, 'with'> {
  const position = peek(p).at
  const body = unions(p)
  const orderAt = peek(p).at
  const orderBy = ordered(p) ? sortItems(p) : []
  const result: Omit<Query, 'with'> = { body, orderBy, at: position }
  if (orderBy.length > 0) result.orderAt = orderAt
  if (option(p, 'OFFSET')) {
    result.offset = rowCount(p)
    if (!take(p, 'ROWS')) take(p, 'ROW')
  }
  const limitAt = peek(p).at
  if (option(p, 'LIMIT')) {
    if (!take(p, 'ALL')) result.limit = { count: rowCount(p), withTies: false, at: limitAt }
  } else if (option(p, 'FETCH')) result.limit = { ...fetchFirst(p), isFetch: true, at: limitAt }
  return result
}

function ordered(p: Parser): boolean {
  if (!option(p, 'ORDER')) return false
  expect(p, 'BY')
  return true
}

function fetchFirst(p: Parser): { count?: Expression; withTies: boolean } {
  if (!take(p, 'FIRST')) expect(p, 'NEXT')
  const count = isWord(peek(p), 'ROW', 'ROWS') ? undefined : rowCount(p)
  if (!take(p, 'ROWS')) expect(p, 'ROW')
  const withTies = take(p, 'WITH', 'TIES')
  if (!withTies) expect(p, 'ONLY')
  return { ...(count === undefined ? {} : { count }), withTies }
}

function rowCount(p: Parser): Expression {
  const token = peek(p)
  if (isOperator(token, '?')) return { kind: 'parameter', at: next(p).at }
  if (token.kind !== 'integer') throw unexpected(p, '<integer>')
  return { kind: 'number', form: 'integer', text: next(p).value, at: token.at }
}

function unions(p: Parser): QueryBody {
  return setOperations(p, ['UNION', 'EXCEPT'], () => setOperations(p, ['INTERSECT'], () => queryPrimary(p)))
}

/** Left-associative; a run of the same operation is one node, so that a thousand UNION ALL need no deep stack. */
function setOperations(p: Parser, words: string[], input: () => QueryBody): QueryBody {
  let left = input()
  let chained = false
  const { depth } = p
  while (isWord(peek(p), ...words)) {
    const token = next(p)
    const operation = token.value.toLowerCase() as 'union' | 'intersect' | 'except'
    const all = take(p, 'ALL')
    if (!all && !take(p, 'DISTINCT')) could(p, "'ALL'", "'DISTINCT'")
    const right = input()
    if (chained && left.kind === 'set' && left.operation === operation && left.all === all) {
      left.inputs.push(right)
      continue
    }
    const inputs = [left, right]
    left = nested(p, () => ({ kind: 'set', operation, all, inputs, at: token.at }))
    chained = true
    p.depth += 1
  }
  p.depth = depth
  could(p, ...words.map((word) => `'${word}'`))
  return left
}

function queryPrimary(p: Parser): QueryBody {
  const token = peek(p)
  if (isWord(token, 'SELECT')) return { kind: 'select', select: select(p), at: token.at }
  if (take(p, 'TABLE')) return { kind: 'table', name: qualifiedName(p), at: token.at }
  if (take(p, 'VALUES')) return { kind: 'values', rows: list(p, () => p.expression(p)), at: token.at }
  if (isOperator(token, '(')) {
    const inner = nested(p, () => parenthesised(p, () => queryNoWithOrWith(p)))
    return { kind: 'nested', query: inner, at: token.at }
  }
  throw unexpected(p, "'('", "'SELECT'", "'TABLE'", "'VALUES'")
}

function queryNoWithOrWith(p: Parser): Query {
  return at(p, 'WITH') ? p.query(p) : queryNoWith(p)
}

function select(p: Parser): Select {
  const position = expect(p, 'SELECT')
  const distinct = option(p, 'DISTINCT')
  if (!distinct) option(p, 'ALL')
  const items = list(p, () => selectItem(p))
  const result: Select = { distinct, items, from: [], windows: [], at: position }
  if (option(p, 'FROM')) result.from = list(p, () => relation(p))
  if (option(p, 'WHERE')) result.where = p.expression(p)
  if (at(p, 'GROUP')) result.groupBy = groupBy(p)
  else could(p, "'GROUP'")
  if (option(p, 'HAVING')) result.having = p.expression(p)
  if (option(p, 'WINDOW')) result.windows = list(p, () => windowDefinition(p))
  return result
}

function windowDefinition(p: Parser): Select['windows'][number] {
  const name = identifier(p)
  expect(p, 'AS')
  return { name, window: parenthesised(p, () => windowSpecification(p)) }
}

function selectItem(p: Parser): SelectItem {
  const token = peek(p)
  if (option(p, '*')) return { kind: 'all', at: token.at }
  const value = p.expression(p)
  if (take(p, '.', '*')) {
    const aliases =
      at(p, 'AS', '(') && take(p, 'AS') ? parenthesised(p, () => list(p, () => identifier(p))) : undefined
    return { kind: 'all-of', base: value, ...(aliases === undefined ? {} : { aliases }), at: token.at }
  }
  const explicit = take(p, 'AS')
  if (!explicit && !aliasFollows(p)) {
    could(p, "'AS'", '<identifier>')
    return { kind: 'expression', value, at: token.at }
  }
  return { kind: 'expression', value, alias: identifier(p), at: token.at }
}

function groupBy(p: Parser): GroupBy {
  const position = expect(p, 'GROUP', 'BY')
  const distinct = take(p, 'DISTINCT')
  if (!distinct && !isOperator(peek(p, 1), ',', '.') && !take(p, 'ALL'))
    could(p, "'('", "'ALL'", "'CUBE'", "'DISTINCT'", "'GROUPING'", "'ROLLUP'")
  return { distinct, elements: list(p, () => groupingElement(p)), at: position }
}

function groupingElement(p: Parser): GroupingElement {
  if (at(p, 'ROLLUP', '(') || at(p, 'CUBE', '(')) {
    const kind = next(p).value === 'ROLLUP' ? 'rollup' : 'cube'
    return { kind, sets: parenthesised(p, () => (at(p, ')') ? [] : list(p, () => groupingSet(p).items))) }
  }
  if (take(p, 'GROUPING', 'SETS')) {
    return { kind: 'sets', sets: parenthesised(p, () => list(p, () => groupingSet(p).items)) }
  }
  return { kind: 'set', ...groupingSet(p) }
}

function groupingSet(p: Parser): { items: Expression[]; parenthesised: boolean } {
  const behind = p.tokens[p.closing[p.index]! + 1]
  const closes =
    behind !== undefined &&
    (behind.kind === 'end' || behind.kind === 'word' || isOperator(behind, ',', ')', ';'))
  const predicate =
    behind !== undefined && isWord(behind, 'AND', 'OR', 'IN', 'IS', 'LIKE', 'BETWEEN', 'NOT', 'AT')
  if (!at(p, '(') || !closes || predicate || holdsQuery(p, p.index)) {
    return { items: [p.expression(p)], parenthesised: false }
  }
  return {
    items: parenthesised(p, () => (at(p, ')') ? [] : list(p, () => p.expression(p)))),
    parenthesised: true,
  }
}
