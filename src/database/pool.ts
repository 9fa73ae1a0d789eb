import type { DatabaseAddress } from '../gate/index.ts'
import type { Clock, Log } from '../kernel/index.ts'
import { type Connection, type ConnectOptions, connect } from './connection.ts'
import { connectFailure } from './failures.ts'

const IDLE_MS = 60_000
const MOST_CONNECT_MS = 5_000

/** The connections of one process to the database of one epoch. */
export type Pool = {
  /**
   * Hands out a connection, in order of arrival. A server without a free connection is asked again until `untilMs`.
   * @throws PoolTimeout when none became free in time; else what the driver throws.
   */
  acquire(untilMs: number): Promise<Connection>
  release(connection: Connection): void
  /** Closes what is idle at once and the rest as it comes back; resolves when all are closed. */
  close(): Promise<void>
}

/** Every connection was busy, or the server had none to give, until the caller's deadline. */
export class PoolTimeout extends Error {}

export function createPool({
  address,
  most,
  options,
  clock,
  log,
}: {
  address: DatabaseAddress
  most: number
  options: Omit<ConnectOptions, 'connectTimeoutMs'>
  clock: Clock
  log: Log
}): Pool {
  const idle: { connection: Connection; sinceMs: number }[] = []
  const waiting = new Set<(offered: Connection | undefined) => void>()
  let open = 0
  let closing = false
  const empty = Promise.withResolvers<void>()
  const sweeping = new AbortController()

  function gone() {
    open--
    offer(undefined)
    if (closing && open === 0) empty.resolve()
  }
  /** Hands a connection, or the room for a new one, to whoever waits longest; false when nobody does. */
  function offer(connection: Connection | undefined): boolean {
    for (const take of waiting) {
      waiting.delete(take)
      take(connection)
      return true
    }
    return false
  }
  /** Resolves with a connection that was handed over, or with undefined: look again. */
  function waitTurn(ms: number): Promise<Connection | undefined> {
    return new Promise((resolve) => {
      const woken = new AbortController()
      const take = (offered: Connection | undefined) => {
        woken.abort()
        resolve(offered)
      }
      waiting.add(take)
      void clock.sleep(ms, woken.signal).then(() => {
        if (waiting.delete(take)) resolve(undefined)
      })
    })
  }
  function takeIdle(): Connection | undefined {
    for (let last = idle.pop(); last !== undefined; last = idle.pop()) {
      if (last.connection.alive) return last.connection
      gone()
    }
    return undefined
  }
  async function connectOne(untilMs: number): Promise<Connection> {
    open++
    try {
      const leftMs = untilMs - clock.monotonicMs()
      const connectTimeoutMs = Math.ceil(Math.min(MOST_CONNECT_MS, Math.max(250, leftMs)))
      return await connect(address, { ...options, connectTimeoutMs })
    } catch (error) {
      gone()
      throw error
    }
  }

  async function acquire(untilMs: number): Promise<Connection> {
    for (let refusals = 0; ; ) {
      if (closing) throw new PoolTimeout('the connections of this epoch are being closed')
      const ready = takeIdle()
      if (ready !== undefined) return ready
      let patienceMs = untilMs - clock.monotonicMs()
      if (open < most) {
        try {
          return await connectOne(untilMs)
        } catch (error) {
          if (connectFailure(error) !== 'full') throw error
          if (refusals++ === 0) log.warn('the main database has no free connection; waiting for one')
          patienceMs = Math.min(untilMs - clock.monotonicMs(), 1_000, 50 * 2 ** refusals)
        }
      }
      if (patienceMs <= 0) throw new PoolTimeout('no connection to the main database became free')
      const offered = await waitTurn(patienceMs)
      if (offered !== undefined) return offered
    }
  }

  /** Runs only while something is idle: a pool that holds no connection holds nothing else either. */
  let isSweeping = false
  async function sweep() {
    if (isSweeping) return
    isSweeping = true
    while (!sweeping.signal.aborted && idle.length > 0) {
      await clock.sleep(IDLE_MS / 4, sweeping.signal)
      const oldest = idle[0]
      if (oldest === undefined || clock.monotonicMs() - oldest.sinceMs < IDLE_MS) continue
      idle.shift()
      void oldest.connection.close().finally(gone)
    }
    isSweeping = false
  }

  return {
    acquire,
    release(connection) {
      if (!connection.alive) {
        connection.destroy()
        gone()
      } else if (closing) void connection.close().finally(gone)
      else if (!offer(connection)) {
        idle.push({ connection, sinceMs: clock.monotonicMs() })
        void sweep()
      }
    },
    async close() {
      closing = true
      sweeping.abort()
      for (const { connection } of idle.splice(0)) void connection.close().finally(gone)
      while (offer(undefined));
      if (open === 0) return
      await empty.promise
    },
  }
}
