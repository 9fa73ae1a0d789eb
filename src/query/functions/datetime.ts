import { QueryError } from '../errors.ts'
import type { PrestoType } from '../presto-type.ts'
import { castText } from './cast-text.ts'
import { compilePattern, hasZone } from './date-patterns.ts'
import { local, ZONED, zoneOfArgument, zoneText } from './datetime-local.ts'
import * as clock from './datetime-run.ts'
import { add, clockDifference, difference, truncate } from './datetime-units.ts'
import { alias, type Call, type FunctionDefinition, scalar, type TypedCall } from './define.ts'
import { choose, raise, raiseSql, textLiteral } from './duck-type.ts'
import { atAnalysis } from './errors-in-engine.ts'
import {
  hasOwnZones,
  instantIn,
  isLong,
  longOfMicros,
  microsOfLong,
  offsetPicos,
  withoutZone,
  withZone,
  type ZonedType,
} from './held-moments.ts'
import { pureFunction } from './javascript-helpers.ts'
import { strftimePattern } from './strftime.ts'
import { knownZone } from './td-moments.ts'
import type { JavaScriptFunction } from './types.ts'
import { zoneOf } from './zone-sql.ts'

/** Dates and times. A timestamp with time zone is read on the clocks of its own zone, or of the session's. */

const DAYS = 'interval day to second'
const MONTHS = 'interval year to month'
/** The three types a moment may have, nearest first. */
const MOMENTS = ['date', 'timestamp(p)', 'timestamp(p) with time zone']

// ---- fields

const field = (name: string, part: string, types: string[] = MOMENTS) =>
  types.flatMap((type) =>
    scalar(`${name}(${type}) -> bigint`, (call) => `CAST(datepart('${part}', ${local(call, 0)}) AS BIGINT)`),
  )

/** A field of an interval: DuckDB keeps days apart from hours, Presto has one number of milliseconds. */
const intervalField = (name: string, per: number, modulo: number | undefined) =>
  scalar(`${name}(${DAYS}) -> bigint`, (call) => {
    const units = `CAST(trunc(epoch_us(${call.args[0]}) / ${per}.0) AS BIGINT)`
    return modulo === undefined ? units : `(${units} % ${modulo})`
  })

const CLOCKS = ['time(p)', 'time(p) with time zone']
const TIMES = ['timestamp(p)', 'timestamp(p) with time zone', ...CLOCKS]
const dayOfWeek = field('day_of_week', 'isodow')
const dayOfYear = field('day_of_year', 'doy')
const week = field('week', 'week')
const yearOfWeek = field('year_of_week', 'isoyear')
const day = [...field('day', 'day'), ...intervalField('day', 86_400_000_000, undefined)]

const millisecond = [
  ...TIMES.flatMap((type) =>
    scalar(
      `millisecond(${type}) -> bigint`,
      (call) => `(CAST(datepart('millisecond', ${local(call, 0)}) AS BIGINT) % 1000)`,
    ),
  ),
  ...intervalField('millisecond', 1000, 1000),
]

const fields = [
  ...field('year', 'year'),
  ...scalar(`year(${MONTHS}) -> bigint`, "CAST(datepart('year', $1) AS BIGINT)"),
  ...field('quarter', 'quarter'),
  ...field('month', 'month'),
  ...scalar(`month(${MONTHS}) -> bigint`, "CAST(datepart('month', $1) AS BIGINT)"),
  ...week,
  ...alias('week_of_year', week),
  ...day,
  ...alias('day_of_month', day),
  ...dayOfWeek,
  ...alias('dow', dayOfWeek),
  ...dayOfYear,
  ...alias('doy', dayOfYear),
  ...yearOfWeek,
  ...alias('yow', yearOfWeek),
  ...field('hour', 'hour', TIMES),
  ...intervalField('hour', 3_600_000_000, 24),
  ...field('minute', 'minute', TIMES),
  ...intervalField('minute', 60_000_000, 60),
  ...field('second', 'second', TIMES),
  ...intervalField('second', 1_000_000, 60),
  ...millisecond,
]

// ---- text

/** The local time as far as the original's formatters look at it: to milliseconds. */
function formatted(call: Call): string {
  const [type] = call.types
  const at = local(call, 0)
  return type !== undefined && 'precision' in type && type.precision > 3
    ? `date_trunc('millisecond', ${at})`
    : at
}

/** date_format: the engine's strftime where every code has an equal there. */
function mysqlFormat(call: Call): string {
  const pattern = call.constants[1]
  const native =
    typeof pattern === 'string'
      ? atAnalysis(() => strftimePattern(compilePattern(pattern, 'mysql')))
      : undefined
  if (native !== undefined) return `strftime(${formatted(call)}, ${textLiteral(native)})`
  return `p_date_format(CAST(${formatted(call)} AS TIMESTAMP), ${call.args[1]})`
}

const NO_ZONE =
  "format_datetime for TIMESTAMP type, cannot use 'Z' nor 'z' in format, as this type does not contain TZ information"

function jodaFormat(call: Call): string {
  const zone = zoneOfArgument(call, 0)
  const pattern = call.constants[1]
  if (typeof pattern === 'string') {
    const elements = atAnalysis(() => compilePattern(pattern, 'joda'))
    if (call.types[0]!.kind !== ZONED && hasZone(elements))
      throw new QueryError('INVALID_FUNCTION_ARGUMENT', NO_ZONE)
    const native = strftimePattern(elements)
    if (native !== undefined) return `strftime(${formatted(call)}, ${textLiteral(native)})`
  }
  const instant =
    call.types[0]!.kind === ZONED ? call.args[0]! : instantIn(`CAST(${call.args[0]} AS TIMESTAMP)`, zone)
  return `p_format_datetime(epoch_ms(${instant}) * 1000, ${call.args[1]}, ${zoneText(zone)})`
}

function isoText(call: Call): string {
  const type = call.types[0]!
  if (type.kind === 'date') return castText(call.args[0]!, type, call.context)
  const precision = 'precision' in type ? type.precision : 3
  const zone = zoneOfArgument(call, 0)
  const text = castText(local(call, 0), { kind: 'timestamp', precision } as PrestoType, call.context)
  const finer = call.finer?.[0]
  const tail =
    finer === undefined ? '' : ` || left(lpad(CAST(${finer.picos} AS VARCHAR), 6, '0'), ${finer.digits})`
  const iso = `replace(${text}, ' ', 'T')${tail}`
  if (type.kind !== ZONED) return iso
  return `(${iso} || p_iso_offset(epoch_us(${call.args[0]}), ${zoneText(zone)}))`
}

const isoLength = ({ types: [type] }: TypedCall): PrestoType => {
  if (type?.kind === 'date') return { kind: 'varchar', length: 16 }
  const precision = type !== undefined && 'precision' in type ? type.precision : 3
  const fraction = precision === 0 ? 0 : precision + 1
  return { kind: 'varchar', length: 22 + fraction + (type?.kind === ZONED ? 6 : 0) }
}

// ---- instants and zones

const inSession =
  (precision: number) =>
  (call: TypedCall): PrestoType => ({ kind: ZONED, precision, zone: zoneOf(call.context.zone).name })

/** The zone that an argument names; null when it is not a constant, so that each value has its own. */
function namedZone(call: TypedCall, index: number): string | null {
  const name = call.constants[index]
  return typeof name === 'string' ? zoneOf(name).name : null
}

/** An instant with the zone that an argument names. */
function inArgumentZone(call: Call, instant: string, index: number): string {
  if (!hasOwnZones(call.result)) return instant
  const known = `CASE WHEN ${call.args[index]} IS NOT NULL THEN ${instant} END`
  return withZone(instant, `p_zone_name(${call.args[index]})`, `(${known})`)
}

function atTimezone(call: Call): string {
  return inArgumentZone(call, withoutZone(call.args[0]!, call.types[0]!), 1)
}

function withTimezone(call: Call): string {
  const [sql] = call.args
  const name = namedZone(call, 1)
  const zone = name === null ? { sql: `p_zone_name(${call.args[1]})` } : { name }
  if (!isLong(call.result)) return inArgumentZone(call, instantIn(sql!, zone), 1)
  const instant = longOfMicros(instantIn(microsOfLong(sql!, 'timestamp'), zone))
  return inArgumentZone(call, `(${instant} + p_long_picos(${sql}))`, 1)
}

/** The zone that a text names, known at once when the text is. */
const zoneInText =
  (read: (text: string, call: TypedCall) => string) =>
  (call: TypedCall): PrestoType => {
    const [text] = call.constants
    const zone = typeof text === 'string' ? atAnalysis(() => read(text, call)) : null
    return { kind: ZONED, precision: 3, zone }
  }

const isoZone = zoneInText((text, call) => clock.zoneInIso(text, call.context.zone))

function fromIsoTimestamp(call: Call): string {
  const session = textLiteral(call.context.zone)
  const instant = `make_timestamptz(p_from_iso8601(${call.args[0]}, ${session}))`
  return hasOwnZones(call.result)
    ? withZone(instant, `p_iso_zone(${call.args[0]}, ${session})`, call.args[0])
    : instant
}

const isoNanosZone = zoneInText((text, call) => clock.isoNanos(text, call.context.zone).zone)

function fromIsoNanos(call: Call): string {
  const args = `${call.args[0]}, ${textLiteral(call.context.zone)}`
  const instant = nanos(`p_iso_nanos(${args})`)
  return hasOwnZones(call.result) ? withZone(instant, `p_iso_nanos_zone(${args})`, call.args[0]) : instant
}

/** Only a pattern with a letter of zones reads one. */
function parsedZone(call: TypedCall): PrestoType {
  const [text, pattern] = call.constants
  if (typeof pattern === 'string' && !/[zZ]/.test(pattern.replace(/'[^']*'/g, ''))) return inSession(3)(call)
  if (typeof pattern !== 'string' || typeof text !== 'string')
    return { kind: ZONED, precision: 3, zone: null }
  return {
    kind: ZONED,
    precision: 3,
    zone: atAnalysis(() => clock.parsedZone(text, pattern, call.context.zone)),
  }
}

function parseDatetime(call: Call): string {
  const args = `${call.args.join(', ')}, ${textLiteral(call.context.zone)}`
  const instant = `make_timestamptz(p_parse_datetime(${args}))`
  return hasOwnZones(call.result)
    ? withZone(instant, `p_parsed_zone(${args})`, `(${call.args.join(' || ')})`)
    : instant
}

const inNamedZone =
  (index: number) =>
  (call: TypedCall): PrestoType => {
    const type = call.types[0]!
    return { kind: ZONED, precision: 'precision' in type ? type.precision : 3, zone: namedZone(call, index) }
  }

const fromSeconds = (x: string): string => `make_timestamptz(CAST(round(${x} * 1000) AS BIGINT) * 1000)`

/** NaN rounds to 0, as in Java. */
function fromUnixtime(call: Call): string {
  const [x] = call.args
  return choose(
    [
      [`isnan(${x})`, 'make_timestamptz(0)'],
      [
        `isinf(${x})`,
        raise('INVALID_FUNCTION_ARGUMENT', 'Not a finite number of seconds', { kind: ZONED, precision: 3 }),
      ],
    ],
    fromSeconds(x!),
  )
}

/** The zone of constant hours and minutes; null when each value has its own. */
function offsetResult(call: TypedCall): PrestoType {
  const [hours, minutes] = [call.constants[1], call.constants[2]]
  const known = typeof hours === 'bigint' && typeof minutes === 'bigint'
  const zone = known ? atAnalysis(() => clock.offsetZoneName(hours, minutes)) : null
  return { kind: ZONED, precision: 3, zone }
}

function fromUnixtimeAt(call: Call): string {
  const instant = fromUnixtime(call)
  if (!hasOwnZones(call.result)) return instant
  const [, hours, minutes] = call.args
  const known = `CASE WHEN ${hours} + ${minutes} IS NOT NULL THEN ${instant} END`
  return withZone(instant, `p_offset_zone(${hours}, ${minutes})`, `(${known})`)
}

/** Whole nanoseconds, held as picoseconds. */
const nanos = (sql: string): string => `(CAST(${sql} AS HUGEINT) * 1000)`

/** The current time as the constant it is in one statement: the local text in the session's zone. */
const now = scalar(
  'now() -> timestamp(3) with time zone',
  (call) => `make_timestamptz(${BigInt(call.context.startedAtMs) * 1000n})`,
  {
    result: inSession(3),
    fold: (_values, { context }) => clock.localText(context.startedAtMs, context.zone),
  },
)

function offsetPart(unit: 'hour' | 'minute') {
  return (call: Call): string =>
    `p_zone_${unit}(CAST(epoch_us(${call.args[0]}) AS BIGINT), ${zoneText(zoneOfArgument(call, 0))})`
}

/** Of a time with time zone. */
function offsetMinutes({ args: [sql], types: [type], context }: Call): string {
  return `CAST(${offsetPicos(sql!, type as ZonedType, context.zone)} // 60000000000000 AS BIGINT)`
}

const invalidCast = (type: string, call: Call): string =>
  raiseSql('INVALID_CAST_ARGUMENT', `'Value cannot be cast to ${type}: ' || ${call.args[0]}`, call.result)

export const definitions: FunctionDefinition[] = [
  ...fields,
  ...now,
  ...scalar('current_timezone() -> varchar', (call) => textLiteral(zoneOf(call.context.zone).name), {
    fold: (_values, { context }) => zoneOf(context.zone).name,
  }),
  ...[...MOMENTS, ...CLOCKS].flatMap((type) => scalar(`date_trunc(varchar, ${type}) -> ${type}`, truncate)),
  ...[...MOMENTS, ...CLOCKS].flatMap((type) =>
    scalar(`date_add(varchar, bigint, ${type}) -> ${type}`, add, { keepsFractionOf: 2 }),
  ),
  ...[...MOMENTS, 'time(p)'].flatMap((type) =>
    scalar(`date_diff(varchar, ${type}, ${type}) -> bigint`, difference),
  ),
  ...scalar('date_diff(varchar, time(p) with time zone, time(p) with time zone) -> bigint', clockDifference, {
    holdsMoments: true,
  }),
  ...['timestamp(p)', 'timestamp(p) with time zone'].flatMap((type) =>
    scalar(`date_format(${type}, varchar) -> varchar`, mysqlFormat),
  ),
  ...scalar('date_parse(varchar, varchar) -> timestamp(3)', 'make_timestamp(p_date_parse($1, $2))'),
  ...['timestamp(p)', 'timestamp(p) with time zone'].flatMap((type) =>
    scalar(`format_datetime(${type}, varchar) -> varchar`, jodaFormat),
  ),
  ...scalar('parse_datetime(varchar, varchar) -> timestamp(3) with time zone', parseDatetime, {
    result: parsedZone,
    holdsMoments: true,
  }),
  ...scalar('from_unixtime(double) -> timestamp(3) with time zone', fromUnixtime, { result: inSession(3) }),
  ...scalar(
    'from_unixtime(double, varchar) -> timestamp(3) with time zone',
    (call) => inArgumentZone(call, fromUnixtime(call), 1),
    {
      result: (call) => ({ kind: ZONED, precision: 3, zone: namedZone(call, 1) }),
      holdsMoments: true,
    },
  ),
  ...scalar('from_unixtime(double, bigint, bigint) -> timestamp(3) with time zone', fromUnixtimeAt, {
    result: offsetResult,
    holdsMoments: true,
  }),
  ...scalar('from_unixtime_nanos(bigint) -> timestamp(9) with time zone', (call) => nanos(call.args[0]!), {
    result: inSession(9),
    holdsMoments: true,
  }),
  ...scalar(
    'from_unixtime_nanos(decimal(p,s)) -> timestamp(9) with time zone',
    (call) => nanos(`round(${call.args[0]})`),
    { result: inSession(9), holdsMoments: true },
  ),
  ...scalar('to_unixtime(timestamp(p)) -> double', '(epoch_us($1) / 1000000.0)::DOUBLE', {
    fold: ([value]) => (typeof value === 'string' ? clock.unixSeconds(value, 'UTC') : undefined),
  }),
  ...scalar('to_unixtime(timestamp(p) with time zone) -> double', '(epoch_us($1) / 1000000.0)::DOUBLE', {
    fold: ([value], { types: [type], context }) =>
      typeof value === 'string' && type?.kind === ZONED
        ? clock.unixSeconds(value, type.zone ?? context.zone)
        : undefined,
  }),
  ...scalar('from_iso8601_timestamp(varchar) -> timestamp(3) with time zone', fromIsoTimestamp, {
    result: isoZone,
    holdsMoments: true,
  }),
  ...scalar('from_iso8601_timestamp_nanos(varchar) -> timestamp(9) with time zone', fromIsoNanos, {
    result: (call) => ({ ...isoNanosZone(call), precision: 9 }) as PrestoType,
    holdsMoments: true,
  }),
  ...scalar('from_iso8601_date(varchar) -> date', 'make_date(CAST(p_from_iso8601_date($1) AS INTEGER))'),
  ...MOMENTS.flatMap((type) => scalar(`to_iso8601(${type}) -> varchar`, isoText, { result: isoLength })),
  ...scalar('at_timezone(timestamp(p) with time zone, varchar) -> timestamp(p) with time zone', atTimezone, {
    result: inNamedZone(1),
    holdsMoments: true,
  }),
  ...scalar('with_timezone(timestamp(p), varchar) -> timestamp(p) with time zone', withTimezone, {
    result: inNamedZone(1),
    holdsMoments: true,
  }),
  ...scalar('timezone_hour(timestamp(p) with time zone) -> bigint', offsetPart('hour')),
  ...scalar('timezone_minute(timestamp(p) with time zone) -> bigint', offsetPart('minute')),
  ...scalar('timezone_hour(time(p) with time zone) -> bigint', (call) => `(${offsetMinutes(call)} // 60)`, {
    holdsMoments: true,
  }),
  ...scalar('timezone_minute(time(p) with time zone) -> bigint', (call) => `(${offsetMinutes(call)} % 60)`, {
    holdsMoments: true,
  }),
  ...MOMENTS.flatMap((type) =>
    scalar(`last_day_of_month(${type}) -> date`, (call) => `last_day(${local(call, 0)})`),
  ),
  ...scalar('date(date) -> date', '$1'),
  ...['timestamp(p)', 'timestamp(p) with time zone'].flatMap((type) =>
    scalar(`date(${type}) -> date`, (call) => `CAST(${local(call, 0)} AS DATE)`),
  ),
  ...scalar('date(varchar) -> date', (call) =>
    choose(
      [
        [
          `NOT regexp_full_match(${call.args[0]}, '\\s*\\d{4,}-\\d{1,2}-\\d{1,2}\\s*') OR TRY_CAST(${call.args[0]} AS DATE) IS NULL`,
          `CASE WHEN ${call.args[0]} IS NOT NULL THEN ${invalidCast('date', call)} END`,
        ],
      ],
      `TRY_CAST(${call.args[0]} AS DATE)`,
    ),
  ),
  ...scalar('human_readable_seconds(double) -> varchar', 'p_human_readable_seconds($1)'),
  ...scalar(`parse_duration(varchar) -> ${DAYS}`, 'to_milliseconds(p_parse_duration($1))'),
  ...scalar(`to_milliseconds(${DAYS}) -> bigint`, 'CAST(epoch_us($1) // 1000 AS BIGINT)'),
]

type Micros = { micros: bigint }

export const javascript: JavaScriptFunction[] = [
  pureFunction('p_date_format(TIMESTAMP, VARCHAR) -> VARCHAR', ({ micros }: Micros, pattern: string) =>
    clock.format(micros, pattern, 'mysql', 'UTC'),
  ),
  pureFunction(
    'p_format_datetime(BIGINT, VARCHAR, VARCHAR) -> VARCHAR',
    (micros: bigint, pattern: string, zone: string) => clock.format(micros, pattern, 'joda', zone),
  ),
  pureFunction('p_date_parse(VARCHAR, VARCHAR) -> BIGINT', (text: string, pattern: string) =>
    clock.parse(text, pattern, 'mysql', 'UTC'),
  ),
  pureFunction(
    'p_parse_datetime(VARCHAR, VARCHAR, VARCHAR) -> BIGINT',
    (text: string, pattern: string, zone: string) => clock.parse(text, pattern, 'joda', zone),
  ),
  pureFunction('p_offset_zone(BIGINT, BIGINT) -> VARCHAR', clock.offsetZoneName),
  pureFunction(
    'p_iso_nanos(VARCHAR, VARCHAR) -> BIGINT',
    (text: string, zone: string) => clock.isoNanos(text, zone).nanos,
  ),
  pureFunction(
    'p_iso_nanos_zone(VARCHAR, VARCHAR) -> VARCHAR',
    (text: string, zone: string) => clock.isoNanos(text, zone).zone,
  ),
  pureFunction('p_zone_name(VARCHAR) -> VARCHAR', (name: string) => knownZone(name).name),
  pureFunction('p_iso_zone(VARCHAR, VARCHAR) -> VARCHAR', clock.zoneInIso),
  pureFunction('p_parsed_zone(VARCHAR, VARCHAR, VARCHAR) -> VARCHAR', clock.parsedZone),
  pureFunction('p_from_iso8601(VARCHAR, VARCHAR) -> BIGINT', clock.fromIso),
  pureFunction('p_from_iso8601_date(VARCHAR) -> BIGINT', clock.fromIsoDate),
  pureFunction('p_iso_offset(BIGINT, VARCHAR) -> VARCHAR', clock.isoOffset),
  pureFunction('p_zone_hour(BIGINT, VARCHAR) -> BIGINT', (micros: bigint, zone: string) =>
    BigInt(Math.trunc(clock.offset(micros, zone) / 3600)),
  ),
  pureFunction('p_zone_minute(BIGINT, VARCHAR) -> BIGINT', (micros: bigint, zone: string) =>
    BigInt(Math.trunc((clock.offset(micros, zone) % 3600) / 60)),
  ),
  pureFunction('p_human_readable_seconds(DOUBLE) -> VARCHAR', clock.humanReadableSeconds),
  pureFunction('p_parse_duration(VARCHAR) -> BIGINT', clock.parseDuration),
]
