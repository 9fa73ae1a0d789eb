import { Counter, type Registry } from '../kernel/index.ts'

export type IngestMetrics = {
  accepted(protocol: string, bytes: number): void
  refused(code: string): void
  forwarded(): void
  /** Events acknowledged, by channel. */
  events(channel: string, count: number): void
  /** Events refused one by one inside an accepted request, by reason. */
  eventsRefused(reason: string, count: number): void
  /** A browser's own repeat of a request that was never answered, recognised here. */
  repeated(): void
}

/** Counted in plain numbers and handed to the registry when it is read: the accept path runs a hundred thousand times between. */
export function ingestMetrics(registry: Registry): IngestMetrics {
  const requests = new Map<string, number>()
  const bytes = new Map<string, number>()
  const refusals = new Map<string, number>()
  const forwards = new Map<string, number>()
  const events = new Map<string, number>()
  const eventRefusals = new Map<string, number>()
  const repeats = new Map<string, number>()
  const counter = (name: string, help: string, label: string, values: Map<string, number>) =>
    new Counter({
      name,
      help,
      labelNames: [label],
      registers: [registry],
      collect() {
        this.reset()
        for (const [value, count] of values) this.inc({ [label]: value }, count)
      },
    })
  counter(
    'millrace_ingest_accepted_total',
    'Imports and requests with events acknowledged, after the sync, by protocol',
    'protocol',
    requests,
  )
  counter(
    'millrace_ingest_accepted_bytes_total',
    'Bytes of the bodies of acknowledged requests as received, by protocol',
    'protocol',
    bytes,
  )
  counter('millrace_ingest_refused_total', 'Requests the edge refused, by error code', 'code', refusals)
  counter(
    'millrace_ingest_forwarded_total',
    'Requests passed on to core: everything that is no import and no event',
    'to',
    forwards,
  )
  counter(
    'millrace_ingest_events_total',
    'Events acknowledged, after the sync, by channel',
    'channel',
    events,
  )
  counter(
    'millrace_ingest_events_refused_total',
    'Events refused with a receipt, by reason; they become error records',
    'reason',
    eventRefusals,
  )
  counter(
    'millrace_ingest_repeats_total',
    'Requests a browser sent again by itself, answered without storing them again',
    'channel',
    repeats,
  )
  const add = (to: Map<string, number>, name: string, count: number) =>
    to.set(name, (to.get(name) ?? 0) + count)
  return {
    accepted(protocol, size) {
      add(requests, protocol, 1)
      add(bytes, protocol, size)
    },
    refused: (code) => void add(refusals, code, 1),
    forwarded: () => void add(forwards, 'core', 1),
    events: (channel, count) => void add(events, channel, count),
    eventsRefused: (reason, count) => void add(eventRefusals, reason, count),
    repeated: () => void add(repeats, 'browser', 1),
  }
}
