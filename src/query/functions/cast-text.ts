import type { PrestoType } from '../presto-type.ts'
import { pureFunction } from './javascript-helpers.ts'
import { doubleText, realText } from './text.ts'
import type { CallContext, JavaScriptFunction } from './types.ts'
import { localTimestamp, zoneSuffix } from './zone-sql.ts'

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
      return timestampText(sql, type.precision)
    case 'timestamp with time zone': {
      const zone = type.zone ?? context.zone
      return `(${timestampText(localTimestamp(sql, zone), type.precision)} || ' ' || ${zoneSuffix(zone)})`
    }
    case 'json':
      return `p_json_text(${sql})`
    case 'time':
      return type.precision === 0
        ? `left(CAST(${sql} AS VARCHAR), 8)`
        : `rpad(CAST(${sql} AS VARCHAR) || CASE WHEN contains(CAST(${sql} AS VARCHAR), '.') THEN '' ELSE '.' END, ${Math.min(type.precision, 6) + 9}, '0')`
    case 'interval day to second':
      return `p_day_interval_text(CAST(epoch_us(${sql}) AS BIGINT))`
    case 'interval year to month':
      return `(CAST(datepart('year', ${sql}) AS VARCHAR) || '-' || CAST(datepart('month', ${sql}) AS VARCHAR))`
    default:
      return `CAST(${sql} AS VARCHAR)`
  }
}

/** Date and time with exactly `precision` digits of fraction (at most six are held). */
export function timestampText(sql: string, precision: number): string {
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
  pureFunction('p_double_text(DOUBLE) -> VARCHAR', doubleText),
  pureFunction('p_real_text(FLOAT) -> VARCHAR', realText),
  pureFunction('p_day_interval_text(BIGINT) -> VARCHAR', dayIntervalText),
]
