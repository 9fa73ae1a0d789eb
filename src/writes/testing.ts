import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { decodeMulti } from '@msgpack/msgpack'
import { type ArchiveRoom, openArchiveRoom } from '../archive/testing.ts'
import type { TakenAway } from '../catalog/index.ts'
import { lonelyChannel, systemClock } from '../kernel/index.ts'
import type { WriteStep } from './types.ts'
import { startSqlWorker } from './worker-testing.ts'

export type Ended = {
  id: bigint
  status: string
  error: string | null
  message: string | null
  attempt: number
  log: string
  /** Of its result: with bigint where they need it. */
  rows: unknown[][]
  schema: [string, string][]
}

export type WriteRoom = ArchiveRoom & {
  /** Issues a job. */
  issue(query: string, job?: { database?: string; userId?: bigint; retryLimit?: number }): Promise<bigint>
  /** Waits for its end. */
  ended(id: bigint): Promise<Ended>
  /** The same in one, and throws unless it succeeds; the rows of the result. */
  sql(query: string): Promise<unknown[][]>
  /** How it ended, whatever that is. */
  job(query: string, job?: { database?: string; userId?: bigint; retryLimit?: number }): Promise<Ended>
  /** What the snapshot was told to deny. */
  denied: TakenAway[]
  /** Called at every step of every writing job. */
  at: { step: (step: WriteStep) => void | Promise<void>; hasRoom: boolean }
}

/** A database, an object store, and a worker that runs SQL of every kind in real engines. */
export async function openWriteRoom(): Promise<WriteRoom> {
  const room = await openArchiveRoom()
  // Its first numbers were given out by hand.
  await room.query`SELECT setval(pg_get_serial_sequence('databases', 'id'), 1000)`
  const denied: TakenAway[] = []
  const at: WriteRoom['at'] = { step: () => undefined, hasRoom: true }
  const handlers = new Map<string, (body: unknown, from: string) => unknown>()
  const worker = await startSqlWorker({
    dataDir: room.dataDir,
    name: 'worker',
    database: room.db.database,
    gate: room.db.gate,
    objects: room.objects,
    concurrency: 6,
    channel: { ...lonelyChannel, on: (topic, handler) => void handlers.set(topic, handler) },
    announcements: { deny: async (_xid, taken) => void denied.push(...taken) },
    layout: { leastRows: 1000, chunkBytes: 1 << 30 },
    hasRoom: () => at.hasRoom,
    faultPoint: (step) => at.step(step),
  })
  let jobs = 100n

  const issue: WriteRoom['issue'] = async (
    query,
    { database: name = 'harbour', userId = 1n, retryLimit = 0 } = {},
  ) => {
    const id = ++jobs
    await room.run`
      INSERT INTO jobs (id, account_id, user_id, user_name, type, database, query, retry_limit)
      VALUES (${id}, 1, ${userId}, 'o', 'presto', ${name}, ${query}, ${retryLimit})`
    handlers.get('job-queued')?.(undefined, 'test')
    return id
  }
  const ended: WriteRoom['ended'] = async (id) => {
    for (;;) {
      const [job] = await room.query<Ended & { path: string | null }>`
        SELECT id, status, error_name AS error, error_message AS message, attempt, log,
               result_schema AS schema, result_path AS path
          FROM jobs WHERE id = ${id}`
      if (job !== undefined && ['success', 'error', 'killed'].includes(job.status)) {
        const { path, ...rest } = job
        const bytes = path === null ? undefined : await promisify(gunzip)(await room.objects.get(path))
        const rows =
          bytes === undefined ? [] : ([...decodeMulti(bytes, { useBigInt64: false })] as unknown[][])
        return { ...rest, rows }
      }
      await systemClock.sleep(20)
    }
  }
  const job: WriteRoom['job'] = async (query, how) => ended(await issue(query, how))
  return {
    ...room,
    denied,
    at,
    issue,
    ended,
    job,
    async sql(query) {
      const end = await job(query)
      if (end.status !== 'success') throw new Error(`${end.error}: ${end.message} (${query})\n${end.log}`)
      return end.rows
    },
    async close() {
      await worker.stop()
      await room.close()
    },
  }
}
