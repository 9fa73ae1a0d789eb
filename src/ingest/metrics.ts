import { Counter, type Registry } from '../kernel/index.ts'

export type IngestMetrics = {
  accepted(protocol: string, bytes: number): void
  refused(code: string): void
  forwarded(): void
}

/** Counted in plain numbers and handed to the registry when it is read: the accept path runs a hundred thousand times between. */
export function ingestMetrics(registry: Registry): IngestMetrics {
  const requests = new Map<string, number>()
  const bytes = new Map<string, number>()
  const refusals = new Map<string, number>()
  const forwards = new Map<string, number>()
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
  counter('millrace_ingest_accepted_total', 'Requests acknowledged after the sync', 'protocol', requests)
  counter('millrace_ingest_accepted_bytes_total', 'Bytes of their bodies', 'protocol', bytes)
  counter('millrace_ingest_refused_total', 'Requests refused, by error code', 'code', refusals)
  counter('millrace_ingest_forwarded_total', 'Requests passed on to core', 'to', forwards)
  const add = (to: Map<string, number>, name: string, count: number) =>
    to.set(name, (to.get(name) ?? 0) + count)
  return {
    accepted(protocol, size) {
      add(requests, protocol, 1)
      add(bytes, protocol, size)
    },
    refused: (code) => void add(refusals, code, 1),
    forwarded: () => void add(forwards, 'core', 1),
  }
}
