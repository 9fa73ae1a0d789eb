import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { encode } from '@msgpack/msgpack'
import type { TestServer } from '../support/server.ts'

/** Numbers that the same seed repeats: mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

export type Sent = { id: string; rows: number; sum: number; acknowledged: boolean }

/**
 * Imports with unique ids until stopped, each repeated until it is answered 200, as fluentd does. Any answer but 200 or a retryable
 * one is a broken promise and is kept in `wrong`.
 */
export function startWriter(server: () => TestServer, table: string, name: string) {
  const sent: Sent[] = []
  const wrong: string[] = []
  let stopped = false
  const done = (async () => {
    for (let n = 0; !stopped; n++) {
      const rows = 1 + (n % 40)
      const records = Array.from({ length: rows }, (_, i) => ({
        time: 1_700_000_000 + n,
        writer: name,
        n,
        i,
        value: n * 100 + i,
      }))
      const sum = records.reduce((total, { value }) => total + value, 0)
      const one: Sent = { id: `${name}-${n}`, rows, sum, acknowledged: false }
      sent.push(one)
      const body = gzipSync(Buffer.concat(records.map((record) => encode(record))))
      await sendUntilAnswered(one, body)
      await pause(5)
    }
  })()

  async function sendUntilAnswered(one: Sent, body: Buffer<ArrayBuffer>): Promise<void> {
    // A writer that is stopped still learns the fate of its last request: it was sent, so it may be stored.
    for (let tries = 0; tries < 2_000; tries++) {
      const { url, apiKey } = server()
      try {
        const response = await fetch(`${url}/v3/table/import_with_id/${table}/${one.id}/msgpack.gz`, {
          method: 'PUT',
          headers: { authorization: `TD1 ${apiKey}` },
          body: new Uint8Array(body),
          signal: AbortSignal.timeout(20_000),
        })
        const text = await response.text()
        if (response.status === 200) {
          one.acknowledged = true
          return
        }
        if (response.status !== 503 && response.status !== 429)
          wrong.push(`${one.id}: ${response.status} ${text}`)
      } catch (error) {
        // The connection was cut by the kill: whether it was stored is unknown, so it is sent again under its id.
        if (!isConnectionFault(error)) throw error
      }
      await pause(20)
    }
    throw new Error(`${one.id} was never answered`)
  }

  return {
    sent,
    wrong,
    async stop(): Promise<void> {
      stopped = true
      await done
    },
  }
}

function isConnectionFault(error: unknown): boolean {
  return error instanceof TypeError || (error as Error).name === 'TimeoutError'
}

/** The pid of the embedded database's postmaster. */
export function postmasterPid({ dataDir }: Pick<TestServer, 'dataDir'>): number {
  return Number(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n', 1)[0])
}

export async function until(
  fact: () => boolean | Promise<boolean>,
  what: string | (() => string | Promise<string>),
  withinMs = 60_000,
): Promise<void> {
  const endMs = performance.now() + withinMs
  while (!(await fact())) {
    if (performance.now() > endMs)
      throw new Error(`not within ${withinMs} ms: ${typeof what === 'string' ? what : await what()}`)
    await pause(50)
  }
}
