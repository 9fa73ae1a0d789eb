import { join } from 'node:path'

/** Where core answers what the edge streams to it. */
export function coreSocketPath(runDir: string): string {
  return join(runDir, 'core.sock')
}
