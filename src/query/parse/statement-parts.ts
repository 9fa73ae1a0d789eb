import type { Identifier, Property, QualifiedName } from './ast.ts'
import {
  at,
  could,
  expect,
  identifier,
  list,
  option,
  type Parser,
  parenthesised,
  qualifiedName,
  take,
} from './parser.ts'

/** Rules that several statements share. */

export function ifExists(p: Parser): boolean {
  return option(p, 'IF', 'EXISTS')
}

export function ifNotExists(p: Parser): boolean {
  return option(p, 'IF', 'NOT', 'EXISTS')
}

/** `WITH (name = value, …)`, where it stands. */
export function properties(p: Parser): Property[] {
  if (!at(p, 'WITH')) {
    could(p, "'WITH'")
    return []
  }
  expect(p, 'WITH')
  return parenthesised(p, () =>
    list(p, () => {
      const name = identifier(p)
      expect(p, '=')
      return take(p, 'DEFAULT') ? { name } : { name, value: p.expression(p) }
    }),
  )
}

export function columnAliases(p: Parser): Identifier[] {
  return parenthesised(p, () => list(p, () => identifier(p)))
}

export function fromOrIn(p: Parser): QualifiedName | undefined {
  return option(p, 'FROM') || option(p, 'IN') ? qualifiedName(p) : undefined
}
