import type { PrestoType } from '../presto-type.ts'
import type { Call, TypedCall } from './define.ts'
import { textLiteral } from './duck-type.ts'
import { instantIn, isZoned, localIn } from './held-moments.ts'

/** Moments on the clocks of the zone they are shown in: their own, or the session's. */

export const ZONED = 'timestamp with time zone'

export type ZoneOf = { name: string } | { sql: string }

/** The zone an argument is shown in: by name, or by SQL where each value has its own. */
export function zoneOfArgument(call: Call, index: number): ZoneOf {
  const own = call.zones?.[index]
  return own === undefined ? { name: zoneOfType(call.types[index]!, call) } : { sql: own }
}

export const zoneText = (zone: ZoneOf): string => ('sql' in zone ? zone.sql : textLiteral(zone.name))

export const zoneOfType = (type: PrestoType, call: TypedCall): string =>
  (isZoned(type) ? type.zone : undefined) ?? call.context.zone

/** The argument as a local TIMESTAMP or DATE: on the clocks of its own zone, or of another argument's. */
export function local(call: Call, index: number, zoneIndex = index): string {
  const type = call.types[index]!
  return type.kind === ZONED ? localIn(call.args[index]!, zoneOfArgument(call, zoneIndex)) : call.args[index]!
}

/** The local time back as what the argument was. */
export function asArgument(call: Call, index: number, sql: string): string {
  const type = call.types[index]!
  if (type.kind === ZONED) return instantIn(sql, zoneOfArgument(call, index))
  return type.kind === 'date' ? `CAST(${sql} AS DATE)` : sql
}
