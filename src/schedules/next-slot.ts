import { type Clocks, instantsOf, type Zone } from '../kernel/index.ts'
import { type Cron, fitsDay, parseCron } from './cron.ts'
import type { Schedule } from './types.ts'
import { openZone } from './zone.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000
/** 29 February comes at least once in so many days, across a century without a leap year too. */
const SEARCH_DAYS = 366 * 8 + 2

/** The slot after an instant, or null for a schedule that never runs by itself. @throws schedule_invalid (422) */
export function slotAfter({ cron, timezone }: Pick<Schedule, 'cron' | 'timezone'>, after: Date): Date | null {
  if (cron === null) return null
  return nextSlot(parseCron(cron), openZone(timezone), after) ?? null
}

/**
 * The first slot strictly after an instant, or undefined when there is none (30 February).
 *
 * When clocks change, a slot at an hour of the clock (`30 2 * * *`) comes once on each of its days: in the repeated hour the
 * first time only, in the skipped hour as much later as the clocks were set on. Slots that count time (hour field
 * beginning with `*`) come on every turn of the clock as it really happens: in both repeated hours, in no skipped one.
 */
export function nextSlot(cron: Cron, zone: Zone, after: Date): Date | undefined {
  const afterMs = after.getTime()
  // A day earlier than the local date: what a change of clocks moves may come from the day before.
  const firstDay = Math.floor(zone.localMs(afterMs) / DAY_MS) - 1
  for (let day = firstDay; day <= firstDay + SEARCH_DAYS; day++) {
    const date = new Date(day * DAY_MS)
    if (!fitsDay(cron, date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCDay())) continue
    const clocks = zone.clocksOn(day * DAY_MS)
    const isPlain = clocks.changeAtMs === Number.POSITIVE_INFINITY
    const slot = (isPlain ? firstOfPlainDay : firstOfChangingDay)(cron, day * DAY_MS, clocks, afterMs)
    if (slot !== undefined) return new Date(slot)
  }
  return undefined
}

/** The sets of a cron are in ascending order, and so are the instants of such a day. */
function firstOfPlainDay(
  { hours, minutes }: Cron,
  dayMs: number,
  clocks: Clocks,
  afterMs: number,
): number | undefined {
  const startMs = dayMs - clocks.beforeMs
  for (const hour of hours) {
    const hourMs = startMs + hour * HOUR_MS
    if (hourMs + HOUR_MS <= afterMs) continue
    for (const minute of minutes) {
      const instant = hourMs + minute * MINUTE_MS
      if (instant > afterMs) return instant
    }
  }
  return undefined
}

function firstOfChangingDay(cron: Cron, dayMs: number, clocks: Clocks, afterMs: number): number | undefined {
  let first: number | undefined
  for (const hour of cron.hours) {
    for (const minute of cron.minutes) {
      const local = dayMs + (hour * 60 + minute) * MINUTE_MS
      for (const instant of slotsAt(cron, local, clocks)) {
        if (instant > afterMs && (first === undefined || instant < first)) first = instant
      }
    }
  }
  return first
}

function slotsAt(cron: Cron, localMs: number, clocks: Clocks): number[] {
  const instants = instantsOf(localMs, clocks)
  if (cron.everyHour) return instants
  // Skipped by the clocks: as much later as they were set on.
  return [instants[0] ?? localMs - clocks.beforeMs]
}
