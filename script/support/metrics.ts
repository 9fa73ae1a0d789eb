import { alertMetrics } from '../../src/alerts/index.ts'
import { archiveMetrics } from '../../src/archive/metrics.ts'
import { openDatabase } from '../../src/database/index.ts'
import { diskUsageMetrics, UNKNOWN_DISK } from '../../src/disk/index.ts'
import { createStaticGate, unknownState } from '../../src/gate/index.ts'
import { ingestMetrics } from '../../src/ingest/index.ts'
import { jobMetrics } from '../../src/jobs/index.ts'
import { processMetrics, Registry, randomIds, silentLog, systemClock } from '../../src/kernel/index.ts'
import { createIdSweep, loadMetrics } from '../../src/load/index.ts'
import { headRoomMetrics } from '../../src/server/roles/head-room.ts'
import { certificateMetrics, supervisorMetrics } from '../../src/server/supervisor-metrics.ts'
import { spoolMetrics } from '../../src/spool/index.ts'

export type MetricFamily = { name: string; help: string; type: string; labels: string[] }
const [clock, log] = [systemClock, silentLog]
const gate = createStaticGate(unknownState('no server', new Date(0)))
const database = (metrics: Registry) =>
  openDatabase({ gate, clock, log, ids: randomIds, maxConnections: 1, metrics })

/** What each role's process registers; a test compares it with what the processes of a running server report. */
const ROLES: Record<string, (registry: Registry) => void> = {
  'every process': processMetrics,
  supervisor(registry) {
    const own = supervisorMetrics({
      gate: () => gate.current(),
      children: () => [],
      disk: { current: () => UNKNOWN_DISK },
      clock,
      log,
    })
    for (const metric of own.getMetricsAsArray()) registry.registerMetric(metric as never)
    certificateMetrics(registry, { path: '', clock, log })
  },
  ingest(registry) {
    ingestMetrics(registry)
    const usage = () => ({ pendingBytes: 0, quotaBytes: 0, oldestPendingAtMs: null })
    spoolMetrics(registry).watch({ usage }, () => 0)
  },
  loader(registry) {
    loadMetrics(registry, clock.now)
    createIdSweep({ database: database(registry), clock, log, metrics: registry })
    spoolMetrics(registry)
  },
  archivist(registry) {
    archiveMetrics(registry)
    diskUsageMetrics(registry, { last: () => [] })
    database(registry)
  },
  core(registry) {
    database(registry)
    jobMetrics(registry, { waitingJobs: () => [], reserved: { left: 0 } })
    headRoomMetrics(registry)
    alertMetrics(registry)
  },
  worker: (registry) => void database(registry),
}

/** Every family with the roles that report it, by name. */
export function metricFamilies(): (MetricFamily & { roles: string[] })[] {
  const families = new Map<string, MetricFamily & { roles: string[] }>()
  for (const [role, register] of Object.entries(ROLES)) {
    const registry = new Registry()
    register(registry)
    for (const metric of registry.getMetricsAsArray()) {
      const {
        name,
        help,
        type,
        labelNames: labels,
      } = metric as unknown as MetricFamily & {
        labelNames: string[]
      }
      const roles = families.get(name)?.roles ?? []
      if (!roles.includes('every process')) roles.push(role)
      families.set(name, { name, help, type, labels, roles })
    }
  }
  return [...families.values()].sort((a, b) => a.name.localeCompare(b.name))
}
