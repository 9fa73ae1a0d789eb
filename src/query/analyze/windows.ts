import { QueryError } from '../errors.ts'
import { isComparable, isOrderable } from '../functions/resolve.ts'
import type { Expression, Identifier, Select, SortItem, WindowSpecification } from '../parse/ast.ts'
import { typeText } from '../presto-type.ts'
import { type Environment, mismatch } from './analyzer.ts'
import { framePlan } from './frames.ts'
import type { SortKey, Typed, WindowPlan } from './plan.ts'

/** Presto puts NULLs last in both directions unless told otherwise. */
export function sortKeys(env: Environment, items: SortItem[]): SortKey[] {
  return items.map((item) => ({
    value: orderable(written(env, item.value)),
    descending: item.descending,
    nullsFirst: item.nulls === 'first',
  }))
}

function written(env: Environment, node: Expression): Typed {
  const typed = env.analyzer.expression(env, node)
  env.analyzer.written.set(typed, node)
  return typed
}

export function orderable(value: Typed): Typed {
  if (!isOrderable(value.type)) {
    throw mismatch(
      `Type ${typeText(value.type)} is not orderable, and therefore cannot be used in ORDER BY`,
      value.at,
    )
  }
  return value
}

export function windowPlan(
  env: Environment,
  over: WindowSpecification | Identifier,
  name: string,
): WindowPlan {
  const inner: Environment = { ...env, inWindow: 'window specification' }
  const merged = mergeNamed(env, over)
  if (['lag', 'lead'].includes(name)) {
    if (merged.orderBy.length === 0) {
      throw new QueryError('MISSING_ORDER_BY', `${name} function requires an ORDER BY window clause`, over.at)
    }
    if (merged.frame !== undefined) {
      throw new QueryError(
        'INVALID_WINDOW_FRAME',
        `Cannot specify window frame for ${name} function`,
        merged.frame.at,
      )
    }
  }
  const orderBy = sortKeys(inner, merged.orderBy)
  return {
    partitionBy: merged.partitionBy.map((node) => partitionKey(inner, node)),
    orderBy,
    ...(merged.frame === undefined ? {} : { frame: framePlan(inner, merged.frame, merged, orderBy) }),
  }
}

function partitionKey(env: Environment, node: Expression): Typed {
  const key = written(env, node)
  if (isComparable(key.type)) return key
  throw mismatch(
    `${typeText(key.type)} is not comparable, and therefore cannot be used in window function PARTITION BY`,
    node.at,
  )
}

/** The specification with what it takes from the named window it refers to; `known` are those that may be named. */
function mergeNamed(
  env: Environment,
  over: WindowSpecification | Identifier,
  known: Environment['windows'] = env.windows,
): WindowSpecification {
  const name = 'text' in over ? over : over.existing
  if (name === undefined) return over as WindowSpecification
  const base = known.get(name.text.toLowerCase())
  if (base === undefined) {
    throw new QueryError('INVALID_WINDOW_REFERENCE', `Cannot resolve WINDOW name ${name.text}`, name.at)
  }
  if ('text' in over) return base
  if (over.partitionBy.length > 0) {
    throw new QueryError(
      'INVALID_PARTITION_BY',
      'WINDOW specification with named WINDOW reference cannot specify PARTITION BY',
      over.partitionBy[0]!.at,
    )
  }
  if (base.orderBy.length > 0 && over.orderBy.length > 0) {
    throw new QueryError(
      'INVALID_ORDER_BY',
      'Cannot specify ORDER BY if referenced named WINDOW specifies ORDER BY',
      over.orderAt ?? over.at,
    )
  }
  if (base.frame !== undefined) {
    throw new QueryError(
      'INVALID_WINDOW_REFERENCE',
      'Cannot reference named WINDOW containing frame specification',
      name.at,
    )
  }
  const orderAt = over.orderAt ?? base.orderAt
  return {
    partitionBy: base.partitionBy,
    orderBy: over.orderBy.length > 0 ? over.orderBy : base.orderBy,
    ...(over.frame === undefined ? {} : { frame: over.frame }),
    ...(orderAt === undefined ? {} : { orderAt }),
    at: over.at,
  }
}

/** The windows that a select names, each with what it takes from those before it. Also those that nothing uses are checked. */
export function namedWindows(env: Environment, { windows }: Select): Environment['windows'] {
  const known = new Map<string, WindowSpecification>()
  for (const { name, window } of windows) {
    const key = name.text.toLowerCase()
    if (known.has(key)) {
      throw new QueryError(
        'DUPLICATE_WINDOW_NAME',
        `WINDOW name '${name.text}' specified more than once`,
        name.at,
      )
    }
    const merged = mergeNamed(env, window, known)
    known.set(key, merged)
    windowPlan({ ...env, windows: known }, merged, '')
  }
  return known
}
