import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

export type Asked = {
  method: string
  path: string
  query: URLSearchParams
  form: URLSearchParams
  headers: IncomingMessage['headers']
}
export type Answered = { status?: number; body: unknown; headers?: Record<string, string> }

/** A server on loopback that answers by a function and keeps what it was asked. */
export async function startRecorder(answer: (asked: Asked) => Answered) {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const url = new URL(request.url!, 'http://x')
      const one = {
        method: request.method!,
        path: url.pathname,
        query: url.searchParams,
        form: new URLSearchParams(body),
        headers: request.headers,
      }
      asked.push(one)
      const { status = 200, body: value, headers } = answer(one)
      response.writeHead(status, headers).end(typeof value === 'string' ? value : JSON.stringify(value))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
