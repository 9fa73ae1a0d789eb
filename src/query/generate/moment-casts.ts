import { readMoment } from '../analyze/moments.ts'
import { QueryError } from '../errors.ts'
import { instantOf, textLiteral, zoneOf } from '../functions/index.ts'

const MOMENT =
  '\\s*[+-]?[0-9]{4,}-[0-9]{1,2}-[0-9]{1,2}([ T][0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}(\\.[0-9]{1,12})?)?)?'
/** DuckDB wants seconds where Presto takes `10:00`. */
const TO_MINUTE = '^\\s*[+-]?[0-9]{4,}-[0-9]{1,2}-[0-9]{1,2}[ T][0-9]{1,2}:[0-9]{1,2}$'

/** TIMESTAMP of a text without a zone; `error` is evaluated for any other text. */
export function timestampFromText(sql: string, error: string): string {
  const value = `coalesce(${momentSql(`trim(${sql})`)}, ${error})`
  return `CASE WHEN NOT regexp_full_match(${sql}, '${MOMENT}\\s*') THEN ${error} WHEN ${sql} IS NOT NULL THEN ${value} END`
}

function momentSql(sql: string): string {
  return `TRY_CAST(CASE WHEN regexp_matches(${sql}, '${TO_MINUTE}') THEN ${sql} || ':00' ELSE ${sql} END AS TIMESTAMP)`
}

/** TIMESTAMPTZ of a text with or without a zone behind it; without one it is in the session's. */
export function zonedFromText(sql: string, sessionZone: string): string {
  return `timezone('UTC', make_timestamp(p_zoned_instant(${sql}, ${textLiteral(sessionZone)})))`
}

/**
 * Microseconds since 1970 of such a text: in JavaScript, because DuckDB fails for an unknown zone in a way that TRY does not catch, and
 * knows no short names.
 */
export function zonedInstant(text: string, sessionZone: string): bigint {
  const moment = readMoment(text)
  if (moment === undefined) {
    throw new QueryError('INVALID_CAST_ARGUMENT', `Cannot cast '${text}' to TIMESTAMP WITH TIME ZONE`)
  }
  const [clock = '00:00:00', fraction = ''] = moment.time?.split('.') ?? []
  const [year, month, day] = moment.date.split('-').map(Number) as [number, number, number]
  const [hour, minute, second] = clock.split(':').map(Number) as [number, number, number]
  const local = new Date(Date.UTC(2000, month - 1, day, hour, minute, second)).setUTCFullYear(
    year,
    month - 1,
    day,
  )
  const seconds = instantOf(zoneOf(moment.zone ?? sessionZone), local / 1000)
  return BigInt(seconds) * 1_000_000n + BigInt(fraction.slice(0, 6).padEnd(6, '0'))
}
