import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { atMost, type Clock, type Ids } from '../kernel/index.ts'
import type { SnapshotChunk, SnapshotTable } from '../snapshot/index.ts'
import type { ObjectStore } from '../storage/index.ts'
import type { QueryCatalog } from './catalog.ts'
import { bindTables, compileQuery } from './compile.ts'
import type { EnginePool } from './engine/types.ts'
import { rowsToJson, rowsToMaps } from './results/records.ts'

/** Each tail is an engine process of up to half a gigabyte: more at once wait for their turn. */
const MOST_AT_ONCE = 2

const LIMITS = {
  memoryBytes: 512 * 1024 * 1024,
  threads: 1,
  cpuSeconds: 60,
  wallSeconds: 60,
  tempBytes: 1024 * 1024 * 1024,
}

/**
 * The newest `count` rows of a table, newest first: what `table/tail` shows. Opens only the chunks that may hold them.
 * @throws engine_unavailable, database_away (503, retry)
 */
export function createTail(options: {
  engines: EnginePool
  objects: ObjectStore
  /** A directory of this process's own. */
  drafts: string
  chunksOf: QueryCatalog['chunksOf']
  clock: Clock
  ids: Ids
}) {
  const { engines, objects, drafts, chunksOf, clock, ids } = options
  const turn = atMost(MOST_AT_ONCE)
  const tail = async (
    table: SnapshotTable,
    { count, format }: { count: number; format: 'msgpack' | 'json' },
  ): Promise<Buffer> => {
    const chunks = newest(await chunksOf([{ tableId: table.id, ranges: [] }]), count)
    const found = { kind: 'found' as const, table: { id: table.id, columns: table.columns } }
    const compiled = await compileQuery({
      text: `SELECT * FROM tail ORDER BY time DESC LIMIT ${count}`,
      defaultDatabase: 'tail',
      lookup: {
        findTable: () => found,
        listDatabases: () => ({ kind: 'absent' }),
        listTables: () => ({ kind: 'absent' }),
        mayWrite: () => 'no',
        as: (): never => {
          throw new Error('a table read by its number has no views')
        },
      },
      context: { zone: 'UTC', scheduledTime: 0n, startedAtMs: clock.now().getTime(), user: '' },
    })
    const query = bindTables(compiled, chunks, (path) => objects.locate(path))
    const file = join(drafts, `tail-${ids.hex128()}.msgpack.gz`)
    try {
      const engine = await engines.take()
      const { signal } = new AbortController()
      await engine.runToFile(query, file, { limits: LIMITS, signal, onProgress: () => undefined })
      const rows = gunzipSync(await readFile(file))
      const names = query.columns.map(({ name }) => name)
      return format === 'json' ? rowsToJson(rows, names) : rowsToMaps(rows, names)
    } finally {
      await rm(file, { force: true })
    }
  }
  return (...args: Parameters<typeof tail>) => turn(() => tail(...args))
}

/** Chunks that can hold one of the `count` latest rows: those reaching beyond where the latest whole chunks end. */
export function newest(chunks: readonly SnapshotChunk[], count: number): SnapshotChunk[] {
  const latestFirst = chunks.toSorted((a, b) => (a.timeMax > b.timeMax ? -1 : a.timeMax < b.timeMax ? 1 : 0))
  let rows = 0
  let from: bigint | undefined
  for (const chunk of latestFirst) {
    if (rows >= count) break
    rows += chunk.rows
    from = from === undefined || chunk.timeMin < from ? chunk.timeMin : from
  }
  return from === undefined ? [] : latestFirst.filter(({ timeMax }) => timeMax >= from)
}
