import { type Position, QueryError } from '../errors.ts'
import { isComparable } from '../functions/index.ts'
import type { Expression, GroupBy, GroupingElement } from '../parse/ast.ts'
import { typeText } from '../presto-type.ts'
import { type Environment, mismatch } from './analyzer.ts'
import { notScalar, rowExpression } from './clauses.ts'
import { expressionText } from './expression-text.ts'
import type { Typed } from './plan.ts'
import { keyOf, some } from './walk.ts'

/** More sets than this come from a CUBE nobody meant. */
const MAX_SETS = 4096

/** The sets of keys to group by; one set without GROUPING SETS, ROLLUP, CUBE. `outputs` are what ordinals stand for. */
export function groupingSets(env: Environment, node: GroupBy, outputs: Output[]): Typed[][] {
  let sets: Typed[][] = [[]]
  for (const element of node.elements) {
    const own = elementSets(element).map((items) =>
      items.map((item) =>
        element.kind === 'set' ? groupingKey(env, item, outputs) : groupedColumn(env, item),
      ),
    )
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

/** An item of the select list, which an ordinal may mean. */
export type Output = { value: Typed; node: Expression | undefined }

/** ROLLUP, CUBE and GROUPING SETS take columns only. */
function groupedColumn(env: Environment, node: Expression): Typed {
  if (node.kind === 'column' || node.kind === 'dereference') {
    const key = env.analyzer.expression(env, node)
    if (key.kind !== 'field') return comparableKey(key, node)
  }
  throw new QueryError(
    'INVALID_COLUMN_REFERENCE',
    `GROUP BY expression must be a column reference: ${expressionText(node)}`,
    node.at,
  )
}

function groupingKey(env: Environment, node: Expression, outputs: Output[]): Typed {
  if (node.kind !== 'number' || node.form !== 'integer') return comparableKey(rowExpression(env, node), node)
  const output = ordinal(node.text, outputs, 'GROUP BY', node.at)
  const calls = output.node === undefined ? [] : groupCalls(output)
  if (calls.length > 0) throw notScalar(env.clause, calls, calls[0]!.node)
  return comparableKey(output.value, node)
}

function groupCalls({ value, node }: Output): { node: Expression }[] {
  const grouped = some(
    value,
    (inner) => inner.kind === 'grouping' || (inner.kind === 'call' && inner.call.kind !== 'scalar'),
  )
  return grouped && node !== undefined ? [{ node }] : []
}

function comparableKey(key: Typed, node: Expression): Typed {
  if (!isComparable(key.type)) {
    throw mismatch(
      `${typeText(key.type)} is not comparable, and therefore cannot be used in GROUP BY`,
      node.at,
    )
  }
  return key
}

/** What a column number of GROUP BY or ORDER BY stands for. */
export function ordinal<T>(
  text: string,
  outputs: readonly T[],
  clause: 'GROUP BY' | 'ORDER BY',
  at: Position,
): T {
  const found = outputs[Number(text) - 1]
  if (found === undefined) {
    throw new QueryError('INVALID_COLUMN_REFERENCE', `${clause} position ${text} is not in select list`, at)
  }
  return found
}
