import { HAS_PLACEHOLDER, IS_OBJECT, IS_TOO_DEEP, type Member, type Scan } from './scan.ts'

/** Documented by the vendor as 1 MB for a record. */
export const MOST_EVENT_BYTES = 1024 * 1024

/** Why one event of a request cannot be stored; the fact `reason` of what goes to the error records. */
export type RefusalReason = 'not-an-object' | 'too-large' | 'too-deep' | 'name-invalid' | 'not-json'
type EventFault = Exclude<RefusalReason, 'name-invalid' | 'not-json'>

/** What a list of events comes to: what is stored, what is refused, and what the sender is told about each. */
export type Sorted = {
  /** JSON values of the good events, in the sender's own bytes; undefined when there is none. */
  good: Buffer | undefined
  goodCount: number
  refused: { reason: RefusalReason; text: Buffer; count: number }[]
  /** JSON of the receipts, one for each event in order; ASCII. */
  receipts: string
  hasPlaceholder: boolean
}

/** The names at which a device deletes the event instead of sending it for ever (keen-client-java KeenClient.java). */
const DESCRIBED: Record<EventFault, (event: number) => string> = {
  'not-an-object': (event) => `event ${event} is not an object`,
  'too-large': (event) => `event ${event} is larger than ${MOST_EVENT_BYTES} bytes`,
  'too-deep': (event) => `event ${event} is nested deeper than 1000 levels`,
}

const OK = '{"success":true}'
const SEPARATOR = Buffer.from('\n')
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/**
 * Sorts the events of a list. `makeUuid`: every receipt carries the event's uuid, or one made for it
 * (ingestion API); undefined: receipts of devices of the first generation, which carry none.
 */
export function sortEvents(
  body: Buffer,
  scan: Scan,
  { firstEvent, count, insideStart, insideEnd }: Member,
  makeUuid: (() => string) | undefined,
): Sorted {
  let receipts = ''
  let allFlags = 0
  let refusedAt: { event: number; reason: EventFault }[] | undefined
  for (let at = 0; at < count; at++) {
    const event = firstEvent + at
    const reason = reasonToRefuse(scan, event)
    if (at > 0) receipts += ','
    if (reason === undefined) {
      allFlags |= scan.flags[event]!
      receipts +=
        makeUuid === undefined ? OK : `{"success":true,"uuid":"${uuidOf(body, scan, event, makeUuid)}"}`
    } else {
      refusedAt ??= []
      refusedAt.push({ event, reason })
      receipts += refusedReceipt('InvalidPropertyValueError', DESCRIBED[reason](at))
    }
  }
  const goodCount = count - (refusedAt?.length ?? 0)
  const common = { goodCount, receipts, hasPlaceholder: (allFlags & HAS_PLACEHOLDER) !== 0 }
  if (refusedAt === undefined)
    return { ...common, good: count === 0 ? undefined : body.subarray(insideStart, insideEnd), refused: [] }

  const slice = (event: number) => body.subarray(scan.start[event], scan.end[event])
  const isRefused = new Set(refusedAt.map(({ event }) => event))
  const good = Array.from({ length: count }, (_, at) => firstEvent + at).filter(
    (event) => !isRefused.has(event),
  )
  const refused = Object.entries(Object.groupBy(refusedAt, ({ reason }) => reason)).map(
    ([reason, events]) => ({
      reason: reason as RefusalReason,
      text: joined(events.map(({ event }) => slice(event))),
      count: events.length,
    }),
  )
  return { ...common, good: goodCount === 0 ? undefined : joined(good.map(slice)), refused }
}

/** Why the event cannot be stored as one. */
export function reasonToRefuse(scan: Scan, event: number): EventFault | undefined {
  const flags = scan.flags[event]!
  if ((flags & IS_OBJECT) === 0) return 'not-an-object'
  if ((flags & IS_TOO_DEEP) !== 0) return 'too-deep'
  return scan.end[event]! - scan.start[event]! > MOST_EVENT_BYTES ? 'too-large' : undefined
}

export function refusedReceipt(name: string, description: string): string {
  return `{"success":false,"error":{"name":"${name}","description":"${description}"}}`
}

/** As sent when it is one, so that the sender recognises it; else made. */
export function uuidOf(body: Buffer, scan: Scan, event: number, makeUuid: () => string): string {
  const at = scan.uuidAt[event]!
  if (at === -1) return makeUuid()
  const uuid = body.toString('latin1', at, at + 36)
  return UUID.test(uuid) ? uuid : makeUuid()
}

function joined(slices: Buffer[]): Buffer {
  return Buffer.concat(slices.flatMap((slice, at) => (at === 0 ? [slice] : [SEPARATOR, slice])))
}
