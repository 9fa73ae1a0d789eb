import { QueryError } from '../errors.ts'
import { isInteger } from '../functions/coercion.ts'
import { isOrderable } from '../functions/resolve.ts'
import type { FrameBound, Identifier, SortItem, WindowFrame, WindowSpecification } from '../parse/ast.ts'
import { typeText } from '../presto-type.ts'
import { type Environment, mismatch } from './analyzer.ts'
import type { BoundPlan, FramePlan, SortKey, Typed, WindowPlan } from './plan.ts'

/** Presto puts NULLs last in both directions unless told otherwise. */
export function sortKeys(env: Environment, items: SortItem[]): SortKey[] {
  return items.map((item) => ({
    value: orderable(env.analyzer.expression(env, item.value)),
    descending: item.descending,
    nullsFirst: item.nulls === 'first',
  }))
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
  return {
    partitionBy: merged.partitionBy.map((node) => env.analyzer.expression(inner, node)),
    orderBy: sortKeys(inner, merged.orderBy),
    ...(merged.frame === undefined ? {} : { frame: framePlan(inner, merged.frame, merged.orderBy.length) }),
  }
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
    throw new QueryError('INVALID_ARGUMENTS', `Cannot resolve WINDOW name ${name.text}`, name.at)
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
  return {
    partitionBy: base.partitionBy,
    orderBy: over.orderBy.length > 0 ? over.orderBy : base.orderBy,
    ...(frame === undefined ? {} : { frame }),
    at: over.at,
  }
}

function framePlan(env: Environment, frame: WindowFrame, keys: number): FramePlan {
  const invalid = (text: string): never => {
    throw new QueryError('INVALID_WINDOW_FRAME', text, frame.at)
  }
  const end = frame.end?.kind ?? 'current row'
  if (frame.start.kind === 'unbounded following') invalid('Window frame start cannot be UNBOUNDED FOLLOWING')
  if (end === 'unbounded preceding') invalid('Window frame end cannot be UNBOUNDED PRECEDING')
  const order = ['unbounded preceding', 'preceding', 'current row', 'following', 'unbounded following']
  if (order.indexOf(frame.start.kind) > order.indexOf(end)) {
    invalid(
      `Window frame starting from ${frame.start.kind.toUpperCase()} cannot end with ${end.toUpperCase()}`,
    )
  }
  if (frame.unit === 'groups' && keys === 0) {
    throw new QueryError(
      'MISSING_ORDER_BY',
      'Window frame of type GROUPS requires ORDER BY to be specified',
      frame.at,
    )
  }
  const valued = [frame.start, frame.end].some((bound) => bound !== undefined && 'value' in bound)
  if (frame.unit === 'range' && valued && keys !== 1) {
    throw new QueryError(
      keys === 0 ? 'MISSING_ORDER_BY' : 'INVALID_ORDER_BY',
      `Window frame of type RANGE PRECEDING or FOLLOWING requires ${keys === 0 ? 'ORDER BY' : `single sort item in ORDER BY (actual: ${keys})`}`,
      frame.at,
    )
  }
  return {
    unit: frame.unit,
    start: bound(env, frame, frame.start),
    ...(frame.end === undefined ? {} : { end: bound(env, frame, frame.end) }),
  }
}

function bound(env: Environment, frame: WindowFrame, node: FrameBound): BoundPlan {
  if (!('value' in node)) return { kind: node.kind }
  const value = env.analyzer.expression(env, node.value)
  if (frame.unit !== 'range' && !isInteger(value.type)) {
    throw mismatch(
      `Window frame ${frame.unit.toUpperCase()} value type must be exact numeric type with scale 0 (actual ${typeText(value.type)})`,
      node.at,
    )
  }
  return { kind: node.kind, value }
}
