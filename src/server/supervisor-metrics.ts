import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type DiskState, diskMetrics } from '../disk/index.ts'
import type { GateState } from '../gate/index.ts'
import {
  type Clock,
  Counter,
  createRegistry,
  Gauge,
  type Log,
  processMetrics,
  type Registry,
} from '../kernel/index.ts'
import type { ChildView } from './children.ts'

const CERTIFICATE_EVERY_MS = 600_000

export type SupervisorFacts = {
  gate(): GateState
  children(): ChildView[]
  disk: { current(): DiskState }
  /** Of the public port; absent for plain http. */
  certificatePath?: string
  clock: Pick<Clock, 'monotonicMs'>
  log: Log
}

/** What only the supervisor knows: the gate, the life of its children, the disk, the certificate. */
export function supervisorMetrics({
  gate,
  children,
  disk,
  certificatePath,
  clock,
  log,
}: SupervisorFacts): Registry {
  const registry = createRegistry('supervisor')
  const registers = [registry]
  processMetrics(registry)
  diskMetrics(registry, disk)
  new Gauge({
    name: 'millrace_gate_open',
    help: '1 while the main database may be used, else 0; the mode is in the label',
    labelNames: ['mode'],
    registers,
    collect() {
      const { mode } = gate()
      this.reset()
      this.set({ mode }, mode === 'serving' || mode === 'recovering' ? 1 : 0)
    },
  })
  new Gauge({
    name: 'millrace_gate_epoch',
    help: 'Number of the present epoch of the main database',
    registers,
    collect() {
      this.set(gate().epoch)
    },
  })
  new Gauge({
    name: 'millrace_process_up',
    help: '1 while the process runs and has come through its start, else 0',
    labelNames: ['process'],
    registers,
    collect() {
      for (const { name, state } of children()) this.set({ process: name }, state === 'ready' ? 1 : 0)
    },
  })
  new Counter({
    name: 'millrace_process_restarts_total',
    help: 'Restarts of the process since the supervisor started: planned by millrace restart, or after an end nobody asked for',
    labelNames: ['process', 'planned'],
    registers,
    collect() {
      this.reset()
      for (const { name, restarts, planned } of children()) {
        this.inc({ process: name, planned: 'no' }, restarts)
        this.inc({ process: name, planned: 'yes' }, planned)
      }
    },
  })
  if (certificatePath !== undefined) certificateMetrics(registry, { path: certificatePath, clock, log })
  return registry
}

/** Read again now and then: it is replaced without a restart. */
export function certificateMetrics(
  registry: Registry,
  { path, clock, log }: { path: string; clock: Pick<Clock, 'monotonicMs'>; log: Log },
): void {
  let readMs = Number.NEGATIVE_INFINITY
  new Gauge({
    name: 'millrace_certificate_expires_timestamp_seconds',
    help: 'When the certificate of the public port ends, in seconds since 1970; only with TLS',
    registers: [registry],
    collect() {
      if (clock.monotonicMs() - readMs < CERTIFICATE_EVERY_MS) return
      readMs = clock.monotonicMs()
      try {
        this.set(Date.parse(new X509Certificate(readFileSync(path)).validTo) / 1000)
      } catch (error) {
        log.warn({ err: error, path }, 'the end of the certificate could not be read')
      }
    },
  })
}
