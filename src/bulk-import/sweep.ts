import type { Database } from '../database/index.ts'
import type { Clock, Log, Sql } from '../kernel/index.ts'
import type { ObjectStore } from '../storage/index.ts'
import { ownerOf, ROOT } from './paths.ts'
import { expireSessions, findLeftovers } from './store.ts'

const ADMISSION = { class: 'background', deadlineMs: 60_000 } as const
const BATCH = 1000
const HOUR_MS = 3_600_000

export type BulkImportSweep = {
  /** Deletes sessions that are past their time, then files that nobody needs; returns how many. */
  run(): Promise<{ sessions: number; files: number }>
}

/**
 * Removes what deleted, committed and failed sessions have left. A file goes when two looks at least an hour of monotonic time
 * apart have found that nobody names it: one that is being uploaded or written is never an hour old, whatever the clock says.
 */
export function createBulkImportSweep({
  database,
  objects,
  clock,
  log,
  retentionDays,
  graceMs = HOUR_MS,
}: {
  database: Database
  objects: ObjectStore
  clock: Clock
  log: Log
  retentionDays: number
  graceMs?: number
}): BulkImportSweep {
  let unnamedSinceMs = new Map<string, number>()
  let lastLookMs = Number.NEGATIVE_INFINITY

  const expire = async () => {
    for (let total = 0; ; ) {
      const count = await database.write(ADMISSION, (sql) =>
        expireSessions(sql, { olderThanDays: retentionDays, limit: BATCH }),
      )
      total += count
      if (count < BATCH) return total
    }
  }
  const removeFiles = async () => {
    const nowMs = clock.monotonicMs()
    if (nowMs - lastLookMs < graceMs / 2) return 0
    lastLookMs = nowMs
    const still = new Map<string, number>()
    let removed = 0
    for await (const path of leftovers(database, objects)) {
      const sinceMs = unnamedSinceMs.get(path) ?? nowMs
      if (nowMs - sinceMs < graceMs) still.set(path, sinceMs)
      else {
        await objects.remove(path)
        removed++
      }
    }
    unnamedSinceMs = still
    return removed
  }
  return {
    async run() {
      const sessions = await expire()
      const files = await removeFiles()
      if (sessions + files > 0)
        log.info({ sessions, files }, 'old bulk import sessions and their files removed')
      return { sessions, files }
    },
  }
}

async function* leftovers(database: Database, objects: ObjectStore): AsyncIterable<string> {
  type File = { path: string } & NonNullable<ReturnType<typeof ownerOf>>
  const ask = (files: File[]) => database.read(ADMISSION, (sql) => findLeftovers(sql, files))
  let batch: File[] = []
  for await (const { path } of objects.list(ROOT)) {
    const owner = ownerOf(path)
    if (owner === undefined) continue
    batch.push({ path, ...owner })
    if (batch.length < BATCH) continue
    yield* await ask(batch)
    batch = []
  }
  if (batch.length > 0) yield* await ask(batch)
}

/** Which of these files no session names and no running job may yet name, at this moment. */
export async function leftoversAmong(sql: Sql, paths: readonly string[]): Promise<string[]> {
  const files = paths.flatMap((path) => {
    const owner = ownerOf(path)
    return owner === undefined ? [] : [{ path, ...owner }]
  })
  return files.length === 0 ? [] : findLeftovers(sql, files)
}
