import { createServer, connect as dial, type Server, type Socket } from 'node:net'
import type { DatabaseAddress } from '../gate/index.ts'

/**
 * What happens to the connection when a COMMIT comes by. before: the server never gets it · after: the server gets it,
 * the client hears nothing · reply: the server has answered, the answer is lost · late: the client hears nothing at
 * once, and the server gets it only 150 ms later · never: the server is never told and its side stays open.
 */
export const CUTS = ['none', 'before', 'after', 'reply', 'late', 'never'] as const
export type Cut = (typeof CUTS)[number]

/** A relay in front of a PostgreSQL server that understands just enough of the protocol to see a COMMIT. */
export async function startCuttingProxy(target: DatabaseAddress, nextCut: () => Cut) {
  const open = new Set<Socket>()
  const counts = new Map<Cut, number>()
  let refusing = false
  const server: Server = createServer((client) => {
    if (refusing) return void client.destroy()
    const upstream = target.host.startsWith('/')
      ? dial(`${target.host}/.s.PGSQL.${target.port}`)
      : dial(target.port, target.host)
    for (const socket of [client, upstream]) {
      open.add(socket)
      // A cut connection is what this proxy is for.
      socket.on('error', () => undefined)
      socket.on('close', () => open.delete(socket))
    }
    const seesCommit = commitDetector()
    let cut: Cut = 'none'
    upstream.on('data', (bytes: Buffer) => {
      if (cut === 'none') client.write(bytes)
      else client.destroy()
    })
    upstream.on('close', () => client.destroy())
    client.on('close', () => {
      if (cut !== 'late' && cut !== 'never') upstream.end()
    })
    client.on('data', (bytes: Buffer) => {
      if (!seesCommit(bytes)) return void upstream.write(bytes)
      cut = nextCut()
      counts.set(cut, (counts.get(cut) ?? 0) + 1)
      if (cut === 'before') upstream.destroy()
      else if (cut === 'late') setTimeout(() => upstream.end(bytes), 150)
      else if (cut !== 'never') upstream.write(bytes)
      if (cut !== 'none' && cut !== 'reply') client.destroy()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return {
    address: { ...target, host: '127.0.0.1', port },
    /** How often each cut was made. */
    counts,
    /** From now on every new connection is cut at once. */
    refuse: (value: boolean) => {
      refusing = value
    },
    async stop() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Follows the messages of a client; true for the bytes with which a simple query `COMMIT` is complete. */
function commitDetector() {
  let rest = Buffer.alloc(0)
  let started = false
  return (bytes: Buffer): boolean => {
    rest = Buffer.concat([rest, bytes])
    let found = false
    for (;;) {
      // The startup message has no type byte.
      const lengthAt = started ? 1 : 0
      if (rest.length < lengthAt + 4) return found
      const end = lengthAt + rest.readUInt32BE(lengthAt)
      if (rest.length < end) return found
      if (started && rest[0] === 0x51 && rest.toString('utf8', 5, end - 1) === 'COMMIT') found = true
      started = true
      rest = rest.subarray(end)
    }
  }
}
