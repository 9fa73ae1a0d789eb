import { Agent, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { restClient } from '../../script/support/client.ts'
import { startServer } from '../support/server.ts'

export type MillracePeer = {
  /** Seconds until every body is acknowledged, and until every row is queryable, counted from the first request. */
  importAll(
    bodies: Buffer[],
    rows: number,
    connections: number,
  ): Promise<{ accepted: number; queryable: number }>
  stop(): Promise<void>
}

/** A whole Millrace with its defaults, over its public API. */
export async function startMillrace(): Promise<MillracePeer> {
  const server = await startServer()
  const client = restClient(server.url, server.apiKey)
  await client.ensure('/v3/database/create/peer')
  let round = 0
  return {
    async importAll(bodies, rows, connections) {
      const table = `views_${++round}`
      await client.ensure(`/v3/table/create/peer/${table}/log`)
      const agent = new Agent({ keepAlive: true, maxSockets: connections })
      const startedMs = performance.now()
      const elapsed = () => (performance.now() - startedMs) / 1000
      let next = 0
      await Promise.all(
        Array.from({ length: connections }, async () => {
          while (next < bodies.length) {
            const n = next++
            await put(
              agent,
              `${server.url}/v3/table/import_with_id/peer/${table}/${n}/msgpack.gz`,
              server.apiKey,
              bodies[n]!,
            )
          }
        }),
      )
      const accepted = elapsed()
      const stored = async () =>
        Number((await client.query('peer', `SELECT count(*) FROM ${table}`)).rows[0]![0])
      while ((await stored()) < rows) await pause(20)
      agent.destroy()
      return { accepted, queryable: elapsed() }
    },
    async stop() {
      await server.stop()
      server.remove()
    },
  }
}

function put(agent: Agent, url: string, key: string, body: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `TD1 ${key}`,
      'content-type': 'application/octet-stream',
      'content-length': body.length,
    }
    const call = request(url, { agent, method: 'PUT', headers }, (response) => {
      response.resume().on('end', () => {
        if (response.statusCode === 200) resolve()
        else reject(new Error(`PUT ${url}: ${response.statusCode}`))
      })
    })
    call.on('error', reject)
    call.end(body)
  })
}
