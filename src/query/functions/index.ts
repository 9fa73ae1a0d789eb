import { QueryError } from '../errors.ts'
import { definitionsOf } from './registry.ts'
import { resolveAmong } from './resolve.ts'
import type { Argument, CallContext, ResolvedCall } from './types.ts'

export { castText, timestampText } from './cast-text.ts'
export * from './coercion.ts'
export { duckType, raise, raiseSql, rowField, textLiteral } from './duck-type.ts'
export { equalSql, isFlat, orderedSql } from './equality.ts'
export { queryErrorIn } from './errors-in-engine.ts'
export * from './held-moments.ts'
export { javascriptFunctions } from './javascript.ts'
export { checkPath } from './json-path/index.ts'
export { canonicalJson } from './json-run.ts'
export { daysFromCivil, daysInMonth } from './local-time.ts'
export { notOffered } from './not-offered.ts'
export { preludeStatements } from './registry.ts'
export { isComparable, isOrderable } from './resolve.ts'
export { doubleText, realText } from './text.ts'
export type * from './types.ts'
export { instantTimestamp, localTimestamp, zoneOf } from './zone-sql.ts'
export { findZone, instantOf, localSecondsOf, offsetAt, offsetText, type Zone } from './zones.ts'

/**
 * The meaning of a call by name (any letter case) and argument types. The registry is closed: what is not in it is never
 * passed on to the engine.
 *
 * @throws QueryError FUNCTION_NOT_FOUND when the name is unknown or no signature fits; INVALID_FUNCTION_ARGUMENT or
 * NOT_SUPPORTED when a constant argument cannot be.
 */
export function resolveFunction(name: string, args: Argument[], context: CallContext): ResolvedCall {
  const known = name.toLowerCase()
  const definitions = definitionsOf(known)
  if (definitions.length === 0)
    throw new QueryError('FUNCTION_NOT_FOUND', `Function '${known}' not registered`)
  return resolveAmong(known, definitions, args, context)
}

const isOfKind = (name: string, kind: string): boolean =>
  definitionsOf(name.toLowerCase()).some((definition) => definition.kind === kind)

/** Whether the name is an aggregate (which may also stand over a window). */
export const isAggregate = (name: string): boolean => isOfKind(name, 'aggregate')

/** Whether the name needs OVER. */
export const isWindow = (name: string): boolean => isOfKind(name, 'window')
