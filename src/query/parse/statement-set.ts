import type { Expression, Statement } from './ast.ts'
import {
  at,
  could,
  expect,
  identifier,
  isWord,
  list,
  oneOf,
  option,
  type Parser,
  peek,
  qualifiedName,
  sourceFrom,
  take,
} from './parser.ts'
import { unsupported } from './unsupported.ts'

export function set(p: Parser): Statement {
  const position = expect(p, 'SET')
  return oneOf<Statement>(p, {
    PATH: () => {
      const first = p.index
      list(p, () => qualifiedName(p))
      return { kind: 'set-path', path: sourceFrom(p, first), at: position }
    },
    ROLE: () => {
      could(p, "'ALL'", "'NONE'")
      const role = identifier(p).text
      if (option(p, 'IN')) identifier(p)
      return { kind: 'set-role', role, at: position }
    },
    SESSION: () => {
      if (isWord(peek(p), 'AUTHORIZATION') && peek(p, 1).value !== '=' && peek(p, 1).value !== '.')
        unsupported('SET SESSION AUTHORIZATION is', position)
      could(p, "'AUTHORIZATION'")
      const name = qualifiedName(p)
      expect(p, '=')
      return { kind: 'set-session', name, value: p.expression(p), at: position }
    },
    TIME: () => {
      expect(p, 'ZONE')
      return { kind: 'set-time-zone', ...zone(p), at: position }
    },
  })
}

function zone(p: Parser): { zone?: Expression } {
  if (at(p, 'LOCAL')) {
    take(p, 'LOCAL')
    return {}
  }
  could(p, "'LOCAL'")
  return { zone: p.expression(p) }
}

export function reset(p: Parser): Statement {
  const position = expect(p, 'RESET', 'SESSION')
  if (isWord(peek(p), 'AUTHORIZATION')) unsupported('RESET SESSION AUTHORIZATION is', position)
  could(p, "'AUTHORIZATION'")
  return { kind: 'reset-session', name: qualifiedName(p), at: position }
}
