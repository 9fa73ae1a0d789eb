import type { PrestoType } from '../presto-type.ts'
import { textLiteral } from './duck-type.ts'
import { pureFunction } from './javascript-helpers.ts'
import type { JavaScriptFunction } from './types.ts'
import { instantTimestamp, localTimestamp, zoneOf } from './zone-sql.ts'
import { instantOf, localSecondsOf, offsetAt } from './zones.ts'

/**
 * Moments beyond what the engine's own types hold. Up to six digits of a second a moment is the engine's TIME, TIMESTAMP or TIMESTAMPTZ;
 * with more it is a whole number of picoseconds, which orders, groups and joins as it should. A timestamp with time zone whose zone
 * differs from value to value is STRUCT(t, z).
 */
export type ZonedType = Extract<PrestoType, { kind: 'timestamp with time zone' | 'time with time zone' }>
export type MomentType =
  | { kind: 'date' }
  | ZonedType
  | Extract<PrestoType, { kind: 'time' } | { kind: 'timestamp' }>

export const LARGEST_MICRO_PRECISION = 6

export function isZoned(type: PrestoType): type is ZonedType {
  return type.kind === 'timestamp with time zone' || type.kind === 'time with time zone'
}

export function isMoment(type: PrestoType): type is MomentType {
  return type.kind === 'date' || type.kind === 'time' || type.kind === 'timestamp' || isZoned(type)
}

/** Whether the engine holds the moment as a number of picoseconds. */
export function isLong(type: PrestoType): boolean {
  return (
    type.kind === 'time with time zone' ||
    (isMoment(type) && 'precision' in type && type.precision > LARGEST_MICRO_PRECISION)
  )
}

/** Whether each value carries its own zone. */
export const hasOwnZones = (type: PrestoType): type is ZonedType => isZoned(type) && type.zone === null

/** Whether the engine's own type of that name holds it, as functions expect their arguments. */
export const isPlain = (type: PrestoType): boolean => !isLong(type) && !hasOwnZones(type)

/** The value without the zone it may carry. */
export const withoutZone = (sql: string, type: PrestoType): string =>
  hasOwnZones(type) ? `struct_extract(${sql}, 't')` : sql

/** A value and the zone it carries; NULL when `source`, of which both are made, is. */
export const withZone = (sql: string, zoneSql: string, source = sql): string =>
  `CASE WHEN ${source} IS NOT NULL THEN {'t': ${sql}, 'z': ${zoneSql}} END`

/** SQL of the name of the zone that a value shows. */
export function zoneNameSql(sql: string, type: ZonedType, sessionZone: string): string {
  return type.zone === null
    ? `struct_extract(${sql}, 'z')`
    : textLiteral(zoneOf(type.zone ?? sessionZone).name)
}

/** TIMESTAMP or TIMESTAMPTZ of a number of picoseconds; finer digits are cut. */
export const microsOfLong = (sql: string, kind: PrestoType['kind']): string =>
  `${kind === 'timestamp' ? 'make_timestamp' : 'make_timestamptz'}(p_long_micros(${sql}))`

/** A number of picoseconds of a TIMESTAMP or TIMESTAMPTZ. */
export const longOfMicros = (sql: string): string => `(CAST(epoch_us(${sql}) AS HUGEINT) * 1000000)`

/** The local TIMESTAMP of a TIMESTAMPTZ in a zone known by name, or by SQL where each value has its own. */
export function localIn(sql: string, zone: { name: string } | { sql: string }): string {
  if ('name' in zone) return localTimestamp(sql, zone.name)
  return `make_timestamp(p_zone_local(epoch_us(${sql}), ${zone.sql}))`
}

/** The TIMESTAMPTZ at which a zone shows a local TIMESTAMP. */
export function instantIn(sql: string, zone: { name: string } | { sql: string }): string {
  if ('name' in zone) return instantTimestamp(sql, zone.name)
  return `make_timestamptz(p_zone_instant(epoch_us(${sql}), ${zone.sql}))`
}

export function zoneOfValue(
  sql: string,
  type: ZonedType,
  sessionZone: string,
): { name: string } | { sql: string } {
  return type.zone === null
    ? { sql: `struct_extract(${sql}, 'z')` }
    : { name: zoneOf(type.zone ?? sessionZone).name }
}

const DAY = '86400000000000000'

/** Local picoseconds of the day of a time with time zone, which is held as those in UTC. */
export function localTimePicos(sql: string, type: ZonedType, sessionZone: string): string {
  return `((${withoutZone(sql, type)} + ${offsetPicos(sql, type, sessionZone)} + ${DAY}) % ${DAY})`
}

/** The time with time zone whose local picoseconds of the day are given. */
export const utcTimePicos = (localSql: string, offsetSql: string): string =>
  `((${localSql} - ${offsetSql} + ${DAY}) % ${DAY})`

/** How far the zone is ahead of UTC; a region as it is at the start of the day 1970-01-01, which no such value has. */
export function offsetPicos(sql: string, type: ZonedType, sessionZone: string): string {
  if (type.zone === null) return `p_offset_picos(struct_extract(${sql}, 'z'))`
  return `CAST(${BigInt(offsetAt(zoneOf(type.zone ?? sessionZone), 0)) * 1_000_000_000_000n} AS BIGINT)`
}

/** An argument as the engine's own type, for functions that know no other: what is finer than a microsecond is cut. */
export function plainMoment(sql: string, type: PrestoType, sessionZone: string): string {
  if (type.kind === 'time with time zone') return timeOfPicos(localTimePicos(sql, type, sessionZone))
  const value = withoutZone(sql, type)
  if (!isLong(type)) return value
  return type.kind === 'time' ? timeOfPicos(value) : microsOfLong(value, type.kind)
}

/** The way back. `zone` says whose zone the result shows; `rest` is SQL of picoseconds to be added. */
export function fromPlain(
  sql: string,
  type: PrestoType,
  zoneSql: string | undefined,
  offset = '0',
  rest?: string,
): string {
  const whole = (picos: string): string => (rest === undefined ? picos : `(${picos} + ${rest})`)
  if (type.kind === 'time with time zone') {
    const held = utcTimePicos(whole(picosOfTime(sql)), offset)
    return type.zone === null ? withZone(held, zoneSql!) : held
  }
  const held = !isLong(type) ? sql : whole(type.kind === 'time' ? picosOfTime(sql) : longOfMicros(sql))
  return hasOwnZones(type) ? withZone(held, zoneSql!) : held
}

/** TIME of picoseconds of the day. */
export const timeOfPicos = (sql: string): string =>
  `CAST(make_timestamp(CAST(${sql} // 1000000 AS BIGINT)) AS TIME)`
export const picosOfTime = (sql: string): string => `(CAST(epoch_us(${sql}) AS BIGINT) * 1000000)`

export const prelude: string[] = [
  `CREATE MACRO p_long_micros(x) AS CAST((x - ((x % 1000000) + 1000000) % 1000000) // 1000000 AS BIGINT)`,
  `CREATE MACRO p_long_picos(x) AS ((x % 1000000) + 1000000) % 1000000`,
  `CREATE MACRO p_round_to(x, u) AS (x + u // 2) - (((x + u // 2) % u) + u) % u`,
]

const MICROS = 1_000_000n

function shifted(micros: bigint, change: (seconds: number) => number): bigint {
  const rest = ((micros % MICROS) + MICROS) % MICROS
  return BigInt(change(Number((micros - rest) / MICROS))) * MICROS + rest
}

export const javascript: JavaScriptFunction[] = [
  pureFunction('p_zone_local(BIGINT, VARCHAR) -> BIGINT', (micros: bigint, zone: string) =>
    shifted(micros, (seconds) => localSecondsOf(zoneOf(zone), seconds)),
  ),
  pureFunction('p_zone_instant(BIGINT, VARCHAR) -> BIGINT', (micros: bigint, zone: string) =>
    shifted(micros, (seconds) => instantOf(zoneOf(zone), seconds)),
  ),
  pureFunction(
    'p_offset_picos(VARCHAR) -> BIGINT',
    (zone: string) => BigInt(offsetAt(zoneOf(zone), 0)) * 1_000_000_000_000n,
  ),
  pureFunction('p_offset_name(BIGINT, VARCHAR) -> VARCHAR', (micros: bigint, zone: string) =>
    offsetName(offsetAt(zoneOf(zone), Number(micros / MICROS))),
  ),
]

/** A distance from UTC as times with time zone name it: `+00:00`. */
export function offsetName(seconds: number): string {
  const size = Math.abs(seconds)
  const two = (n: number): string => String(n).padStart(2, '0')
  return `${seconds < 0 ? '-' : '+'}${two(Math.floor(size / 3600))}:${two(Math.floor(size / 60) % 60)}`
}
