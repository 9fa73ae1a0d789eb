import { QueryError } from '../errors.ts'
import { isComparable, isOrderable } from '../functions/resolve.ts'
import type { Expression, Identifier, SortItem, WindowSpecification } from '../parse/ast.ts'
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
  const inner: Environment = { ...env, allowWindows: false, clause: 'Window specification' }
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

/** The specification with what it takes from the named windows it refers to. */
function mergeNamed(
  env: Environment,
  over: WindowSpecification | Identifier,
  seen: string[] = [],
): WindowSpecification {
  const name = 'text' in over ? over : over.existing
  if (name === undefined) return over as WindowSpecification
  const key = name.text.toLowerCase()
  const found = env.windows.get(key)
  if (found === undefined || seen.includes(key)) {
    throw new QueryError('INVALID_WINDOW_REFERENCE', `Cannot resolve WINDOW name ${name.text}`, name.at)
  }
  const base = mergeNamed(env, found, [...seen, key])
  if ('text' in over) return base
  if (over.partitionBy.length > 0) {
    throw new QueryError(
      'INVALID_ARGUMENTS',
      'WINDOW specification with named WINDOW reference cannot specify PARTITION BY',
      over.at,
    )
  }
  if (base.orderBy.length > 0 && over.orderBy.length > 0) {
    throw new QueryError(
      'INVALID_ARGUMENTS',
      'Cannot specify ORDER BY if referenced named WINDOW specifies ORDER BY',
      over.at,
    )
  }
  const frame = over.frame ?? base.frame
  const orderAt = over.orderAt ?? base.orderAt
  return {
    partitionBy: base.partitionBy,
    orderBy: over.orderBy.length > 0 ? over.orderBy : base.orderBy,
    ...(frame === undefined ? {} : { frame }),
    ...(orderAt === undefined ? {} : { orderAt }),
    at: over.at,
  }
}
