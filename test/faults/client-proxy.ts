import { createServer, connect as dial, type Socket } from 'node:net'

/**
 * What happens to a connection when a client sends. request: the server gets a part of it, then both sides are cut · answer: the server
 * gets all of it, the client a part of the answer or nothing.
 */
export type ClientCut = 'none' | 'request' | 'answer'

const LONGEST_PART_OF_ANSWER = 150

/**
 * A relay between clients and a node that may be restarted on another port. `target` says where the node listens now; `nextCut` is asked
 * at every piece a client sends; `share` (0 to 1) says how much of it passes.
 */
export async function startClientProxy(
  target: () => number | undefined,
  nextCut: () => ClientCut,
  share: () => number,
) {
  const open = new Set<Socket>()
  const server = createServer((client) => {
    const port = target()
    if (port === undefined) return void client.destroy()
    const upstream = dial(port, '127.0.0.1')
    for (const socket of [client, upstream]) {
      open.add(socket)
      // A cut connection is what this proxy is for.
      socket.on('error', () => undefined)
      socket.on('close', () => open.delete(socket))
    }
    let answerLeft = Number.POSITIVE_INFINITY
    const cutBoth = () => {
      client.destroy()
      upstream.destroy()
    }
    client.on('data', (bytes: Buffer) => {
      const cut = nextCut()
      if (cut === 'request') {
        upstream.write(bytes.subarray(0, Math.floor(bytes.length * share())), cutBoth)
        return
      }
      if (cut === 'answer') answerLeft = Math.floor(LONGEST_PART_OF_ANSWER * share())
      if (!upstream.write(bytes)) {
        client.pause()
        upstream.once('drain', () => client.resume())
      }
    })
    upstream.on('data', (bytes: Buffer) => {
      if (bytes.length < answerLeft) {
        answerLeft -= bytes.length
        client.write(bytes)
      } else if (answerLeft === 0) cutBoth()
      else client.write(bytes.subarray(0, answerLeft), cutBoth)
    })
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
