import { QueryError } from '../errors.ts'
import type { Identifier, JoinType, Relation } from './ast.ts'
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
  option,
  type Parser,
  parenthesised,
  peek,
  qualifiedName,
  take,
  unexpected,
} from './parser.ts'

/** `relation` of SqlBase.g4: joins associate to the left; the right side of a qualified join may itself be a join. */
export function relation(p: Parser): Relation {
  return nested(p, () => {
    let left = sampled(p)
    const { depth } = p
    for (;;) {
      could(p, ...JOINS)
      const joined = join(p, left)
      if (joined === undefined) break
      left = joined
      p.depth += 1
    }
    p.depth = depth
    return left
  })
}

const JOINS = ["'CROSS'", "'FULL'", "'INNER'", "'JOIN'", "'LEFT'", "'NATURAL'", "'RIGHT'"]

function join(p: Parser, left: Relation): Relation | undefined {
  const position = left.at
  if (at(p, 'CROSS')) {
    expect(p, 'CROSS', 'JOIN')
    return { kind: 'join', type: 'cross', left, right: sampled(p), criteria: { kind: 'none' }, at: position }
  }
  const natural = at(p, 'NATURAL')
  const type = joinType(p, natural ? 1 : 0)
  if (type === undefined) return undefined
  if (natural) {
    return { kind: 'join', type, left, right: sampled(p), criteria: { kind: 'natural' }, at: position }
  }
  const right = relation(p)
  if (take(p, 'ON')) {
    return {
      kind: 'join',
      type,
      left,
      right,
      criteria: { kind: 'on', condition: p.expression(p) },
      at: position,
    }
  }
  if (!take(p, 'USING')) throw unexpected(p, "'ON'", "'USING'")
  const columns = parenthesised(p, () => list(p, () => identifier(p)))
  return { kind: 'join', type, left, right, criteria: { kind: 'using', columns }, at: position }
}

/** Takes `[INNER | LEFT [OUTER] | …] JOIN` standing `ahead` tokens on, together with the tokens before it. */
function joinType(p: Parser, ahead: number): JoinType | undefined {
  const word = peek(p, ahead)
  if (!isWord(word, 'JOIN', 'INNER', 'LEFT', 'RIGHT', 'FULL')) return undefined
  p.index += ahead
  if (take(p, 'JOIN')) return 'inner'
  p.index += 1
  if (word.value !== 'INNER') option(p, 'OUTER')
  expect(p, 'JOIN')
  return word.value.toLowerCase() as JoinType
}

function sampled(p: Parser): Relation {
  const relation = aliased(p)
  if (!option(p, 'TABLESAMPLE')) return relation
  const method = take(p, 'BERNOULLI') ? 'bernoulli' : 'system'
  if (method === 'system') expect(p, 'SYSTEM')
  const percentage = parenthesised(p, () => p.expression(p))
  return { kind: 'sample', relation, method, percentage, at: relation.at }
}

function aliased(p: Parser): Relation {
  const inner = relationPrimary(p)
  refusePatterns(p)
  const explicit = take(p, 'AS')
  if (!explicit && !aliasFollows(p)) {
    could(p, "'AS'", "'MATCH_RECOGNIZE'", '<identifier>')
    return inner
  }
  const alias = identifier(p)
  if (!at(p, '(')) could(p, "'('", "'MATCH_RECOGNIZE'")
  const columns: Identifier[] | undefined = at(p, '(')
    ? parenthesised(p, () => list(p, () => identifier(p)))
    : undefined
  refusePatterns(p)
  return {
    kind: 'aliased',
    relation: inner,
    alias,
    ...(columns === undefined ? {} : { columns }),
    at: inner.at,
  }
}

function refusePatterns(p: Parser): void {
  if (!at(p, 'MATCH_RECOGNIZE', '(')) return
  throw new QueryError('NOT_SUPPORTED', 'MATCH_RECOGNIZE is not supported', peek(p).at)
}

/** A name without AS is an alias unless it begins the next clause: several clause words are not reserved. */
export function aliasFollows(p: Parser): boolean {
  const token = peek(p)
  const following = peek(p, 1)
  if (!isIdentifier(token)) return false
  if (isWord(token, 'LIMIT', 'OFFSET')) {
    return !(following.kind === 'integer' || isWord(following, 'ALL') || isOperator(following, '?'))
  }
  if (isWord(token, 'FETCH')) return !isWord(following, 'FIRST', 'NEXT')
  if (isWord(token, 'WINDOW')) return !(isIdentifier(following) && isWord(peek(p, 2), 'AS'))
  if (isWord(token, 'TABLESAMPLE')) return !isWord(following, 'BERNOULLI', 'SYSTEM')
  return !isWord(token, 'MATCH_RECOGNIZE')
}

function relationPrimary(p: Parser): Relation {
  const token = peek(p)
  if (at(p, 'UNNEST', '(')) return unnest(p)
  if (isWord(token, 'LATERAL') && holdsQuery(p, p.index + 1)) {
    expect(p, 'LATERAL')
    return { kind: 'lateral', query: parenthesised(p, () => p.query(p)), at: token.at }
  }
  if (at(p, 'TABLE', '('))
    throw new QueryError('NOT_SUPPORTED', 'Table functions are not supported', token.at)
  if (at(p, 'JSON_TABLE', '(')) throw new QueryError('NOT_SUPPORTED', 'JSON_TABLE is not supported', token.at)
  if (holdsQuery(p, p.index)) {
    return { kind: 'subquery', query: parenthesised(p, () => p.query(p)), at: token.at }
  }
  if (isOperator(token, '(')) return parenthesised(p, () => relation(p))
  could(p, "'('", "'JSON_TABLE'", "'LATERAL'", "'TABLE'", "'UNNEST'")
  const name = qualifiedName(p)
  if (at(p, 'FOR')) throw new QueryError('NOT_SUPPORTED', 'Versioned tables are not supported', peek(p).at)
  return { kind: 'table', name, at: name.at }
}

function unnest(p: Parser): Relation {
  const position = expect(p, 'UNNEST')
  const items = parenthesised(p, () => list(p, () => p.expression(p)))
  return { kind: 'unnest', items, ordinality: take(p, 'WITH', 'ORDINALITY'), at: position }
}
