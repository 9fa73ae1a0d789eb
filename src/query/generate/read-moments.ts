import { dayNumber, type MomentText, readMoment, readTime } from '../analyze/moments.ts'
import { QueryError } from '../errors.ts'
import { instantOf, offsetAt, offsetName, zoneOf } from '../functions/index.ts'

/** Texts as moments, in JavaScript: what the engine would take for something else, or not keep all digits of. */

const PICOS = 1_000_000_000_000n
const DAY = 86_400n * PICOS

const invalid = (what: string, text: string): QueryError =>
  new QueryError('INVALID_CAST_ARGUMENT', `Value cannot be cast to ${what}: ${text}`)

/** Half up to `precision` digits of a second. */
export function roundPicos(picos: bigint, precision: number): bigint {
  const unit = 10n ** BigInt(12 - precision)
  const up = picos + unit / 2n
  return up - (((up % unit) + unit) % unit)
}

/** Picoseconds since midnight of `10:00:00.000`. */
export function clockPicos(time: string): bigint {
  const [clock = '', fraction = ''] = time.split('.')
  const [hour, minute, second] = clock.split(':').map(Number) as [number, number, number]
  return BigInt(hour * 3600 + minute * 60 + second) * PICOS + BigInt(fraction.padEnd(12, '0'))
}

/** Local picoseconds since 1970. */
export function localPicos({ date, time }: Pick<MomentText, 'date' | 'time'>): bigint {
  return BigInt(dayNumber(date)) * DAY + (time === undefined ? 0n : clockPicos(time))
}

/** Picoseconds since 1970 of the instant at which the zone shows a local time. */
export function zonedPicos(local: bigint, zone: string): bigint {
  const rest = ((local % PICOS) + PICOS) % PICOS
  return BigInt(instantOf(zoneOf(zone), Number((local - rest) / PICOS))) * PICOS + rest
}

/** Days since 1970. */
export function readDate(text: string): bigint {
  const moment = readMoment(text)
  if (moment === undefined || moment.time !== undefined || moment.zone !== undefined)
    throw invalid('date', text)
  return BigInt(dayNumber(moment.date))
}

export function readTimestamp(text: string, precision: number): bigint {
  const moment = readMoment(text)
  if (moment === undefined) throw invalid('timestamp', text)
  return roundPicos(localPicos(moment), precision)
}

export function readZoned(text: string, sessionZone: string, precision: number): bigint {
  const moment = readMoment(text)
  if (moment === undefined) throw invalid('timestamp', text)
  return zonedPicos(roundPicos(localPicos(moment), precision), moment.zone ?? sessionZone)
}

export const zoneIn = (text: string, sessionZone: string): string =>
  readMoment(text)?.zone ?? zoneOf(sessionZone).name

export function readTimeOfDay(text: string, precision: number): bigint {
  const time = readTime(text)
  if (time === undefined || time.offsetSeconds !== undefined) throw invalid('time', text)
  return roundPicos(clockPicos(time.time), precision) % DAY
}

/** In UTC, as times with time zone are held. */
export function readZonedTime(text: string, sessionZone: string, precision: number): bigint {
  const time = readTime(text)
  if (time === undefined) throw invalid('time with time zone', text)
  const offset = time.offsetSeconds ?? offsetAt(zoneOf(sessionZone), 0)
  return (roundPicos(clockPicos(time.time), precision) - BigInt(offset) * PICOS + DAY) % DAY
}

export const offsetIn = (text: string, sessionZone: string): string =>
  offsetName(readTime(text)?.offsetSeconds ?? offsetAt(zoneOf(sessionZone), 0))
