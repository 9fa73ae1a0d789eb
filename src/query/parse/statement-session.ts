import type { Expression, Statement } from './ast.ts'
import { stringValue } from './literal.ts'
import {
  at,
  expect,
  identifier,
  isIdentifier,
  list,
  oneOf,
  option,
  type Parser,
  peek,
  qualifiedName,
  sourceFrom,
  take,
  unexpected,
} from './parser.ts'

export function use(p: Parser): Statement {
  const position = expect(p, 'USE')
  const first = identifier(p)
  if (!option(p, '.')) return { kind: 'use', schema: first, at: position }
  return { kind: 'use', catalog: first, schema: identifier(p), at: position }
}

export function prepare(p: Parser, statement: (p: Parser) => Statement): Statement {
  const position = expect(p, 'PREPARE')
  const name = identifier(p)
  expect(p, 'FROM')
  const first = p.index
  const prepared = statement(p)
  return { kind: 'prepare', name, statement: prepared, text: sourceFrom(p, first), at: position }
}

export function deallocate(p: Parser): Statement {
  const position = expect(p, 'DEALLOCATE', 'PREPARE')
  return { kind: 'deallocate', name: identifier(p), at: position }
}

/** A statement may be prepared by the name `immediate`: only a text behind it makes it the other kind. */
export function execute(p: Parser): Statement {
  const position = expect(p, 'EXECUTE')
  const text = peek(p, 1).kind
  if (at(p, 'IMMEDIATE') && (text === 'string' || text === 'unicode-string')) {
    expect(p, 'IMMEDIATE')
    const textAt = peek(p).at
    return { kind: 'execute-immediate', text: stringValue(p), textAt, values: values(p), at: position }
  }
  if (!isIdentifier(peek(p))) throw unexpected(p, "'IMMEDIATE'", '<identifier>')
  return { kind: 'execute', name: identifier(p), values: values(p), at: position }
}

function values(p: Parser): Expression[] {
  return option(p, 'USING') ? list(p, () => p.expression(p)) : []
}

export function describe(p: Parser): Statement {
  const position = peek(p).at
  if (!take(p, 'DESC')) expect(p, 'DESCRIBE')
  if (isIdentifier(peek(p, 1))) {
    if (take(p, 'INPUT')) return { kind: 'describe-input', name: identifier(p), at: position }
    if (take(p, 'OUTPUT')) return { kind: 'describe-output', name: identifier(p), at: position }
  }
  if (!isIdentifier(peek(p))) throw unexpected(p, "'INPUT'", "'OUTPUT'", '<identifier>')
  return { kind: 'show-columns', table: qualifiedName(p), at: position }
}

export function transaction(p: Parser): Statement {
  const position = peek(p).at
  const step = oneOf<'start' | 'commit' | 'rollback'>(p, {
    START: () => {
      expect(p, 'TRANSACTION')
      modes(p)
      return 'start'
    },
    COMMIT: () => work(p, 'commit'),
    ROLLBACK: () => work(p, 'rollback'),
  })
  return { kind: 'transaction', step, at: position }
}

function work<T>(p: Parser, step: T): T {
  option(p, 'WORK')
  return step
}

function modes(p: Parser): void {
  if (!at(p, 'ISOLATION') && !at(p, 'READ')) {
    option(p, 'ISOLATION')
    option(p, 'READ')
    return
  }
  list(p, () =>
    oneOf(p, {
      ISOLATION: () => {
        expect(p, 'LEVEL')
        oneOf(p, {
          READ: () => oneOf(p, { COMMITTED: () => true, UNCOMMITTED: () => true }),
          REPEATABLE: () => expect(p, 'READ') !== undefined,
          SERIALIZABLE: () => true,
        })
      },
      READ: () => oneOf(p, { ONLY: () => true, WRITE: () => true }),
    }),
  )
}
