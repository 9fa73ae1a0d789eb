import {
  hasOwnZones,
  instantIn,
  isLong,
  isZoned,
  localIn,
  localTimePicos,
  longOfMicros,
  type MomentType,
  microsOfLong,
  offsetPicos,
  picosOfTime,
  textLiteral,
  timeOfPicos,
  utcTimePicos,
  withoutZone,
  withZone,
  type ZonedType,
  zoneNameSql,
  zoneOfValue,
} from '../functions/index.ts'
import type { CallContext } from '../functions/types.ts'

/** Casts of one moment to another, and of texts to moments. Digits that the wanted type has not are rounded half up. */

const DAY = '86400000000000000'
type Local = { sql: string; precision: number }
type Timestamp = Extract<MomentType, { kind: 'timestamp' }>
type Zoned = Extract<ZonedType, { kind: 'timestamp with time zone' }>

/** undefined where Presto has no such cast. */
export function momentCast(
  sql: string,
  from: MomentType,
  to: MomentType,
  context: CallContext,
): string | undefined {
  if (from.kind === 'date' && (to.kind === 'time' || to.kind === 'time with time zone')) return undefined
  if (to.kind === 'date' && (from.kind === 'time' || from.kind === 'time with time zone')) return undefined
  if (from.kind === to.kind) return sameKind(sql, from, to, context)
  switch (to.kind) {
    case 'date':
      return `CAST(${plain(localTimestampOf(sql, from, context))} AS DATE)`
    case 'time':
      return timeOf(localTimestampOf(sql, from, context), to.precision)
    case 'time with time zone':
      return toZonedTime(sql, from, to, context)
    case 'timestamp':
      return rounded(localTimestampOf(sql, from, context), to.precision)
    case 'timestamp with time zone':
      return toZoned(sql, from, to, context)
  }
}

function sameKind(sql: string, from: MomentType, to: MomentType, context: CallContext): string {
  if (from.kind === 'date' || to.kind === 'date') return sql
  if (!isZoned(from) || !isZoned(to)) {
    if (from.kind === 'time' && to.precision >= from.precision && isLong(from) === isLong(to)) return sql
    const local = localTimestampOf(sql, from, context)
    return to.kind === 'time' ? timeOf(local, to.precision) : rounded(local, to.precision)
  }
  const value = withoutZone(sql, from)
  const instant =
    to.kind === 'time with time zone'
      ? roundedTime(value, from.precision, to.precision)
      : roundedInstant(value, from.precision, to.precision)
  if (hasOwnZones(from) && hasOwnZones(to) && instant === value) return sql
  return hasOwnZones(to) ? withZone(instant, zoneNameSql(sql, from, context.zone), sql) : instant
}

/** The local time of any moment as the engine holds a timestamp of the same precision. */
function localTimestampOf(sql: string, from: MomentType, context: CallContext): Local {
  switch (from.kind) {
    case 'date':
      return { sql: `CAST(${sql} AS TIMESTAMP)`, precision: 0 }
    case 'timestamp':
      return { sql, precision: from.precision }
    case 'time':
      return atToday(sql, from.precision, context)
    case 'time with time zone':
      return atToday(localTimePicos(sql, from, context.zone), 12, context, from.precision)
    case 'timestamp with time zone':
      return { sql: localOfZoned(sql, from, context), precision: from.precision }
  }
}

function localOfZoned(sql: string, from: Zoned, context: CallContext): string {
  const zone = zoneOfValue(sql, from, context.zone)
  const value = withoutZone(sql, from)
  if (!isLong(from)) return localIn(value, zone)
  return `(${longOfMicros(localIn(microsOfLong(value, from.kind), zone))} + p_long_picos(${value}))`
}

/** A time of day on the day the query started. */
function atToday(sql: string, held: number, context: CallContext, precision = held): Local {
  const today = `CAST('${new Date(context.startedAtMs).toISOString().slice(0, 10)}' AS DATE)`
  if (held <= 6) return { sql: `(${today} + ${sql})`, precision }
  const value = `(${longOfMicros(`CAST(${today} AS TIMESTAMP)`)} + ${sql})`
  return precision > 6
    ? { sql: value, precision }
    : { sql: microsOfLong(value, 'timestamp'), precision: Math.min(precision, 6) }
}

const plain = ({ sql, precision }: Local): string => (precision > 6 ? microsOfLong(sql, 'timestamp') : sql)

/** A timestamp with as many digits as wanted. */
function rounded({ sql, precision }: Local, wanted: number): string {
  if (wanted === precision) return sql
  if (precision > 6) {
    const value = wanted < precision ? `p_round_to(${sql}, ${10 ** (12 - wanted)})` : sql
    return wanted > 6 ? value : microsOfLong(value, 'timestamp')
  }
  if (wanted > 6) return longOfMicros(sql)
  if (wanted > precision) return sql
  const unit = 10 ** (6 - wanted)
  return `make_timestamp(CAST(floor((epoch_us(${sql}) + ${unit / 2}) / ${unit}) AS BIGINT) * ${unit})`
}

function roundedInstant(sql: string, precision: number, wanted: number): string {
  if (wanted === precision || (wanted > precision && wanted > 6 === precision > 6)) return sql
  if (precision > 6) {
    const value = wanted < precision ? `p_round_to(${sql}, ${10 ** (12 - wanted)})` : sql
    return wanted > 6 ? value : microsOfLong(value, 'timestamp with time zone')
  }
  if (wanted > 6) return longOfMicros(sql)
  const unit = 10 ** (6 - wanted)
  return `make_timestamptz(CAST(floor((epoch_us(${sql}) + ${unit / 2}) / ${unit}) AS BIGINT) * ${unit})`
}

/** Picoseconds of the day; what rounds up to midnight is midnight. */
function roundedTime(sql: string, precision: number, wanted: number): string {
  return wanted >= precision ? sql : `CAST(p_round_to(${sql}, ${10 ** (12 - wanted)}) % ${DAY} AS BIGINT)`
}

function timeOf(local: Local, wanted: number): string {
  const { precision } = local
  const value = wanted < precision ? rounded(local, wanted) : local.sql
  const held = Math.min(precision, wanted)
  if (held <= 6) {
    const time = `CAST(${value} AS TIME)`
    return wanted > 6 ? picosOfTime(time) : time
  }
  return `CAST((${value} % ${DAY} + ${DAY}) % ${DAY} AS BIGINT)`
}

function toZonedTime(
  sql: string,
  from: MomentType,
  to: Extract<ZonedType, { kind: 'time with time zone' }>,
  context: CallContext,
): string {
  const time = timeOf(localTimestampOf(sql, from, context), to.precision)
  const picos = to.precision > 6 ? time : picosOfTime(time)
  if (to.zone !== null) return utcTimePicos(picos, offsetPicos(sql, to, context.zone))
  if (!isZoned(from))
    return withZone(
      utcTimePicos(picos, offsetPicos(sql, { ...to, zone: context.zone }, context.zone)),
      textLiteral(context.zone),
    )
  const zoned = from as Zoned
  const value = withoutZone(sql, zoned)
  const instant = isLong(zoned) ? microsOfLong(value, zoned.kind) : value
  const name = `p_offset_name(epoch_us(${instant}), ${zoneNameSql(sql, zoned, context.zone)})`
  return withZone(utcTimePicos(picos, `p_offset_picos(${name})`), name, sql)
}

function toZoned(sql: string, from: MomentType, to: Zoned, context: CallContext): string {
  const local: Local = localTimestampOf(sql, from, context)
  const own = from.kind === 'time with time zone'
  const zone = own
    ? zoneOfValue(sql, from, context.zone)
    : zoneOfValue(sql, { ...to, zone: to.zone ?? context.zone }, context.zone)
  const held = rounded(local, to.precision)
  const instant =
    to.precision > 6
      ? `(${longOfMicros(instantIn(microsOfLong(held, 'timestamp'), zone))} + p_long_picos(${held}))`
      : instantIn(held, zone)
  if (to.zone !== null) return instant
  const name = own ? zoneNameSql(sql, from, context.zone) : textLiteral(context.zone)
  return withZone(instant, name, sql)
}

const CLOCK = '[0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}(\\.[0-9]{1,6})?)?'
const DATE = '[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}'
/** DuckDB wants seconds where Presto takes `10:00`. */
const TO_MINUTE = '^\\s*[0-9]{4}-[0-9]{1,2}-[0-9]{1,2} [0-9]{1,2}:[0-9]{1,2}$'

/** Texts in the usual form are read by the engine; the others, and those that are none, in JavaScript. */
export function momentFromText(
  sql: string,
  to: Exclude<MomentType, { kind: 'date' }>,
  context: CallContext,
): string {
  const session = textLiteral(context.zone)
  switch (to.kind) {
    case 'time':
      return to.precision > 6
        ? `p_read_time(${sql}, ${to.precision})`
        : timeOfPicos(`p_read_time(${sql}, ${to.precision})`)
    case 'time with time zone': {
      const value = `p_read_zoned_time(${sql}, ${session}, ${to.precision})`
      return to.zone === null ? withZone(value, `p_offset_in(${sql}, ${session})`, sql) : value
    }
    case 'timestamp':
      return timestampFromText(sql, to)
    case 'timestamp with time zone': {
      const picos = `p_read_zoned(${sql}, ${session}, ${to.precision})`
      const value = to.precision > 6 ? picos : microsOfLong(picos, to.kind)
      return to.zone === null ? withZone(value, `p_zone_in(${sql}, ${session})`, sql) : value
    }
  }
}

function timestampFromText(sql: string, to: Timestamp): string {
  const picos = `p_read_timestamp(${sql}, ${to.precision})`
  if (to.precision > 6) return picos
  const trimmed = `trim(${sql})`
  const text = `CASE WHEN regexp_matches(${trimmed}, '${TO_MINUTE}') THEN ${trimmed} || ':00' ELSE ${trimmed} END`
  const quick = rounded({ sql: `TRY_CAST(${text} AS TIMESTAMP)`, precision: 6 }, to.precision)
  const careful = microsOfLong(picos, 'timestamp')
  return `CASE WHEN regexp_full_match(${trimmed}, '${DATE}( ${CLOCK})?') THEN coalesce(${quick}, ${careful}) ELSE ${careful} END`
}
