import { type Position, QueryError } from '../errors.ts'
import { isComparable } from '../functions/index.ts'
import type { Expression, GroupBy, GroupingElement } from '../parse/ast.ts'
import { typeText } from '../presto-type.ts'
import { type Environment, mismatch } from './analyzer.ts'
import type { Typed } from './plan.ts'
import { children, keyOf, some } from './walk.ts'

/** More sets than this come from a CUBE nobody meant. */
const MAX_SETS = 4096

/** The sets of keys to group by; one set without GROUPING SETS, ROLLUP, CUBE. `outputs` are what ordinals stand for. */
export function groupingSets(env: Environment, node: GroupBy, outputs: Typed[]): Typed[][] {
  let sets: Typed[][] = [[]]
  for (const element of node.elements) {
    const own = elementSets(element).map((items) => items.map((item) => groupingKey(env, item, outputs)))
    if (sets.length * own.length > MAX_SETS) {
      throw new QueryError('NOT_SUPPORTED', `GROUP BY has more than ${MAX_SETS} grouping sets`, node.at)
    }
    sets = sets.flatMap((left) => own.map((right) => [...left, ...right]))
  }
  sets = sets.map(withoutDuplicates)
  if (!node.distinct) return sets
  const known = new Map(sets.map((set) => [[...set.map(keyOf)].sort().join('\n'), set]))
  return [...known.values()]
}

function withoutDuplicates(keys: Typed[]): Typed[] {
  return [...new Map(keys.map((key) => [keyOf(key), key])).values()]
}

function elementSets(element: GroupingElement): Expression[][] {
  if (element.kind === 'set') return [element.items]
  if (element.kind === 'sets') return element.sets
  if (element.kind === 'rollup') {
    return [...element.sets.keys(), element.sets.length]
      .reverse()
      .map((length) => element.sets.slice(0, length).flat())
  }
  if (element.sets.length > 12) {
    throw new QueryError(
      'NOT_SUPPORTED',
      `GROUP BY has more than ${MAX_SETS} grouping sets`,
      element.sets[0]?.[0]?.at,
    )
  }
  const subsets: Expression[][] = []
  for (let mask = 2 ** element.sets.length - 1; mask >= 0; mask -= 1) {
    subsets.push(element.sets.filter((_, i) => (mask & (1 << (element.sets.length - 1 - i))) !== 0).flat())
  }
  return subsets
}

function groupingKey(env: Environment, node: Expression, outputs: Typed[]): Typed {
  const key =
    node.kind === 'number' && node.form === 'integer'
      ? ordinal(node.text, outputs, 'GROUP BY', node.at)
      : env.analyzer.expression(env, node)
  if (
    some(key, (inner) => inner.kind === 'grouping' || (inner.kind === 'call' && inner.call.kind !== 'scalar'))
  ) {
    throw new QueryError(
      'EXPRESSION_NOT_SCALAR',
      'GROUP BY clause cannot contain aggregations, window functions or grouping operations',
      node.at,
    )
  }
  if (!isComparable(key.type)) {
    throw mismatch(
      `${typeText(key.type)} is not comparable, and therefore cannot be used in GROUP BY`,
      node.at,
    )
  }
  return key
}

/** What a column number of GROUP BY or ORDER BY stands for. */
export function ordinal(
  text: string,
  outputs: Typed[],
  clause: 'GROUP BY' | 'ORDER BY',
  at: Position,
): Typed {
  const found = outputs[Number(text) - 1]
  if (found === undefined) {
    throw new QueryError('INVALID_COLUMN_REFERENCE', `${clause} position ${text} is not in select list`, at)
  }
  return found
}

/**
 * Checks an expression of a grouped query: each column of the query's own sources must be (part of) a grouping key or inside
 * an aggregate. `own` are the relations of the query's FROM.
 */
export function checkGrouped(
  typed: Typed,
  keys: ReadonlySet<string>,
  own: ReadonlySet<number>,
  nameOf: (column: Typed) => string,
): void {
  if (keys.has(keyOf(typed))) return
  if (typed.kind === 'column' && own.has(typed.relation)) {
    throw new QueryError(
      'EXPRESSION_NOT_AGGREGATE',
      `'${nameOf(typed)}' must be an aggregate expression or appear in GROUP BY clause`,
      typed.at,
    )
  }
  if (typed.kind === 'grouping') {
    for (const key of typed.keys) {
      if (keys.has(keyOf(key))) continue
      throw new QueryError(
        'INVALID_ARGUMENTS',
        'The arguments to GROUPING() must be expressions referenced by the GROUP BY at the associated query level',
        typed.at,
      )
    }
    return
  }
  if (typed.kind === 'call' && typed.call.kind === 'aggregate' && typed.clauses.over === undefined) return
  for (const child of children(typed)) checkGrouped(child, keys, own, nameOf)
}
