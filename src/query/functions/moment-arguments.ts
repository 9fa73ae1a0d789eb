import type { PrestoType } from '../presto-type.ts'
import type { Call, FunctionDefinition } from './define.ts'
import {
  fromPlain,
  hasOwnZones,
  isLong,
  isPlain,
  isZoned,
  LARGEST_MICRO_PRECISION,
  offsetPicos,
  plainMoment,
  withoutZone,
  zoneNameSql,
} from './held-moments.ts'
import type { Pattern } from './signature.ts'

const MOMENTS = ['time', 'time with time zone', 'timestamp', 'timestamp with time zone']
const isMomentPattern = (pattern: Pattern | undefined): boolean =>
  pattern !== undefined && MOMENTS.includes(pattern.kind)

/**
 * Emits a call whose function knows only the engine's own types of moments: arguments held otherwise are turned into those, with the
 * zone of each value in `zones`, and the result back. A function that says `holdsMoments` gets and gives them as they are held.
 */
export function emitWithPlainMoments(
  definition: FunctionDefinition,
  patterns: readonly Pattern[],
  call: Call,
): string {
  if (definition.holdsMoments === true) return definition.emit(call)
  const held = call.types.map((type, i) => isMomentPattern(patterns[i]) && !isPlain(type))
  const madeHeld = isMomentPattern(definition.signature.result) && !isPlain(call.result)
  if (!madeHeld && !held.includes(true)) return definition.emit(call)
  const session = call.context.zone
  const zones = call.types.map((type, i) =>
    held[i] && hasOwnZones(type) ? zoneNameSql(call.args[i]!, type, session) : undefined,
  )
  const args = call.args.map((sql, i) => (held[i] ? plainMoment(sql, call.types[i]!, session) : sql))
  const types = call.types.map((type, i) => (held[i] ? plainType(type) : type))
  const result = madeHeld ? plainType(call.result) : call.result
  const finer = call.types.map((type, i) => (held[i] ? finerDigits(call.args[i]!, type) : undefined))
  const sql = definition.emit({ ...call, args, types, zones, finer, result })
  if (!madeHeld) return sql
  const source = call.types.findIndex(isZoned)
  const zoned = call.types[source]
  const offset = zoned !== undefined && isZoned(zoned) ? offsetPicos(call.args[source]!, zoned, session) : '0'
  const rest = definition.keepsFractionOf === undefined ? undefined : finer[definition.keepsFractionOf]?.picos
  return fromPlain(sql, call.result, zones.find((zone) => zone !== undefined) ?? `'${session}'`, offset, rest)
}

/** What of a picosecond value the engine's type does not take. */
function finerDigits(sql: string, type: PrestoType): { picos: string; digits: number } | undefined {
  if (!isLong(type) || !('precision' in type)) return undefined
  return {
    picos: `p_long_picos(${withoutZone(sql, type)})`,
    digits: Math.max(0, type.precision - LARGEST_MICRO_PRECISION),
  }
}

/** The type as its function sees it: as many digits as the engine keeps; a time with time zone is the time its clock shows. */
function plainType(type: PrestoType): PrestoType {
  switch (type.kind) {
    case 'time':
    case 'timestamp':
    case 'timestamp with time zone':
      return { ...type, precision: Math.min(type.precision, LARGEST_MICRO_PRECISION) }
    case 'time with time zone':
      return { kind: 'time', precision: Math.min(type.precision, LARGEST_MICRO_PRECISION) }
    default:
      return type
  }
}
