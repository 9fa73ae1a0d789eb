import { hash } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import type { Log } from '../kernel/index.ts'

export type Digester = {
  /** Tells the MD5 (hex) of shared bytes, in a later turn. They must not change before. */
  start(body: Buffer, told: (md5: string) => void): void
  close(): void
}

/** In text, because a path to a TypeScript file would not be there in a built package. */
const THREAD = `
const { parentPort } = require('node:worker_threads')
const { hash } = require('node:crypto')
parentPort.on('message', ({ id, shared, bytes }) => {
  parentPort.postMessage({ id, md5: hash('md5', Buffer.from(shared, 0, bytes), 'hex') })
})`

type Order = { body: Buffer; told(md5: string): void }

/**
 * The MD5 of large bodies on a thread of its own, while the disk writes them: it takes longer than everything else an
 * import costs. The thread is started by the first body; should it end, the rest is done here.
 */
export function createDigester({ log }: { log: Log }): Digester {
  const orders = new Map<number, Order>()
  let lastId = 0
  let thread: Worker | undefined

  const startThread = () => {
    const started = new Worker(THREAD, { eval: true, execArgv: [] })
    started.unref()
    started.on('message', ({ id, md5 }: { id: number; md5: string }) => {
      const order = orders.get(id)
      orders.delete(id)
      order?.told(md5)
    })
    // Followed by the exit.
    started.on('error', (err) => log.error({ err }, 'the thread that digests bodies failed'))
    started.on('exit', () => {
      if (thread === started) thread = undefined
      const left = [...orders.values()]
      orders.clear()
      for (const { body, told } of left) told(hash('md5', body, 'hex'))
    })
    return started
  }

  return {
    start(body, told) {
      thread ??= startThread()
      orders.set(++lastId, { body, told })
      thread.postMessage({ id: lastId, shared: body.buffer, bytes: body.length })
    },
    close() {
      void thread?.terminate()
    },
  }
}
