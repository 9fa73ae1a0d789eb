import { type Cron, fitsDay } from './cron.ts'
import { type Clocks, instantsOf, type Zone } from './zone.ts'

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
/** 29 February comes at least once in so many days, across a century without a leap year too. */
const SEARCH_DAYS = 366 * 8 + 2

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
    const slot = firstSlotOfDay(cron, zone, day * DAY_MS, afterMs)
    if (slot !== undefined) return new Date(slot)
  }
  return undefined
}

function firstSlotOfDay(cron: Cron, zone: Zone, dayMs: number, afterMs: number): number | undefined {
  const clocks = zone.clocksOn(dayMs)
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
