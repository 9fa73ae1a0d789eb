import { QueryError } from '../errors.ts'
import { addUnits, readInstant, truncateInstant, type Unit } from './td-moments.ts'
import type { Zone } from './zones.ts'

/**
 * The relative ranges of TD_INTERVAL: `-1d`, `-7d/now`, `-1M/2018-09-02`, `thisWeek`. The language is that of time windows
 * in wvlet/airframe, airframe-metrics/src/main/scala/wvlet/airframe/metrics/TimeWindow.scala; here arithmetic of days and
 * longer follows the rules of the zone across changes of clocks, where airframe keeps the offset of the moment.
 */
export type Range = { from: number; to: number }

type Duration = { count: number; unit: Unit; shift: number }
type Clock = { reference: number; zone: Zone }

const UNITS: Record<string, Unit> = {
  s: 'second',
  m: 'minute',
  h: 'hour',
  d: 'day',
  w: 'week',
  M: 'month',
  q: 'quarter',
  y: 'year',
}
const WORDS: Record<string, Duration> = {
  today: { count: 1, unit: 'day', shift: 0 },
  yesterday: { count: -1, unit: 'day', shift: 0 },
  tomorrow: { count: 1, unit: 'day', shift: 1 },
}

/** @throws QueryError INVALID_FUNCTION_ARGUMENT on a text that is no range. */
export function rangeOf(spec: string, reference: number, zone: Zone): Range {
  const clock = { reference, zone }
  const [first, ...offsets] = spec.split(OFFSET_MARK).map((part) => part.trim())
  const duration = readDuration(first!)
  if (duration !== undefined) {
    return offsets.length === 0 ? windowOf(duration, clock) : windowFrom(duration, offsets, spec, clock)
  }
  return rangeFromDate(first!, offsets, spec, clock)
}

/** A slash between parts; one within a date or a zone name does not part anything. */
const OFFSET_MARK =
  /(?<![A-Za-z_]{2})\/|(?<=(?:now|today|yesterday|tomorrow|[Hh]our|[Dd]ay|[Ww]eek|[Mm]onth|[Yy]ear|[Qq]uarter))\//

const invalid = (spec: string): QueryError =>
  new QueryError('INVALID_FUNCTION_ARGUMENT', `Invalid time range: ${spec}`)

function readDuration(text: string): Duration | undefined {
  const known = WORDS[text.toLowerCase()]
  if (known !== undefined) return known
  const word = /^(this|last|next)\s*(hour|day|week|month|quarter|year)$/i.exec(text)
  if (word !== null) {
    const unit = word[2]!.toLowerCase() as Unit
    const which = word[1]!.toLowerCase()
    return { count: which === 'last' ? -1 : 1, unit, shift: which === 'next' ? 1 : 0 }
  }
  const found = /^([+-]|last|next)?\s*(\d+)\s*([smhdwMqy])$/.exec(text)
  if (found === null) return undefined
  const sign = found[1] === '-' || found[1] === 'last' ? -1 : 1
  return { count: sign * Number(found[2]), unit: UNITS[found[3]!]!, shift: 0 }
}

/** Whole units next to the one that holds the reference time: before it when negative, from it on when positive. */
function windowOf({ count, unit, shift }: Duration, { reference, zone }: Clock): Range {
  const grid = addUnits(shift, unit, truncateInstant(unit, reference, zone), zone)
  const other = addUnits(count, unit, grid, zone)
  return count < 0 ? { from: other, to: grid } : { from: grid, to: other }
}

/** From the offset's instant to the grid of the duration's unit. */
function windowFrom(duration: Duration, offsets: string[], spec: string, clock: Clock): Range {
  const { count, unit, shift } = duration
  const { zone } = clock
  const origin = addUnits(shift, unit, originOf(offsets, unit, spec, clock), zone)
  const far = addUnits(count, unit, truncateInstant(unit, origin, zone), zone)
  return far <= origin ? { from: far, to: origin } : { from: origin, to: far }
}

/** The last offset is an instant, those before it shift it, from right to left. */
function originOf(offsets: string[], unit: Unit | undefined, spec: string, clock: Clock): number {
  let origin = instantOfOffset(offsets.at(-1)!, unit, spec, clock)
  for (const text of offsets.slice(0, -1).reverse()) {
    const shift = readDuration(text)
    if (shift === undefined) throw invalid(spec)
    origin = addUnits(shift.count, shift.unit, origin, clock.zone)
  }
  return origin
}

function instantOfOffset(text: string, unit: Unit | undefined, spec: string, clock: Clock): number {
  if (text.toLowerCase() === 'now') return clock.reference
  const duration = readDuration(text)
  if (duration !== undefined) {
    const window = windowOf(duration, clock)
    return duration.count <= 0 ? window.from : window.to
  }
  const exact = text.endsWith(')')
  const instant = readInstant(exact ? text.slice(0, -1) : text, clock.zone)
  if (instant === undefined) throw invalid(spec)
  return exact || unit === undefined ? instant : truncateInstant(unit, instant, clock.zone)
}

/** A date as first part: that day (that second, when a time is given), or from it to the offset. */
function rangeFromDate(first: string, offsets: string[], spec: string, clock: Clock): Range {
  const from = readInstant(first, clock.zone)
  if (from === undefined) throw invalid(spec)
  if (offsets.length > 0) return { from, to: originOf(offsets, undefined, spec, clock) }
  return { from, to: addUnits(1, /\d:\d/.test(first) ? 'second' : 'day', from, clock.zone) }
}
