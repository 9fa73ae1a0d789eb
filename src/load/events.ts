import type { SpooledRecord, SpoolRecord } from '../spool/index.ts'
import type { LoadSettings } from './config.ts'
import {
  EVENT_CHANNELS,
  type EventChannel,
  type EventOptions,
  type Gunzipped,
  gunzipLimited,
  possibleIds,
} from './decode/index.ts'

/** A request's events as they are decoded, and the ids they may have. */
export type PreparedEvents = { expanded: Gunzipped; ids: string[] }

/**
 * Expands the events of a batch once, however often it is built, and finds the ids to ask the database for. Ends where
 * the batch would become larger than memory allows: what follows is left to the next one.
 */
export function prepareEvents(
  records: SpooledRecord[],
  settings: LoadSettings,
): Map<SpoolRecord, PreparedEvents> {
  const prepared = new Map<SpoolRecord, PreparedEvents>()
  let bytes = 0
  for (const { record } of records) {
    if (record.kind !== 'events') continue
    if (bytes >= settings.batchExpandedBytes) break
    const expanded = expandEvents(record, settings)
    const ids = expanded.kind === 'expanded' ? possibleIds(expanded.bytes, record.facts.channel!) : []
    if (expanded.kind === 'expanded') bytes += expanded.bytes.length
    prepared.set(record, { expanded, ids })
  }
  return prepared
}

export function expandEvents(record: SpoolRecord, settings: LoadSettings): Gunzipped {
  const { body, facts } = record
  const expanded: Gunzipped =
    facts['content-encoding'] === 'gzip'
      ? gunzipLimited(body, settings)
      : { kind: 'expanded', bytes: body, trailing: null }
  if (expanded.kind === 'expanded' && facts.channel === 'js-legacy')
    return { ...expanded, bytes: joinSurrogates(expanded.bytes) }
  return expanded
}

/** How the events of this request are to be read. */
export function eventOptions(
  { facts, receivedAtMs }: SpoolRecord,
  isRepeat: (id: string) => boolean,
): EventOptions {
  return {
    channel: facts.channel as EventChannel,
    receivedAtSeconds: Math.floor(receivedAtMs / 1000),
    set: facts.set,
    replace: facts.replace,
    queryTime: facts['query-time'],
    isRepeat,
  }
}

/** Whether this version can load it; undefined = yes, otherwise what it is. */
export function unknownKind({ kind, facts }: SpoolRecord): string | undefined {
  if (kind === 'import' || kind === 'refused-events') return undefined
  if (kind !== 'events') return kind
  const isKnown = (EVENT_CHANNELS as readonly string[]).includes(facts.channel ?? '')
  return isKnown ? undefined : `events of the channel ${facts.channel}`
}

/**
 * td-js-sdk 1.x and 2.x encode each half of a surrogate pair as three bytes (CESU-8, event-collection reference §2.2):
 * joins the halves to the four bytes UTF-8 has for the character.
 */
export function joinSurrogates(bytes: Buffer): Buffer {
  let at = nextPair(bytes, 0)
  if (at < 0) return bytes
  const parts: Buffer[] = []
  let from = 0
  for (; at >= 0; at = nextPair(bytes, from)) {
    parts.push(bytes.subarray(from, at), Buffer.from(characterAt(bytes, at)))
    from = at + 6
  }
  parts.push(bytes.subarray(from))
  return Buffer.concat(parts)
}

const LEAD = 0xed

function nextPair(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(LEAD, from); at >= 0; at = bytes.indexOf(LEAD, at + 1)) {
    const isHigh = (bytes[at + 1]! & 0xf0) === 0xa0
    const isLow = bytes[at + 3] === LEAD && (bytes[at + 4]! & 0xf0) === 0xb0
    if (isHigh && isLow && at + 6 <= bytes.length) return at
  }
  return -1
}

function characterAt(bytes: Buffer, at: number): string {
  const unit = (start: number) => 0xd000 | ((bytes[start + 1]! & 0x3f) << 6) | (bytes[start + 2]! & 0x3f)
  return String.fromCharCode(unit(at), unit(at + 3))
}
