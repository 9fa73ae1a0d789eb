import net from 'node:net'
import { serverErrors } from './errors.ts'

/** A listening socket held by the supervisor; children inherit `fd`, so a restarting child never refuses a connection. */
export type HeldSocket = { fd: number; host: string; port: number; close(): void }

type Handle = { fd: number; getsockname(out: { address?: string; port?: number }): number; close(): void }
type HandleMaker = (host: string, port: number, family: 4 | 6, fd?: number) => Handle | number

/**
 * Binds a TCP socket without accepting on it. `net.Server` would accept in this process too, and Node has no
 * documented way to only bind; `net._createServerHandle` is what its own cluster module uses for the same purpose.
 * @throws port_taken (final)
 */
export function holdSocket(host: string, port: number): HeldSocket {
  const createHandle = (net as unknown as { _createServerHandle: HandleMaker })._createServerHandle
  const handle = createHandle(host, port, net.isIPv6(host) ? 6 : 4)
  if (typeof handle === 'number') throw serverErrors.port_taken(`${host}:${port} (error ${handle})`)
  const bound: { address?: string; port?: number } = {}
  handle.getsockname(bound)
  return { fd: handle.fd, host, port: bound.port ?? port, close: () => handle.close() }
}

/** In the child: the number under which the inherited socket arrives (0–2 are the standard streams, 3 the channel). */
export const INHERITED_SOCKET_FD = 4
