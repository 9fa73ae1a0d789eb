import type { FrameBound, SortItem, WindowFrame, WindowSpecification } from './ast.ts'
import {
  at,
  expect,
  identifier,
  isIdentifier,
  isWord,
  list,
  next,
  type Parser,
  peek,
  take,
  unexpected,
} from './parser.ts'
import { unsupported } from './unsupported.ts'

export function sortItems(p: Parser): SortItem[] {
  return list(p, () => {
    const value = p.expression(p)
    const item: SortItem = { value, descending: take(p, 'DESC'), at: value.at }
    if (!item.descending) take(p, 'ASC')
    if (take(p, 'NULLS')) {
      if (take(p, 'FIRST')) item.nulls = 'first'
      else {
        expect(p, 'LAST')
        item.nulls = 'last'
      }
    }
    return item
  })
}

export function windowSpecification(p: Parser): WindowSpecification {
  const window: WindowSpecification = { partitionBy: [], orderBy: [], at: peek(p).at }
  const starts = at(p, 'PARTITION', 'BY') || isWord(peek(p), 'RANGE', 'ROWS', 'GROUPS', 'MEASURES')
  if (isIdentifier(peek(p)) && !starts) window.existing = identifier(p)
  if (take(p, 'PARTITION', 'BY')) window.partitionBy = list(p, () => p.expression(p))
  const orderAt = peek(p).at
  if (take(p, 'ORDER', 'BY')) {
    window.orderBy = sortItems(p)
    window.orderAt = orderAt
  }
  if (isWord(peek(p), 'MEASURES')) unsupported('Row pattern recognition in windows is', peek(p).at)
  if (isWord(peek(p), 'RANGE', 'ROWS', 'GROUPS')) window.frame = frame(p)
  return window
}

function frame(p: Parser): WindowFrame {
  const token = next(p)
  const unit = token.value.toLowerCase() as WindowFrame['unit']
  if (!take(p, 'BETWEEN')) return { unit, start: bound(p), at: token.at }
  const start = bound(p)
  expect(p, 'AND')
  return { unit, start, end: bound(p), at: token.at }
}

function bound(p: Parser): FrameBound {
  const position = peek(p).at
  if (take(p, 'UNBOUNDED', 'PRECEDING')) return { kind: 'unbounded preceding', at: position }
  if (take(p, 'UNBOUNDED', 'FOLLOWING')) return { kind: 'unbounded following', at: position }
  if (take(p, 'CURRENT', 'ROW')) return { kind: 'current row', at: position }
  const value = p.valueExpression(p)
  if (take(p, 'PRECEDING')) return { kind: 'preceding', value, at: position }
  if (take(p, 'FOLLOWING')) return { kind: 'following', value, at: position }
  throw unexpected(p, "'PRECEDING'", "'FOLLOWING'")
}
