import { fault } from './errors-in-engine.ts'
import { addUnits, readInstant, truncateInstant, type Unit } from './td-moments.ts'
import type { Zone } from './zones.ts'

/**
 * The relative ranges of TD_INTERVAL: `-1d`, `-7d/now`, `-1M/2018-09-02`, `thisWeek`. The language is that of time windows
 * in wvlet/airframe, airframe-metrics/src/main/scala/wvlet/airframe/metrics/TimeWindow.scala; here arithmetic of days and
 * longer follows the rules of the zone across changes of clocks, where airframe keeps the offset of the moment.
 */
export type Range = { from: number; to: number }

/** So many units, forward or back, from the unit that is `shift` units after the one of the moment. */
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
  // Back from tomorrow, so that today/now ends now.
  today: { count: -1, unit: 'day', shift: 1 },
  yesterday: { count: -1, unit: 'day', shift: 0 },
  tomorrow: { count: 1, unit: 'day', shift: 1 },
}

/** @throws Error INVALID_FUNCTION_ARGUMENT, as the engine carries it, on a text that is no range. */
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

const invalid = (spec: string): Error => fault('INVALID_FUNCTION_ARGUMENT', `Invalid time range: ${spec}`)

function readDuration(text: string): Duration | undefined {
  const known = WORDS[text.toLowerCase()]
  if (known !== undefined) return known
  const word = /^(this|last|next)\s*(hour|day|week|month|quarter|year)$/i.exec(text)
  if (word !== null) {
    const unit = word[2]!.toLowerCase() as Unit
    const which = word[1]!.toLowerCase()
    return { count: which === 'next' ? 1 : -1, unit, shift: which === 'last' ? 0 : 1 }
  }
  const found = /^([+-]|last|next)?\s*(\d+)\s*([smhdwMqy])$/.exec(text)
  if (found === null) return undefined
  const sign = found[1] === '-' || found[1] === 'last' ? -1 : 1
  return { count: sign * Number(found[2]), unit: UNITS[found[3]!]!, shift: 0 }
}

/** Whole units next to the one that holds the reference time: before it when negative, from it on when positive. */
function windowOf(duration: Duration, { reference, zone }: Clock): Range {
  return windowAt(duration, truncateInstant(duration.unit, reference, zone), zone)
}

/** From the instant, which may lie within a unit, to the edge of the duration's far unit. */
function windowAt({ count, unit, shift }: Duration, origin: number, zone: Zone): Range {
  const grid = truncateInstant(unit, origin, zone)
  const start = addUnits(shift, unit, grid, zone)
  const far = addUnits(count, unit, start, zone)
  const near = origin === grid ? start : origin
  return far <= near ? { from: far, to: near } : { from: near, to: far }
}

/** From the offset's instant to the grid of the duration's unit. */
function windowFrom(duration: Duration, offsets: string[], spec: string, clock: Clock): Range {
  return windowAt(duration, originOf(offsets, duration.unit, spec, clock), clock.zone)
}

/** The last offset is an instant, those before it shift it, from right to left; a date is then brought to the grid of the unit. */
function originOf(offsets: string[], unit: Unit | undefined, spec: string, clock: Clock): number {
  const { instant, loose } = instantOfOffset(offsets.at(-1)!, spec, clock)
  let origin = instant
  for (const text of offsets.slice(0, -1).reverse()) {
    const shift = readDuration(text)
    if (shift === undefined) throw invalid(spec)
    origin = addUnits(shift.count, shift.unit, origin, clock.zone)
  }
  return loose && unit !== undefined ? truncateInstant(unit, origin, clock.zone) : origin
}

/** `loose`: a date without `)` at its end, which stands for the unit that holds it. */
function instantOfOffset(text: string, spec: string, clock: Clock): { instant: number; loose: boolean } {
  if (text.toLowerCase() === 'now') return { instant: clock.reference, loose: false }
  const duration = readDuration(text)
  if (duration !== undefined) {
    const window = windowOf(duration, clock)
    return { instant: duration.count <= 0 ? window.from : window.to, loose: false }
  }
  const exact = text.endsWith(')')
  const instant = readInstant(exact ? text.slice(0, -1) : text, clock.zone)
  if (instant === undefined) throw invalid(spec)
  return { instant, loose: !exact }
}

/** A date as first part: that day (that second, when a time is given), or from it to the offset. */
function rangeFromDate(first: string, offsets: string[], spec: string, clock: Clock): Range {
  const from = readInstant(first, clock.zone)
  if (from === undefined) throw invalid(spec)
  if (offsets.length > 0) return { from, to: originOf(offsets, undefined, spec, clock) }
  return { from, to: addUnits(1, /\d:\d/.test(first) ? 'second' : 'day', from, clock.zone) }
}
