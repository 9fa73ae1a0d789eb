import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import type { Clock } from '../kernel/index.ts'
import type { IngestSettings } from './config.ts'
import type { Edge } from './edge.ts'

export type EdgeServer = http.Server | https.Server

/**
 * The server for an edge, not listening yet. With `tls` it is https; a new certificate is set with
 * `setSecureContext`. Head limit and idle time are part of the protocol: browsers put whole events into the
 * URL, and a connection closed while it is used again makes them send twice.
 */
export function edgeServer(
  edge: Edge,
  settings: IngestSettings,
  tls?: { cert: string | Buffer; key: string | Buffer },
): EdgeServer {
  const options = {
    maxHeaderSize: settings.headBytes,
    keepAliveTimeout: settings.keepAliveSeconds * 1000,
    requestTimeout: settings.requestSeconds * 1000,
    headersTimeout: Math.min(60, settings.requestSeconds) * 1000,
    connectionsCheckingInterval: 5_000,
    noDelay: true,
  }
  if (tls === undefined) return http.createServer(options, edge.handler)
  return https.createServer({ ...options, ...tls, minVersion: 'TLSv1.2' }, edge.handler)
}

/** Idle connections get this long to be used once more and told to close, before they are cut. */
const IDLE_GRACE_MS = 1_000

/**
 * Stops accepting, answers what is under way with `Connection: close`, and resolves when no connection is left; after
 * `drainSeconds` what remains is cut.
 */
export async function drainServer(
  server: EdgeServer,
  edge: Edge,
  { settings, clock }: { settings: IngestSettings; clock: Clock },
): Promise<void> {
  edge.startDraining()
  const closed = new AbortController()
  // Not `server.close`: that one cuts idle connections at once, in the face of a request already on its way.
  net.Server.prototype.close.call(server, () => closed.abort())
  await clock.sleep(IDLE_GRACE_MS, closed.signal)
  const untilMs = clock.monotonicMs() + settings.drainSeconds * 1000
  while (!closed.signal.aborted && clock.monotonicMs() < untilMs) {
    server.closeIdleConnections()
    await clock.sleep(50, closed.signal)
  }
  server.closeAllConnections()
  edge.close()
}
