import { QueryError } from '../errors.ts'
import type { CurrentName, Expression, FunctionCall, Identifier, QualifiedName } from './ast.ts'
import { stringValue } from './literal.ts'
import {
  at,
  expect,
  identifier,
  isIdentifier,
  isOperator,
  isWord,
  list,
  next,
  type Parser,
  parenthesised,
  peek,
  qualifiedName,
  take,
  unexpected,
} from './parser.ts'
import { sortItems, windowSpecification } from './window.ts'

/** A call by name: `f(…)`, `a.f(…)`; undefined when the coming name is not followed by a parenthesis. */
export function functionCall(p: Parser): Expression | undefined {
  let ahead = 0
  while (isIdentifier(peek(p, ahead)) && isOperator(peek(p, ahead + 1), '.')) ahead += 2
  if (!isIdentifier(peek(p, ahead)) || !isOperator(peek(p, ahead + 1), '(')) return undefined
  const name = qualifiedName(p)
  const call = plainCall(name)
  expect(p, '(')
  if (take(p, '*')) call.star = true
  else if (!at(p, ')')) {
    call.distinct = take(p, 'DISTINCT')
    if (!call.distinct && !at(p, 'ALL', ',') && !at(p, 'ALL', ')')) take(p, 'ALL')
    if (!at(p, 'ORDER', 'BY')) call.args = argumentsOf(p, name)
    if (take(p, 'ORDER', 'BY')) call.orderBy = sortItems(p)
  }
  expect(p, ')')
  return { kind: 'call', call: withClauses(p, call), at: name.at }
}

/** Forms that SQL writes with words between the arguments: position(a IN b), substring(a FROM b FOR c). */
function argumentsOf(p: Parser, name: QualifiedName): Expression[] {
  const word = name.parts.length === 1 ? name.parts[0]!.text.toUpperCase() : ''
  const first = word === 'POSITION' ? p.valueExpression(p) : p.expression(p)
  if (word === 'POSITION' && take(p, 'IN')) {
    name.parts[0]!.text = 'strpos'
    return [p.valueExpression(p), first]
  }
  if (word === 'SUBSTRING' && take(p, 'FROM')) {
    const args = [first, p.valueExpression(p)]
    if (take(p, 'FOR')) args.push(p.valueExpression(p))
    return args
  }
  const args = [first]
  while (take(p, ',')) args.push(p.expression(p))
  return args
}

function plainCall(name: QualifiedName, args: Expression[] = []): FunctionCall {
  return { name, star: false, distinct: false, args, orderBy: [] }
}

function withClauses(p: Parser, call: FunctionCall): FunctionCall {
  const filter = filterClause(p)
  if (filter !== undefined) call.filter = filter
  if (take(p, 'IGNORE', 'NULLS')) call.nullTreatment = 'ignore'
  else if (take(p, 'RESPECT', 'NULLS')) call.nullTreatment = 'respect'
  const over = overClause(p)
  if (over !== undefined) call.over = over
  else if (call.nullTreatment !== undefined) throw unexpected(p, "'OVER'")
  return call
}

function filterClause(p: Parser): Expression | undefined {
  if (!at(p, 'FILTER', '(')) return undefined
  next(p)
  return parenthesised(p, () => {
    expect(p, 'WHERE')
    return p.expression(p)
  })
}

export function overClause(p: Parser): FunctionCall['over'] {
  if (!at(p, 'OVER')) return undefined
  if (!isOperator(peek(p, 1), '(') && !isIdentifier(peek(p, 1))) return undefined
  next(p)
  if (at(p, '(')) return parenthesised(p, () => windowSpecification(p))
  return identifier(p)
}

const CURRENT = [
  'CURRENT_DATE',
  'CURRENT_TIME',
  'CURRENT_TIMESTAMP',
  'LOCALTIME',
  'LOCALTIMESTAMP',
  'CURRENT_USER',
  'CURRENT_CATALOG',
  'CURRENT_SCHEMA',
]

/** Calls whose name is a reserved word or whose arguments have a grammar of their own. */
export function specialCall(p: Parser): Expression | undefined {
  const token = peek(p)
  if (isWord(token, ...CURRENT)) return currentValue(p)
  if (!isOperator(peek(p, 1), '(')) return undefined
  if (isWord(token, 'EXTRACT')) return extract(p)
  if (isWord(token, 'TRIM')) return trim(p)
  if (isWord(token, 'NORMALIZE')) return normalize(p)
  if (isWord(token, 'LISTAGG')) return listagg(p)
  if (isWord(token, 'GROUPING')) {
    next(p)
    const columns = parenthesised(p, () => (at(p, ')') ? [] : list(p, () => qualifiedName(p))))
    return { kind: 'grouping', columns, at: token.at }
  }
  return undefined
}

function currentValue(p: Parser): Expression {
  const token = next(p)
  const name = token.value.toLowerCase() as CurrentName
  if (!/TIME/.test(token.value) || !at(p, '(')) return { kind: 'current', name, at: token.at }
  const precision = parenthesised(p, () => {
    if (peek(p).kind !== 'integer') throw unexpected(p, '<integer>')
    return Number(next(p).value)
  })
  return { kind: 'current', name, precision, at: token.at }
}

function extract(p: Parser): Expression {
  const position = next(p).at
  return parenthesised(p, () => {
    const field = identifier(p).text.toLowerCase()
    expect(p, 'FROM')
    return { kind: 'extract', field, value: p.valueExpression(p), at: position }
  })
}

function called(p: Parser, index: number, text: string, args: Expression[]): Expression {
  const position = p.tokens[index]!.at
  const part: Identifier = { text, quoted: false, at: position }
  return { kind: 'call', call: plainCall({ parts: [part], at: position }, args), at: position }
}

function trim(p: Parser): Expression {
  const start = p.index
  next(p)
  return parenthesised(p, () => {
    const side =
      isWord(peek(p), 'LEADING', 'TRAILING', 'BOTH') && !isOperator(peek(p, 1), ')', ',')
        ? next(p).value
        : 'BOTH'
    const name = side === 'LEADING' ? 'ltrim' : side === 'TRAILING' ? 'rtrim' : 'trim'
    if (take(p, 'FROM')) {
      if (p.index === start + 3) throw trimWithoutAnything(p, start)
      return called(p, start, name, [p.valueExpression(p)])
    }
    const first = p.valueExpression(p)
    if (take(p, 'FROM')) return called(p, start, name, [p.valueExpression(p), first])
    if (take(p, ',')) return called(p, start, name, [first, p.valueExpression(p)])
    return called(p, start, name, [first])
  })
}

const trimWithoutAnything = (p: Parser, start: number): QueryError =>
  new QueryError(
    'SYNTAX_ERROR',
    "The 'trim' function must have specification, char or both arguments when it takes FROM",
    p.tokens[start]!.at,
  )

function normalize(p: Parser): Expression {
  const start = p.index
  next(p)
  return parenthesised(p, () => {
    const value = p.valueExpression(p)
    if (!take(p, ',')) return called(p, start, 'normalize', [value])
    if (!isWord(peek(p), 'NFD', 'NFC', 'NFKD', 'NFKC'))
      throw unexpected(p, "'NFD'", "'NFC'", "'NFKD'", "'NFKC'")
    const form = next(p)
    return called(p, start, 'normalize', [value, { kind: 'string', value: form.value, at: form.at }])
  })
}

/** LISTAGG(x, ',' ON OVERFLOW …) WITHIN GROUP (ORDER BY …): an aggregate with an order, and no window. */
function listagg(p: Parser): Expression {
  const start = p.index
  next(p)
  const call = parenthesised(p, () => {
    const distinct = take(p, 'DISTINCT')
    if (!distinct) take(p, 'ALL')
    const value = p.expression(p)
    const at = peek(p).at
    const separator: Expression = { kind: 'string', value: take(p, ',') ? stringValue(p) : '', at }
    const result = called(p, start, 'listagg', [value, separator, ...overflow(p)])
    if (result.kind === 'call') result.call.distinct = distinct
    return result
  })
  expect(p, 'WITHIN', 'GROUP')
  const orderBy = parenthesised(p, () => {
    expect(p, 'ORDER', 'BY')
    return sortItems(p)
  })
  if (call.kind !== 'call') return call
  const filter = filterClause(p)
  return { ...call, call: { ...call.call, orderBy, ...(filter === undefined ? {} : { filter }) } }
}

/** What stands for the rest of a text too long, and whether to say how many that is; nothing when it is an error. */
function overflow(p: Parser): Expression[] {
  if (!take(p, 'ON', 'OVERFLOW')) return []
  if (take(p, 'ERROR')) return []
  expect(p, 'TRUNCATE')
  const { at } = peek(p)
  const filler = peek(p).kind === 'string' ? stringValue(p) : '...'
  const counted = take(p, 'WITH')
  if (!counted) expect(p, 'WITHOUT')
  expect(p, 'COUNT')
  return [
    { kind: 'string', value: filler, at },
    { kind: 'boolean', value: counted, at },
  ]
}
