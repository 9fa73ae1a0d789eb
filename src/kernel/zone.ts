/** A time zone of the IANA database as the runtime knows it. */
export type Zone = {
  /** What the clocks there show, as if it were UTC, in milliseconds. */
  localMs(instantMs: number): number
  /** How the clocks are set around a local day that begins at `localDayMs`. */
  clocksOn(localDayMs: number): Clocks
}

/** Local time minus UTC, before and from `changeAtMs` on; on all but a few days of a year nothing changes. */
export type Clocks = { beforeMs: number; afterMs: number; changeAtMs: number }

const DAY_MS = 86_400_000

const MOST_REMEMBERED = 1_000
const remembered = new Map<string, Zone>()

/** undefined for a name nobody knows. */
export function findZone(name: string): Zone | undefined {
  const known = remembered.get(name)
  if (known !== undefined) return known
  const format = formatOf(name)
  if (format === undefined) return undefined
  const zone = zoneOf(format)
  if (remembered.size >= MOST_REMEMBERED) remembered.clear()
  remembered.set(name, zone)
  return zone
}

function zoneOf(format: Intl.DateTimeFormat): Zone {
  const localMs = (instantMs: number) => {
    const parts = Object.fromEntries(
      format.formatToParts(instantMs).map(({ type, value }) => [type, Number(value)]),
    )
    const { year, month, day, hour, minute, second } = parts as Record<string, number>
    const milliseconds = ((instantMs % 1000) + 1000) % 1000
    return Date.UTC(year!, month! - 1, day, hour, minute, second) + milliseconds
  }
  const offsetMs = (instantMs: number) => localMs(instantMs) - instantMs
  const days = new Map<number, Clocks>()

  return {
    localMs,
    clocksOn(localDayMs) {
      const known = days.get(localDayMs)
      if (known !== undefined) return known
      const clocks = readClocks(localDayMs)
      if (days.size >= MOST_REMEMBERED) days.clear()
      days.set(localDayMs, clocks)
      return clocks
    },
  }

  function readClocks(localDayMs: number): Clocks {
    // UTC offsets are less than a day; no zone changes its clocks twice within three.
    const from = localDayMs - DAY_MS
    const to = localDayMs + 2 * DAY_MS
    const [beforeMs, afterMs] = [offsetMs(from), offsetMs(to)]
    if (beforeMs === afterMs) return { beforeMs, afterMs, changeAtMs: Number.POSITIVE_INFINITY }
    return { beforeMs, afterMs, changeAtMs: firstInstant(from, to, (at) => offsetMs(at) === afterMs) }
  }
}

/** The first instant in (from, to] for which it holds, by halving; it must hold from some instant on. */
function firstInstant(from: number, to: number, holds: (instantMs: number) => boolean): number {
  while (to - from > 1) {
    const middle = Math.floor((from + to) / 2)
    if (holds(middle)) to = middle
    else from = middle
  }
  return to
}

/**
 * The instants at which the clocks show a local time: none in the hour a change skips, two in the one it repeats,
 * otherwise one.
 */
export function instantsOf(localMs: number, { beforeMs, afterMs, changeAtMs }: Clocks): number[] {
  const instants: number[] = []
  if (localMs - beforeMs < changeAtMs) instants.push(localMs - beforeMs)
  if (localMs - afterMs >= changeAtMs) instants.push(localMs - afterMs)
  return instants
}

function formatOf(timeZone: string): Intl.DateTimeFormat | undefined {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}
