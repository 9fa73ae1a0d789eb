import { join } from 'node:path'

/** Where core answers what the edge streams to it. */
export function coreSocketPath(runDir: string): string {
  return join(runDir, 'core.sock')
}

/** Where core answers what comes in at the gateway's port. */
export function gatewaySocketPath(runDir: string): string {
  return join(runDir, 'gateway.sock')
}

/** Where results grow until they are whole; each process has a directory of its own in it. */
export function draftsIn(dataDir: string): string {
  return join(dataDir, 'result-drafts')
}

/** Where parts of bulk imports grow until they are whole; each process has a directory of its own in it. */
export function incomingPartsIn(dataDir: string): string {
  return join(dataDir, 'incoming-parts')
}
