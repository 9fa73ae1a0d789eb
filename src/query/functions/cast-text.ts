import { addressText, readAddress } from '../ip-address.ts'
import type { PrestoType } from '../presto-type.ts'
import * as texts from '../results/texts.ts'
import { textLiteral } from './duck-type.ts'
import { fault } from './errors-in-engine.ts'
import {
  isLong,
  localIn,
  localTimePicos,
  microsOfLong,
  offsetName,
  timeOfPicos,
  withoutZone,
  type ZonedType,
  zoneNameSql,
  zoneOfValue,
} from './held-moments.ts'
import { pureFunction } from './javascript-helpers.ts'
import { doubleText, realText } from './text.ts'
import type { CallContext, JavaScriptFunction } from './types.ts'
import { zoneOf } from './zone-sql.ts'
import { offsetAt } from './zones.ts'

/** CAST(x AS varchar) as Presto writes it: doubles as Java, timestamps with their fraction, JSON texts without quotes. */
export function castText(sql: string, type: PrestoType, context: Pick<CallContext, 'zone'>): string {
  switch (type.kind) {
    case 'varchar':
    case 'char':
      return sql
    case 'double':
      return `p_double_text(${sql})`
    case 'real':
      return `p_real_text(${sql})`
    case 'timestamp':
      return isLong(type)
        ? longTimestampText(microsOfLong(sql, type.kind), `p_long_picos(${sql})`, type.precision)
        : timestampText(sql, type.precision)
    case 'timestamp with time zone': {
      const value = withoutZone(sql, type)
      const instant = isLong(type) ? microsOfLong(value, type.kind) : value
      const local = localIn(instant, zoneOfValue(sql, type, context.zone))
      const text = isLong(type)
        ? longTimestampText(local, `p_long_picos(${value})`, type.precision)
        : timestampText(local, type.precision)
      return `(${text} || ' ' || ${zoneNameSql(sql, type, context.zone)})`
    }
    case 'time with time zone': {
      const local = timeText(localTimePicos(sql, type, context.zone), 12, type.precision)
      return `(${local} || ${offsetText(sql, type, context)})`
    }
    case 'date':
      return `CASE WHEN ${sql} >= '0001-01-01' THEN CAST(${sql} AS VARCHAR) ELSE p_date_text(epoch_us(${sql})) END`
    case 'json':
      return `p_json_text(${sql})`
    case 'time':
      return timeText(sql, type.precision, type.precision)
    case 'ipaddress':
      return `p_address_text(${sql})`
    case 'decimal':
      return decimalText(sql, type)
    case 'interval day to second':
      return `p_day_interval_text(CAST(epoch_us(${sql}) AS BIGINT))`
    case 'interval year to month':
      return monthIntervalText(sql)
    default:
      return `CAST(${sql} AS VARCHAR)`
  }
}

/** DuckDB writes no zero before the point of a decimal that has only places behind it. */
function decimalText(sql: string, { precision, scale }: { precision: number; scale: number }): string {
  if (scale < precision) return `CAST(${sql} AS VARCHAR)`
  if (precision < 38) return `CAST(CAST(${sql} AS DECIMAL(${precision + 1},${scale})) AS VARCHAR)`
  return `replace(CAST(${sql} AS VARCHAR), '.', '0.')`
}

function monthIntervalText(sql: string): string {
  const months = `(datepart('year', ${sql}) * 12 + datepart('month', ${sql}))`
  return `(CASE WHEN ${months} < 0 THEN '-' ELSE '' END || CAST(abs(${months}) // 12 AS VARCHAR) || '-' || CAST(abs(${months}) % 12 AS VARCHAR))`
}

/** A time held with `held` digits; more than six: picoseconds of the day. */
function timeText(sql: string, held: number, precision: number): string {
  const clock = `strftime(CAST('1970-01-01' AS DATE) + ${held > 6 ? timeOfPicos(sql) : sql}, '%H:%M:%S.%f')`
  if (precision === 0) return `left(${clock}, 8)`
  if (precision <= 6) return `left(${clock}, ${9 + precision})`
  return `(${clock} || left(lpad(CAST(${sql} % 1000000 AS VARCHAR), 6, '0'), ${precision - 6}))`
}

/** More digits than the engine keeps come behind those it does. */
const longTimestampText = (microsSql: string, picosSql: string, precision: number): string =>
  `(${timestampText(microsSql, 6)} || left(lpad(CAST(${picosSql} AS VARCHAR), 6, '0'), ${precision - 6}))`

function offsetText(sql: string, type: ZonedType, context: Pick<CallContext, 'zone'>): string {
  if (type.zone === null) return `struct_extract(${sql}, 'z')`
  return textLiteral(offsetName(offsetAt(zoneOf(type.zone ?? context.zone), 0)))
}

/** Date and time with exactly `precision` digits of fraction (at most six are held). */
export const timestampText = (sql: string, precision: number): string =>
  `CASE WHEN ${sql} BETWEEN '0001-01-01' AND '9999-12-31 23:59:59.999999' THEN ${clockText(sql, precision)} ELSE p_timestamp_text(epoch_us(${sql}), CAST(${precision} AS BIGINT)) END`

/** Of a year with four digits, which is as far as the engine's own goes. */
function clockText(sql: string, precision: number): string {
  if (precision === 0) return `strftime(${sql}, '%Y-%m-%d %H:%M:%S')`
  if (precision === 3) return `strftime(${sql}, '%Y-%m-%d %H:%M:%S.%g')`
  const six = `strftime(${sql}, '%Y-%m-%d %H:%M:%S.%f')`
  if (precision < 6) return `left(${six}, ${-(6 - precision)})`
  return precision === 6 ? six : `(${six} || '${'0'.repeat(precision - 6)}')`
}

/** Presto's text of INTERVAL DAY TO SECOND: `1 03:00:00.000`. */
export function dayIntervalText(micros: bigint): string {
  const millis = (micros < 0n ? -micros : micros) / 1000n
  const two = (n: bigint) => n.toString().padStart(2, '0')
  const seconds = millis / 1000n
  const clock = `${two((seconds / 3600n) % 24n)}:${two((seconds / 60n) % 60n)}:${two(seconds % 60n)}`
  return `${micros < 0n ? '-' : ''}${seconds / 86400n} ${clock}.${(millis % 1000n).toString().padStart(3, '0')}`
}

export const javascript: JavaScriptFunction[] = [
  pureFunction('p_date_text(BIGINT) -> VARCHAR', (micros: bigint) =>
    texts.dateText(Number(micros / 86_400_000_000n)),
  ),
  pureFunction('p_timestamp_text(BIGINT, BIGINT) -> VARCHAR', (micros: bigint, precision: bigint) =>
    texts.timestampText(micros, Number(precision)),
  ),
  pureFunction('p_double_text(DOUBLE) -> VARCHAR', doubleText),
  pureFunction('p_real_text(FLOAT) -> VARCHAR', realText),
  pureFunction('p_read_address(VARCHAR) -> BLOB', (text: string) => {
    const bytes = readAddress(text)
    if (bytes === undefined) throw fault('INVALID_CAST_ARGUMENT', `Cannot cast value to IPADDRESS: ${text}`)
    return bytes
  }),
  pureFunction('p_address_text(BLOB) -> VARCHAR', ({ bytes }: { bytes: Uint8Array }) => addressText(bytes)),
  pureFunction('p_day_interval_text(BIGINT) -> VARCHAR', dayIntervalText),
]
