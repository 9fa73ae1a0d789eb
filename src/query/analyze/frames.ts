import { QueryError } from '../errors.ts'
import { isInteger, isNumeric } from '../functions/coercion.ts'
import type { FrameBound, WindowFrame, WindowSpecification } from '../parse/ast.ts'
import { type PrestoType, typeText } from '../presto-type.ts'
import { type Environment, mismatch } from './analyzer.ts'
import type { BoundPlan, FramePlan, SortKey } from './plan.ts'

const ORDER = ['unbounded preceding', 'preceding', 'current row', 'following', 'unbounded following']

/** The frame of a window, checked against the window's order. */
export function framePlan(
  env: Environment,
  frame: WindowFrame,
  window: WindowSpecification,
  keys: SortKey[],
): FramePlan {
  checkBounds(frame)
  if (frame.unit === 'groups' && keys.length === 0) {
    throw new QueryError(
      'MISSING_ORDER_BY',
      'Window frame of type GROUPS requires ORDER BY to be specified',
      frame.at,
    )
  }
  const valued = [frame.start, frame.end].some((bound) => bound !== undefined && 'value' in bound)
  if (frame.unit === 'range' && valued) checkRangeKey(frame, window, keys)
  return {
    unit: frame.unit,
    start: boundPlan(env, frame, frame.start, 'start', keys),
    ...(frame.end === undefined ? {} : { end: boundPlan(env, frame, frame.end, 'end', keys) }),
  }
}

function checkBounds(frame: WindowFrame): void {
  const invalid = (text: string): never => {
    throw new QueryError('INVALID_WINDOW_FRAME', text, frame.at)
  }
  const end = frame.end?.kind ?? 'current row'
  if (frame.start.kind === 'unbounded following') invalid('Window frame start cannot be UNBOUNDED FOLLOWING')
  if (end === 'unbounded preceding') invalid('Window frame end cannot be UNBOUNDED PRECEDING')
  if (ORDER.indexOf(frame.start.kind) > ORDER.indexOf(end)) {
    invalid(
      `Window frame starting from ${frame.start.kind.toUpperCase()} cannot end with ${end.toUpperCase()}`,
    )
  }
}

function checkRangeKey(frame: WindowFrame, window: WindowSpecification, keys: SortKey[]): void {
  if (keys.length !== 1) {
    throw new QueryError(
      keys.length === 0 ? 'MISSING_ORDER_BY' : 'INVALID_ORDER_BY',
      `Window frame of type RANGE PRECEDING or FOLLOWING requires ${keys.length === 0 ? 'ORDER BY' : `single sort item in ORDER BY (actual: ${keys.length})`}`,
      keys.length === 0 ? frame.at : (window.orderAt ?? frame.at),
    )
  }
  const { type, at } = keys[0]!.value
  if (isNumeric(type) || isMoment(type) || isInterval(type)) return
  throw mismatch(
    `Window frame of type RANGE PRECEDING or FOLLOWING requires that sort item type be numeric, datetime or interval (actual: ${typeText(type)})`,
    at,
  )
}

function boundPlan(
  env: Environment,
  frame: WindowFrame,
  node: FrameBound,
  side: 'start' | 'end',
  keys: SortKey[],
): BoundPlan {
  if (!('value' in node)) return { kind: node.kind }
  const value = env.analyzer.expression(env, node.value)
  const { type } = value
  if (frame.unit === 'range') {
    const key = keys[0]!.value.type
    if (fitsKey(type, key)) return { kind: node.kind, value }
    throw mismatch(
      `Window frame RANGE value type (${typeText(type)}) not compatible with sort item type (${typeText(key)})`,
      node.at,
    )
  }
  if (isInteger(type) || (type.kind === 'decimal' && type.scale === 0)) return { kind: node.kind, value }
  throw mismatch(
    `Window frame ${frame.unit.toUpperCase()} ${side} value type must be exact numeric type with scale 0 (actual ${typeText(type)})`,
    node.at,
  )
}

function fitsKey(value: PrestoType, key: PrestoType): boolean {
  if (isNumeric(key)) return isNumeric(value)
  if (isInterval(key)) return value.kind === key.kind
  return isInterval(value)
}

const isInterval = ({ kind }: PrestoType): boolean =>
  kind === 'interval day to second' || kind === 'interval year to month'
const isMoment = ({ kind }: PrestoType): boolean =>
  ['date', 'time', 'time with time zone', 'timestamp', 'timestamp with time zone'].includes(kind)
