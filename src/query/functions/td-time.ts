import { QueryError } from '../errors.ts'
import { compilePattern } from './date-patterns.ts'
import {
  type Call,
  type ConstantValue,
  type FunctionDefinition,
  type Options,
  scalar,
  type TypedCall,
} from './define.ts'
import { textLiteral } from './duck-type.ts'
import { atAnalysis } from './errors-in-engine.ts'
import { pureFunction } from './javascript-helpers.ts'
import { strftimePattern } from './strftime.ts'
import { rangeOf } from './td-interval.ts'
import * as moments from './td-moments.ts'
import type { JavaScriptFunction } from './types.ts'
import { instantTimestamp, localTimestamp } from './zone-sql.ts'
import { findZone } from './zones.ts'

/** The TD functions of time. Times are unix seconds; the zone argument is optional and UTC by default. */

/** A fold that is NULL when any argument is. */
const fold =
  (
    run: (values: (boolean | bigint | number | string)[], call: TypedCall) => ConstantValue,
  ): Options['fold'] =>
  (values, call) =>
    atAnalysis(() =>
      values.includes(null) ? null : run(values as (boolean | bigint | number | string)[], call),
    )

const zoneSql = (call: Call, index: number): string => call.args[index] ?? "'UTC'"

/** The zone when it is constant, undefined when it must be looked up row by row. */
function constantZone(call: TypedCall, index: number): string | undefined {
  const value = index < call.types.length ? call.constants[index] : 'UTC'
  return typeof value === 'string' && findZone(value) !== undefined ? value : undefined
}

const zoneOfValue = (value: unknown) => moments.knownZone(typeof value === 'string' ? value : 'UTC')

/** t in [from, to) with what is known of the bounds; NULL t is NULL. */
function between(t: string, from: string | null, to: string | null): string {
  if (from === null && to === null) return `CASE WHEN ${t} IS NOT NULL THEN true END`
  if (from === null) return `(${t} < ${to})`
  return to === null ? `(${t} >= ${from})` : `(${t} >= ${from} AND ${t} < ${to})`
}

const inRange = (t: bigint, { from, to }: { from: bigint | null; to: bigint | null }): boolean =>
  (from === null || t >= from) && (to === null || t < to)

// ---- TD_TIME_RANGE

/** The bounds as far as they are constant; undefined when one is not. */
function constantBounds(call: TypedCall): { from: bigint | null; to: bigint | null } | undefined {
  const zone = call.types.length > 3 ? call.constants[3] : 'UTC'
  const bounds = [1, 2].map((i) => (i < call.types.length ? call.constants[i] : null))
  if (zone === undefined || bounds.includes(undefined)) return undefined
  const [from, to] = bounds.map((bound) => {
    if (bound === null || typeof bound === 'bigint') return bound
    return typeof bound === 'number' ? BigInt(bound) : moments.boundOf(String(bound), zoneOfValue(zone))
  })
  return { from: from ?? null, to: to ?? null }
}

const foldedBounds = (call: TypedCall) => atAnalysis(() => constantBounds(call))

function timeRangeSql(call: Call): string {
  const [t] = call.args
  const bounds = foldedBounds(call)
  if (bounds !== undefined) return between(t!, literal(bounds.from), literal(bounds.to))
  const bound = (i: number) =>
    call.types[i]?.kind === 'varchar'
      ? `p_td_bound(${call.args[i]}, ${zoneSql(call, 3)})`
      : (call.args[i] ?? 'NULL')
  return `CASE WHEN ${t} IS NOT NULL THEN coalesce(${t} >= ${bound(1)}, true) AND coalesce(${t} < ${bound(2)}, true) END`
}

const literal = (value: bigint | null): string | null => (value === null ? null : `${value}`)

const timeRangeOptions: Options = {
  timeRange: (call) => (call.constants[0] === undefined ? foldedBounds(call) : undefined),
  fold: (values, call) => {
    const bounds = foldedBounds(call)
    if (values[0] === null || bounds === undefined) return null
    return inRange(values[0] as bigint, bounds)
  },
}

const BOUND_TYPES = ['bigint', 'varchar']
const timeRangeSignatures = BOUND_TYPES.flatMap((from) => [
  `td_time_range(bigint, ${from}) -> boolean`,
  ...BOUND_TYPES.flatMap((to) => [
    `td_time_range(bigint, ${from}, ${to}) -> boolean`,
    `td_time_range(bigint, ${from}, ${to}, varchar) -> boolean`,
  ]),
])

// ---- TD_INTERVAL

function intervalRange(call: TypedCall, specIndex: number): { from: bigint; to: bigint } | undefined {
  const spec = call.constants[specIndex]
  const zone = constantZone(call, specIndex + 1)
  if (typeof spec !== 'string') return undefined
  const named = specIndex + 1 < call.types.length ? call.constants[specIndex + 1] : 'UTC'
  if (zone === undefined && typeof named === 'string') {
    throw new QueryError('INVALID_FUNCTION_ARGUMENT', `'${named}' is not a valid time zone`)
  }
  if (zone === undefined) return undefined
  const { from, to } = atAnalysis(() => rangeOf(spec, Number(call.context.scheduledTime), zoneOfValue(zone)))
  return { from: BigInt(from), to: BigInt(to) }
}

const intervalBounds = (call: Call, specIndex: number): string =>
  `p_td_interval(${call.args[specIndex]}, ${zoneSql(call, specIndex + 1)}, ${call.context.scheduledTime})`

function intervalSql(call: Call): string {
  const range = intervalRange(call, 1)
  if (range !== undefined) return between(call.args[0]!, `${range.from}`, `${range.to}`)
  const bounds = intervalBounds(call, 1)
  return between(call.args[0]!, `${bounds}[1]`, `${bounds}[2]`)
}

const intervalOptions: Options = {
  timeRange: (call) => (call.constants[0] === undefined ? intervalRange(call, 1) : undefined),
  fold: fold(([t], call) => inRange(t as bigint, intervalRange(call, 1)!)),
}

// ---- the others

/** strftime where the pattern has nothing that only Java prints, else JavaScript. */
function timeFormatSql(call: Call): string {
  const [t, pattern] = call.args
  const constant = call.constants[1]
  const zone = constantZone(call, 2)
  const native = typeof constant === 'string' && zone !== undefined ? nativePattern(constant) : undefined
  if (native === undefined) return `p_td_time_format(${t}, ${pattern}, ${zoneSql(call, 2)})`
  return `strftime(${localTimestamp(`make_timestamptz(${t} * 1000000)`, zone!)}, ${textLiteral(native)})`
}

const nativePattern = (pattern: string): string | undefined =>
  atAnalysis(() => strftimePattern(compilePattern(pattern, 'java')))

function truncateSql(call: Call): string {
  const [unit, t] = call.args
  const constant = call.constants[0]
  const zone = constantZone(call, 2)
  if (typeof constant !== 'string' || zone === undefined)
    return `p_td_date_trunc(${unit}, ${t}, ${zoneSql(call, 2)})`
  const known = atAnalysis(() => moments.unitOf(constant))
  const instant = `make_timestamptz(${t} * 1000000)`
  const local = localTimestamp(instant, zone)
  const start = `date_trunc('${known}', ${local})`
  // The local hour comes twice when clocks go back: within it the instant is moved, not read anew.
  const moved = ['second', 'minute', 'hour'].includes(known)
  return `(epoch_ms(${moved ? `${instant} - (${local} - ${start})` : instantTimestamp(start, zone)}) // 1000)`
}

function addSql(call: Call): string {
  const [t, duration] = call.args
  const start = call.types[0]!.kind === 'varchar' ? `p_td_bound(${t}, ${zoneSql(call, 2)})` : t
  const constant = call.constants[1]
  if (typeof constant !== 'string') return `(${start} + p_td_duration(${duration}))`
  return `(${start} + ${atAnalysis(() => moments.durationSeconds(constant))})`
}

const scheduledTime = (name: string) =>
  scalar(`${name}() -> bigint`, (call) => `CAST(${call.context.scheduledTime} AS BIGINT)`, {
    fold: (_values, call) => call.context.scheduledTime,
  })

export const definitions: FunctionDefinition[] = [
  ...scalar(timeRangeSignatures, timeRangeSql, timeRangeOptions),
  ...scalar(
    ['td_interval(bigint, varchar) -> boolean', 'td_interval(bigint, varchar, varchar) -> boolean'],
    intervalSql,
    intervalOptions,
  ),
  ...scalar(
    ['td_interval_range(varchar) -> array(bigint)', 'td_interval_range(varchar, varchar) -> array(bigint)'],
    (call) => intervalBounds(call, 0),
  ),
  ...scalar(
    ['td_time_parse(varchar) -> bigint', 'td_time_parse(varchar, varchar) -> bigint'],
    (call) => `p_td_time_parse(${call.args[0]}, ${zoneSql(call, 1)})`,
    { fold: fold(([text, zone]) => timeParse(String(text), zone)) },
  ),
  ...scalar(
    ['td_time_format(bigint, varchar) -> varchar', 'td_time_format(bigint, varchar, varchar) -> varchar'],
    timeFormatSql,
    {
      fold: fold(([t, pattern, zone]) =>
        moments.formatInstant(Number(t), 0, String(pattern), 'java', zoneOfValue(zone)),
      ),
    },
  ),
  ...scalar(
    ['td_time_string(bigint, varchar) -> varchar', 'td_time_string(bigint, varchar, varchar) -> varchar'],
    (call) => `p_td_time_string(${call.args[0]}, ${call.args[1]}, ${zoneSql(call, 2)})`,
    { fold: fold(([t, code, zone]) => moments.timeString(Number(t), String(code), zoneOfValue(zone))) },
  ),
  ...BOUND_TYPES.flatMap((type) =>
    scalar(
      [`td_time_add(${type}, varchar) -> bigint`, `td_time_add(${type}, varchar, varchar) -> bigint`],
      addSql,
      {
        fold: fold(([t, duration, zone]) => {
          const start = typeof t === 'string' ? moments.boundOf(t, zoneOfValue(zone)) : (t as bigint)
          return start + BigInt(moments.durationSeconds(String(duration)))
        }),
      },
    ),
  ),
  ...scalar(
    ['td_date_trunc(varchar, bigint) -> bigint', 'td_date_trunc(varchar, bigint, varchar) -> bigint'],
    truncateSql,
    {
      fold: fold(([unit, t, zone]) =>
        BigInt(moments.truncateInstant(moments.unitOf(String(unit)), Number(t), zoneOfValue(zone))),
      ),
    },
  ),
  ...scheduledTime('td_scheduled_time'),
  ...scheduledTime('td_scheduled_execution_time'),
]

/** NULL for a text that is no time. */
function timeParse(text: string, zone: unknown): bigint | null {
  const instant = moments.readInstant(text, zoneOfValue(zone))
  return instant === undefined ? null : BigInt(instant)
}

export const javascript: JavaScriptFunction[] = [
  pureFunction('p_td_bound(VARCHAR, VARCHAR) -> BIGINT', (text: string, zone: string) =>
    moments.boundOf(text, zoneOfValue(zone)),
  ),
  pureFunction(
    'p_td_interval(VARCHAR, VARCHAR, BIGINT) -> BIGINT[]',
    (spec: string, zone: string, reference: bigint) => {
      const { from, to } = rangeOf(spec, Number(reference), zoneOfValue(zone))
      return { items: [BigInt(from), BigInt(to)] }
    },
  ),
  pureFunction('p_td_time_parse(VARCHAR, VARCHAR) -> BIGINT', timeParse),
  pureFunction(
    'p_td_time_format(BIGINT, VARCHAR, VARCHAR) -> VARCHAR',
    (t: bigint, pattern: string, zone: string) =>
      moments.formatInstant(Number(t), 0, pattern, 'java', zoneOfValue(zone)),
  ),
  pureFunction(
    'p_td_time_string(BIGINT, VARCHAR, VARCHAR) -> VARCHAR',
    (t: bigint, code: string, zone: string) => moments.timeString(Number(t), code, zoneOfValue(zone)),
  ),
  pureFunction('p_td_duration(VARCHAR) -> BIGINT', (text: string) => BigInt(moments.durationSeconds(text))),
  pureFunction(
    'p_td_date_trunc(VARCHAR, BIGINT, VARCHAR) -> BIGINT',
    (unit: string, t: bigint, zone: string) =>
      BigInt(moments.truncateInstant(moments.unitOf(unit), Number(t), zoneOfValue(zone))),
  ),
]
