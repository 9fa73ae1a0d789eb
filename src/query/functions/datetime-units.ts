import { QueryError } from '../errors.ts'
import type { PrestoType } from '../presto-type.ts'
import { asArgument, local, ZONED } from './datetime-local.ts'
import type { Call } from './define.ts'
import { choose, duckType, raiseSql } from './duck-type.ts'
import { withoutZone } from './held-moments.ts'

/** date_trunc, date_add and date_diff: SQL for each unit that the type of the moment has. */

const DATE_UNITS = ['day', 'week', 'month', 'quarter', 'year']
const TIME_UNITS = ['millisecond', 'second', 'minute', 'hour']

/** The units that the type of the last argument has. */
function unitsOf(call: Call): { what: string; units: string[] } {
  const { kind } = call.types.at(-1)!
  if (kind === 'date') return { what: 'DATE', units: DATE_UNITS }
  if (kind.startsWith('time') && !kind.startsWith('timestamp')) return { what: 'TIME', units: TIME_UNITS }
  return { what: 'TIMESTAMP', units: [...TIME_UNITS, ...DATE_UNITS] }
}

/** What the first argument, a unit in any letter case, asks for; one that is no constant chooses row by row. */
const byUnit =
  (emit: (call: Call, unit: string) => string) =>
  (call: Call): string => {
    const { what, units } = unitsOf(call)
    const given = call.constants[0]
    if (given === null) return `CAST(NULL AS ${duckType(call.result)})`
    if (typeof given === 'string') {
      const unit = given.toLowerCase()
      if (units.includes(unit)) return emit(call, unit)
      throw new QueryError('INVALID_FUNCTION_ARGUMENT', `'${given}' is not a valid ${what} field`)
    }
    const [named] = call.args
    const unknown = `chr(39) || ${named} || chr(39) || ' is not a valid ${what} field'`
    return choose(
      [
        [`${named} IS NULL`, 'NULL'],
        ...units.map((unit): [string, string] => [`lower(${named}) = '${unit}'`, emit(call, unit)]),
      ],
      raiseSql('INVALID_FUNCTION_ARGUMENT', unknown, call.result),
    )
  }

export const truncate = byUnit((call, unit) => {
  if (call.types[1]!.kind === 'time')
    return `(CAST(date_trunc('${unit}', CAST('1970-01-01' AS DATE) + ${call.args[1]}) AS TIME))`
  const at = local(call, 1)
  const start = `date_trunc('${unit}', ${at})`
  // The local hour comes twice when clocks go back: within it the instant is moved, not read anew.
  if (call.types[1]!.kind === ZONED && TIME_UNITS.includes(unit))
    return `(${call.args[1]} - (${at} - ${start}))`
  return asArgument(call, 1, start)
})

export const add = byUnit((call, unit) => {
  const [, count, moment] = call.args
  const size =
    unit === 'millisecond'
      ? `to_milliseconds(${count})`
      : `to_${unit}s(CAST(${count} AS ${TIME_UNITS.includes(unit) ? 'BIGINT' : 'INTEGER'}))`
  // Hours and less are added to the instant: a change of clocks in between shows.
  if (unit === 'millisecond') return rounded(`(${moment} + ${size})`, call.types[2]!)
  if (TIME_UNITS.includes(unit)) return `(${moment} + ${size})`
  return asArgument(call, 2, `(${local(call, 2)} + ${size})`)
})

/** To the digits of the type, where they are fewer than milliseconds. */
function rounded(sql: string, type: PrestoType): string {
  if (!('precision' in type) || type.precision >= 3) return sql
  const micros = `CAST(p_round_to(epoch_us(${sql}), ${10 ** (6 - type.precision)}) AS BIGINT)`
  if (type.kind === 'time') return `CAST(make_timestamp(${micros}) AS TIME)`
  return `${type.kind === ZONED ? 'make_timestamptz' : 'make_timestamp'}(${micros})`
}

export const difference = byUnit((call, unit) => {
  const [, from, to] = call.args
  // Days and longer are those of the zone of the first.
  const [a, b] = TIME_UNITS.includes(unit) ? [from, to] : [local(call, 1), local(call, 2, 1)]
  return `date_sub('${unit}', ${a}, ${b})`
})

const UNIT_PICOS: Record<string, string> = {
  millisecond: '1000000000',
  second: '1000000000000',
  minute: '60000000000000',
  hour: '3600000000000000',
}

/** Of two times with time zone: they are held as picoseconds in UTC. */
export const clockDifference = byUnit(({ args: [, from, to], types }, unit) => {
  const [a, b] = [withoutZone(from!, types[1]!), withoutZone(to!, types[2]!)]
  return `CAST((${b} - ${a}) // ${UNIT_PICOS[unit]} AS BIGINT)`
})
