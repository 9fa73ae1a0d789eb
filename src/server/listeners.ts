import { lookup } from 'node:dns/promises'
import net from 'node:net'
import { getSystemErrorName } from 'node:util'
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
export async function holdSocket(host: string, port: number): Promise<HeldSocket> {
  const refuse = (why: string, cause?: unknown) => serverErrors.port_taken(`${host}:${port} (${why})`, cause)
  const { address, family } = await lookup(host).catch((error: NodeJS.ErrnoException) => {
    throw refuse(error.code ?? error.message, error)
  })
  const createHandle = (net as unknown as { _createServerHandle: HandleMaker })._createServerHandle
  const handle = createHandle(address, port, family === 6 ? 6 : 4)
  if (typeof handle === 'number') throw refuse(getSystemErrorName(handle))
  const bound: { address?: string; port?: number } = {}
  // libuv keeps "address in use" back until something is done with the socket; unnoticed, the children would listen on a random port.
  const error = handle.getsockname(bound)
  if (error !== 0) {
    handle.close()
    throw refuse(getSystemErrorName(error))
  }
  return { fd: handle.fd, host, port: bound.port ?? port, close: () => handle.close() }
}

/** In the child: the number under which the inherited socket arrives (0–2 are the standard streams, 3 the channel). */
export const INHERITED_SOCKET_FD = 4
/** The gateway's, which comes behind it. */
export const INHERITED_GATEWAY_FD = 5
