import { type Position, QueryError } from '../errors.ts'
import {
  findZone,
  isMoment,
  isZoned,
  localSecondsOf,
  offsetAt,
  offsetName,
  zoneOf,
} from '../functions/index.ts'
import type { CurrentName, ExpressionOf } from '../parse/ast.ts'
import { typeText } from '../presto-type.ts'
import { type Environment, mismatch } from './analyzer.ts'
import { plainCall } from './calls.ts'
import { widen } from './coerce.ts'
import { constant, textConstant } from './literals.ts'
import { CATALOG } from './lookup.ts'
import type { Typed } from './plan.ts'

/** `current_timestamp(p)` and its relations: constants of the statement, in the session's zone. */
export function currentValue(env: Environment, node: ExpressionOf<'current'>): Typed {
  const { context, defaultDatabase } = env.analyzer
  const zone = zoneOf(context.zone).name
  const precision = node.precision ?? 3
  if (precision > 12)
    throw new QueryError(
      'NUMERIC_VALUE_OUT_OF_RANGE',
      `TIMESTAMP precision must be in range [0, 12]: ${precision}`,
      node.at,
    )
  const local = localText(context.startedAtMs, zone)
  const text =
    `${local.text}.${String(local.milliseconds).padStart(3, '0').padEnd(12, '0').slice(0, precision)}`.replace(
      /\.$/,
      '',
    )
  const forms: Record<CurrentName, () => Typed> = {
    current_date: () => constant({ kind: 'date' }, text.slice(0, 10), node.at),
    current_timestamp: () => constant({ kind: 'timestamp with time zone', precision, zone }, text, node.at),
    localtimestamp: () => constant({ kind: 'timestamp', precision }, text, node.at),
    localtime: () => constant({ kind: 'time', precision }, text.slice(11), node.at),
    current_time: () => {
      const offset = offsetName(offsetAt(zoneOf(zone), Math.floor(context.startedAtMs / 1000)))
      return constant({ kind: 'time with time zone', precision, zone: offset }, text.slice(11), node.at)
    },
    current_user: () => widen(textConstant(context.user, node.at), { kind: 'varchar' }),
    current_catalog: () => widen(textConstant(CATALOG, node.at), { kind: 'varchar' }),
    current_schema: () => widen(textConstant(defaultDatabase, node.at), { kind: 'varchar' }),
  }
  return forms[node.name]()
}

function localText(atMs: number, zone: string): { text: string; milliseconds: number } {
  const seconds = localSecondsOf(zoneOf(zone), Math.floor(atMs / 1000))
  const text = new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ')
  return { text, milliseconds: new Date(atMs).getUTCMilliseconds() }
}

const DAYS = ['date', 'timestamp', 'timestamp with time zone']
const CLOCKS = ['time', 'time with time zone', 'timestamp', 'timestamp with time zone']
const EXTRACTED: Record<string, string> = {
  year: 'year',
  quarter: 'quarter',
  month: 'month',
  week: 'week',
  day: 'day',
  day_of_month: 'day',
  day_of_week: 'day_of_week',
  dow: 'day_of_week',
  day_of_year: 'day_of_year',
  doy: 'day_of_year',
  year_of_week: 'year_of_week',
  yow: 'year_of_week',
  hour: 'hour',
  minute: 'minute',
  second: 'second',
  timezone_minute: 'timezone_minute',
  timezone_hour: 'timezone_hour',
}

/** What the fields of EXTRACT may be taken from; every other field from days and timestamps. */
const EXTRACTED_FROM: Record<string, string[]> = {
  year: [...DAYS, 'interval year to month'],
  month: [...DAYS, 'interval year to month'],
  day: [...DAYS, 'interval day to second'],
  hour: [...CLOCKS, 'interval day to second'],
  minute: [...CLOCKS, 'interval day to second'],
  second: [...CLOCKS, 'interval day to second'],
  timezone_minute: ['timestamp with time zone', 'time with time zone'],
  timezone_hour: ['timestamp with time zone', 'time with time zone'],
}

/** EXTRACT(field FROM x) is the function of that name. */
export function extract(env: Environment, node: ExpressionOf<'extract'>, value: Typed): Typed {
  const name = Object.hasOwn(EXTRACTED, node.field) ? EXTRACTED[node.field]! : undefined
  if (name === undefined)
    throw new QueryError('SYNTAX_ERROR', `Invalid EXTRACT field: ${node.field}`, node.at)
  if (!(EXTRACTED_FROM[node.field] ?? DAYS).includes(value.type.kind))
    throw mismatch(`Cannot extract ${node.field.toUpperCase()} from ${typeText(value.type)}`, value.at)
  return plainCall(env, name, [value], node.at)
}

/** The instant stays; only the zone it is shown in, which is part of our type, changes. A time without one is of the session's. */
export function atTimeZone(env: Environment, value: Typed, zone: Typed, at: Position): Typed {
  const { type } = value
  if (!isMoment(type) || type.kind === 'date') {
    throw mismatch(
      `Type of value must be a time or timestamp with or without time zone (actual ${typeText(type)})`,
      at,
    )
  }
  const { context } = env.analyzer
  const kind =
    type.kind === 'time' || type.kind === 'time with time zone'
      ? 'time with time zone'
      : 'timestamp with time zone'
  const name = zoneName(zone)
  const shown =
    kind === 'timestamp with time zone'
      ? name
      : offsetName(offsetAt(zoneOf(name), Math.floor(context.startedAtMs / 1000)))
  const cast = (inner: Typed, zoneOfType: string): Typed => ({
    kind: 'cast',
    value: inner,
    type: { kind, precision: type.precision, zone: zoneOfType },
    safe: false,
    implicit: true,
    at,
  })
  // Two values of one physical type: the second cast changes nothing but the type we keep.
  return cast(isZoned(type) ? value : cast(value, zoneOf(context.zone).name), shown)
}

function zoneName(zone: Typed): string {
  if (zone.kind !== 'constant') {
    throw new QueryError('NOT_SUPPORTED', 'AT TIME ZONE is supported with a constant zone only', zone.at)
  }
  if (typeof zone.value === 'bigint' && zone.type.kind === 'interval day to second') {
    const minutes = Number(zone.value / 60_000n)
    const size = Math.abs(minutes)
    const text = `${minutes < 0 ? '-' : '+'}${Math.floor(size / 60)}:${String(size % 60).padStart(2, '0')}`
    return zoneOf(text).name
  }
  const name = typeof zone.value === 'string' ? findZone(zone.value)?.name : undefined
  if (name === undefined) {
    throw new QueryError(
      'INVALID_FUNCTION_ARGUMENT',
      `'${String(zone.value)}' is not a valid time zone`,
      zone.at,
    )
  }
  return name
}
