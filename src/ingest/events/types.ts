import type { Clock } from '../../kernel/index.ts'
import type { SpoolWriter } from '../../spool/index.ts'
import type { IngestSettings } from '../config.ts'
import type { TrustedProxies } from '../forwarded.ts'
import type { IngestMetrics } from '../metrics.ts'
import type { Directory } from '../types.ts'

/** How events came: the loader's rules for time, uuid and values differ by it. */
export type Channel = 'js' | 'js-legacy' | 'records' | 'mobile-legacy' | 'postback'

export type EventOptions = {
  spool: SpoolWriter
  directory: Directory
  settings: IngestSettings
  proxies: TrustedProxies
  clock: Clock
  metrics: IngestMetrics
  /** Random uuids, for events that have none. */
  makeUuid?(): string
  /** No other process of this node takes events. */
  alone: boolean
  isDraining(): boolean
}
