import { findZone, instantsOf } from '../../kernel/index.ts'

const DAY_MS = 86_400_000
const FORM =
  /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?)(Z|[+-]\d{2}:\d{2})?(?:\[([A-Za-z][A-Za-z0-9_+\-/]*)\])?$/

export type MomentRead =
  | { kind: 'moment'; ms: number }
  /** Not a moment at all, with what is wrong. */
  | { kind: 'wrong'; says: string }
  /** The clocks there never show this time; the moments before and after the change that could be meant. */
  | { kind: 'skipped'; nearMs: [number, number] }
  /** The clocks show it twice. */
  | { kind: 'twice'; candidatesMs: [number, number] }

/**
 * Reads `2026-03-11T18:00[America/Los_Angeles]`, with an offset where the clocks show a time twice
 * (`…T01:30-07:00[America/Los_Angeles]`), or a plain instant (`…Z`). A time that does not exist, or exists twice, is never guessed.
 */
export function readMoment(text: string): MomentRead {
  const [, local, offset, zoneName] = FORM.exec(text) ?? []
  if (local === undefined)
    return { kind: 'wrong', says: `'${text}' is not a time such as 2026-03-11T18:00[America/Los_Angeles]` }
  const localMs = Date.parse(`${local}Z`)
  // Date.parse takes 30 February for 2 March.
  if (Number.isNaN(localMs) || !new Date(localMs).toISOString().startsWith(local))
    return { kind: 'wrong', says: `${local} does not exist in the calendar` }
  if (zoneName === undefined) {
    if (offset === undefined)
      return { kind: 'wrong', says: `${text} names no zone: add one, as in ${text}[America/Los_Angeles]` }
    return { kind: 'moment', ms: localMs - offsetMs(offset) }
  }
  return inZone(localMs, offset, zoneName)
}

function inZone(localMs: number, offset: string | undefined, zoneName: string): MomentRead {
  const zone = findZone(zoneName)
  if (zone === undefined) return { kind: 'wrong', says: `the zone ${zoneName} is not known` }
  const clocks = zone.clocksOn(Math.floor(localMs / DAY_MS) * DAY_MS)
  const instants = instantsOf(localMs, clocks)
  if (offset !== undefined) {
    const said = localMs - offsetMs(offset)
    if (instants.includes(said)) return { kind: 'moment', ms: said }
    return { kind: 'wrong', says: `clocks in ${zoneName} are not at ${offset} then` }
  }
  if (instants.length === 1) return { kind: 'moment', ms: instants[0]! }
  if (instants.length === 2) return { kind: 'twice', candidatesMs: [instants[0]!, instants[1]!] }
  return { kind: 'skipped', nearMs: [localMs - clocks.afterMs, localMs - clocks.beforeMs] }
}

function offsetMs(offset: string): number {
  if (offset === 'Z') return 0
  const [hours, minutes] = offset.slice(1).split(':').map(Number)
  return (offset.startsWith('-') ? -1 : 1) * (hours! * 60 + minutes!) * 60_000
}
