import type { IncomingMessage, ServerResponse } from 'node:http'
import { httpErrors } from '../kernel/http/errors.ts'
import type { Clock, Log } from '../kernel/index.ts'
import { answerRefusal } from './answer.ts'
import type { IngestSettings } from './config.ts'
import type { Edge } from './edge.ts'
import { createForwarder } from './forward.ts'
import { trustedProxies } from './forwarded.ts'
import type { IngestMetrics } from './metrics.ts'

export type DoorOptions = {
  /** Unix socket of what stands behind the door. */
  socketPath: string
  settings: IngestSettings
  clock: Clock
  log: Log
  metrics: IngestMetrics
}

/** A second public port, all of whose requests are served behind a Unix socket of core; core's restart is a slow answer here too. */
export function createDoor({ socketPath, settings, clock, log, metrics }: DoorOptions): Edge {
  let draining = false
  const forwarder = createForwarder({
    coreSocketPath: socketPath,
    coreWaitSeconds: settings.coreWaitSeconds,
    proxies: trustedProxies(settings.trustedProxies),
    clock,
    log,
    metrics,
    isDraining: () => draining,
  })
  return {
    handler(request: IncomingMessage, response: ServerResponse) {
      if (draining) response.shouldKeepAlive = false
      forwarder.forward(request, response).catch((err: unknown) => {
        log.error({ err, method: request.method }, 'request failed')
        answerRefusal(response, httpErrors.internal('gateway', err))
      })
    },
    startDraining() {
      draining = true
    },
    close: () => forwarder.close(),
  }
}
