import { QueryError } from '../errors.ts'
import { textLiteral } from './duck-type.ts'
import { findZone, type Zone } from './zones.ts'

/** @throws QueryError INVALID_FUNCTION_ARGUMENT: `'x' is not a valid time zone`. */
export function zoneOf(name: string): Zone {
  const zone = findZone(name)
  if (zone === undefined)
    throw new QueryError('INVALID_FUNCTION_ARGUMENT', `'${name}' is not a valid time zone`)
  return zone
}

/** SQL of the local TIMESTAMP that a TIMESTAMPTZ has in the zone. DuckDB knows no offsets, so those are added. */
export function localTimestamp(sql: string, zoneName: string): string {
  const zone = zoneOf(zoneName)
  if (zone.kind === 'region') return `timezone(${textLiteral(zone.name)}, ${sql})`
  return `(timezone('UTC', ${sql}) + to_seconds(${zone.offsetSeconds}))`
}

/** SQL of the TIMESTAMPTZ at which the zone shows a local TIMESTAMP. */
export function instantTimestamp(sql: string, zoneName: string): string {
  const zone = zoneOf(zoneName)
  if (zone.kind === 'region') return `timezone(${textLiteral(zone.name)}, ${sql})`
  return `timezone('UTC', ${sql} - to_seconds(${zone.offsetSeconds}))`
}

/** SQL text of the zone as Presto prints it behind a timestamp. */
export const zoneSuffix = (zoneName: string): string => textLiteral(zoneOf(zoneName).name)
