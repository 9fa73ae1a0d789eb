import { type Analyzer, plainCallIn, type QueryPlan, type Typed } from '../analyze/index.ts'
import type { Analyzed } from '../compile-query.ts'
import type { Position } from '../errors.ts'
import { commonTypeOf, sameType } from '../functions/index.ts'
import type { PrestoType } from '../presto-type.ts'
import { keptType } from '../stored-type.ts'

/**
 * Whether a value of `from` may be put into a column of `to`: by Presto's rule when the two have a type in common; also when it is of a
 * kind that tables keep as `to`, so that what CREATE TABLE AS has made takes the same rows again.
 */
export function isAssignable(from: PrestoType, to: PrestoType): boolean {
  return (
    commonTypeOf([from, to]) !== undefined ||
    (isKeepable(from) && commonTypeOf([keptType(from), to]) !== undefined)
  )
}

/** Whether tables can keep values of the type: what has no text of its own cannot be kept. */
export function isKeepable(type: PrestoType): boolean {
  switch (type.kind) {
    case 'array':
      return isKeepable(type.element)
    case 'map':
      return keptType(type).kind === 'map' && isKeepable(type.key) && isKeepable(type.value)
    case 'row':
    case 'varbinary':
    case 'hyperloglog':
    case 'p4hyperloglog':
    case 'setdigest':
    case 'qdigest':
    case 'tdigest':
      return false
    default:
      return true
  }
}

/** The plan with its columns converted to the given types, each of which must be assignable. */
export function assigned({ plan, analyzer }: Analyzed, types: readonly PrestoType[], at: Position): Analyzed {
  if (plan.columns.every(({ type }, i) => sameType(type, types[i]!))) return { plan, analyzer }
  analyzer.relations += 1
  const id = analyzer.relations
  const items = plan.columns.map(({ type }, i) =>
    converted(analyzer, { kind: 'column', relation: id, column: i + 1, type, at }, types[i]!),
  )
  const wrapped: QueryPlan = {
    ctes: [],
    body: {
      kind: 'select',
      select: { distinct: false, items, from: [{ kind: 'subquery', id, plan, lateral: false }] },
    },
    columns: plan.columns.map(({ name }, i) => ({ name, type: types[i]! })),
    orderBy: [],
  }
  return { plan: wrapped, analyzer }
}

function converted(analyzer: Analyzer, value: Typed, to: PrestoType): Typed {
  if (sameType(value.type, to)) return value
  // The text of JSON is that of any kind of it, where a cast knows scalars only.
  if (value.type.kind === 'json') return plainCallIn(analyzer, 'json_format', [value], value.at)
  if (commonTypeOf([value.type, to]) !== undefined) return cast(value, to)
  return cast(cast(value, keptType(value.type)), to)
}

function cast(value: Typed, type: PrestoType): Typed {
  if (sameType(value.type, type)) return value
  return { kind: 'cast', value, type, safe: false, implicit: false, at: value.at }
}
