import { compareSpoolPositions } from './position.ts'
import type { EndedSegment } from './recover.ts'
import { SEGMENT_HEADER_BYTES } from './segment.ts'
import type { SpoolPosition } from './types.ts'

/** What of a spool has not been released yet. */
export type Pending = {
  /** A batch was committed in the segment in use. */
  appended(at: SpoolPosition, bytes: number, receivedAtMs: number): void
  ended(segment: EndedSegment): void
  /** The reader has released everything before; going back is ignored. */
  released(before: SpoolPosition | undefined): void
  /** Ended segments that lie wholly before that: each is returned once. */
  takeReleased(): EndedSegment[]
  bytes(): number
  oldestAtMs(): number | null
}

/** One instant per second of appending is remembered. */
const INSTANT_EVERY_MS = 1000

export function createPending(ended: EndedSegment[], released: SpoolPosition | undefined): Pending {
  let before: SpoolPosition = { generation: 0, offset: 0 }
  let segments = [...ended]
  /** Committed in the segment in use, not yet in `segments`. */
  let active: { generation: number; end: number } | undefined
  let instants = segments.map(({ generation, createdAtMs }) => ({
    generation,
    offset: SEGMENT_HEADER_BYTES,
    atMs: createdAtMs,
  }))
  let bytes = 0

  const unreleased = ({ generation, end }: { generation: number; end: number }) => {
    if (generation < before.generation) return 0
    const from = generation === before.generation ? before.offset : SEGMENT_HEADER_BYTES
    return Math.max(0, end - Math.max(from, SEGMENT_HEADER_BYTES))
  }
  const count = () => {
    bytes = active === undefined ? 0 : unreleased(active)
    for (const segment of segments) bytes += unreleased(segment)
    const next = instants.findIndex((instant) => compareSpoolPositions(instant, before) > 0)
    // The instant just before the released place still dates what follows it.
    instants = instants.slice(next === -1 ? -1 : Math.max(0, next - 1))
  }
  const release = (position: SpoolPosition | undefined) => {
    if (position === undefined || compareSpoolPositions(position, before) <= 0) return
    // Nobody can have loaded what was never written: the position is that of a lost directory, made under a later clock.
    const newest = active?.generation ?? segments.at(-1)?.generation
    if (newest === undefined || position.generation > newest) return
    before = position
    count()
  }
  count()
  release(released)

  return {
    appended(at, size, receivedAtMs) {
      active = { generation: at.generation, end: at.offset + size }
      bytes += size
      const last = instants.at(-1)
      const empty = bytes === size
      if (empty) instants = []
      if (empty || last === undefined || Math.abs(receivedAtMs - last.atMs) >= INSTANT_EVERY_MS) {
        instants.push({ ...at, atMs: receivedAtMs })
      }
    },
    ended({ generation, path, bytes: fileBytes, end, createdAtMs }) {
      segments.push({ generation, path, bytes: fileBytes, end, createdAtMs })
      active = undefined
    },
    released: release,
    takeReleased() {
      const done = (segment: EndedSegment) =>
        compareSpoolPositions({ generation: segment.generation, offset: segment.end }, before) <= 0
      const taken = segments.filter(done)
      segments = segments.filter((segment) => !done(segment))
      return taken
    },
    bytes: () => bytes,
    oldestAtMs: () => (bytes === 0 ? null : (instants[0]?.atMs ?? null)),
  }
}
