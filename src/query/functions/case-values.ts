import type { PrestoType } from '../presto-type.ts'
import { dateText, picosText, timestampText } from '../results/texts.ts'
import { dayIntervalText } from './cast-text.ts'
import { hasOwnZones } from './held-moments.ts'
import { zoneOf } from './zone-sql.ts'
import { localSecondsOf } from './zones.ts'

/** Values of the engine as the case files write them: JSON, with text for what JSON has not. */

type Item = null | boolean | number | bigint | string | object

/**
 * Whole numbers beyond 2^53, decimals, dates and times as text, NaN and infinities as text, varbinary as hex, maps as lists of
 * pairs, rows as lists.
 */
export function caseValue(type: PrestoType, value: Item, zone: string): unknown {
  if (value === null || type.kind === 'unknown') return null
  if (hasOwnZones(type)) {
    const { t, z } = (value as { entries: { t: Item; z: string } }).entries
    return caseValue({ ...type, zone: z }, t, zone)
  }
  return presentValue(type, value, zone)
}

function presentValue(type: PrestoType, value: NonNullable<Item>, zone: string): unknown {
  switch (type.kind) {
    case 'tinyint':
    case 'smallint':
    case 'integer':
    case 'bigint':
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
    case 'real':
    case 'double':
      return Number.isFinite(value) ? value : String(value)
    case 'varbinary':
    case 'hyperloglog':
    case 'qdigest':
    case 'setdigest':
    case 'tdigest':
      return Buffer.from((value as { bytes: Uint8Array }).bytes)
        .toString('hex')
        .toUpperCase()
    case 'date':
      return dateText((value as { days: number }).days)
    case 'time':
      if (type.precision <= 6) return String(value)
      return picosText(type.kind, value as bigint, type.precision, zone)
    case 'time with time zone':
      return picosText(type.kind, value as bigint, type.precision, type.zone ?? zone)
    case 'timestamp':
      if (type.precision > 6) return picosText(type.kind, value as bigint, type.precision, zone)
      return timestampText((value as { micros: bigint }).micros, type.precision)
    case 'timestamp with time zone':
      if (type.precision > 6) return picosText(type.kind, value as bigint, type.precision, type.zone ?? zone)
      return zonedText((value as { micros: bigint }).micros, type.precision, type.zone ?? zone)
    case 'interval day to second': {
      const { months, days, micros } = value as { months: number; days: number; micros: bigint }
      return dayIntervalText(BigInt(months * 30 + days) * 86_400_000_000n + micros)
    }
    case 'interval year to month': {
      const { months } = value as { months: number }
      return `${months < 0 ? '-' : ''}${Math.floor(Math.abs(months) / 12)}-${Math.abs(months) % 12}`
    }
    case 'array':
      return (value as { items: Item[] }).items.map((item) => caseValue(type.element, item, zone))
    case 'map':
      return (value as { entries: { key: Item; value: Item }[] }).entries.map((entry) => [
        caseValue(type.key, entry.key, zone),
        caseValue(type.value, entry.value, zone),
      ])
    case 'row':
      return Object.values((value as { entries: Record<string, Item> }).entries).map((item, i) =>
        caseValue(type.fields[i]!.type, item, zone),
      )
    default:
      return typeof value === 'boolean' ? value : String(value)
  }
}

function zonedText(micros: bigint, precision: number, zoneName: string): string {
  const zone = zoneOf(zoneName)
  const seconds = Number(micros / 1_000_000n)
  return `${timestampText(BigInt(localSecondsOf(zone, seconds) - seconds) * 1_000_000n + micros, precision)} ${zone.name}`
}
