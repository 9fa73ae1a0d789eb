import {
  createTableBatch,
  encodeChunk,
  type Fault,
  type FinishedBatch,
  type KnownColumn,
  type LoadTable,
  sortByTime,
} from '../load/index.ts'
import type { ObjectStore } from '../storage/index.ts'
import type { BulkImportSettings } from './config.ts'
import { chunkPath } from './paths.ts'
import type { Manifest, Performance } from './types.ts'

/** Makes chunks of records as they come, one after the other, so that one chunk at a time is in memory. */
export type ChunkBuilder = {
  readonly rows: bigint
  /** Whole records; may write a chunk before it resolves. Returns those that are refused. */
  add(payload: Buffer): Promise<Fault[]>
  /** Writes what is left; the manifest names every chunk, all of them durable. */
  finish(): Promise<Manifest>
}

export function createChunkBuilder({
  table,
  performance,
  objects,
  settings,
  written,
}: {
  table: LoadTable
  performance: Performance
  objects: ObjectStore
  settings: Pick<BulkImportSettings, 'chunkRows' | 'chunkBytes' | 'maxColumns'>
  /** Called after each chunk; tests die here. */
  written(): void | Promise<void>
}): ChunkBuilder {
  const owner = `job:${performance.job}:${performance.attempt}`
  const known = table.columns.map((column) => ({ ...column }))
  const limits = { maxColumns: settings.maxColumns }
  const manifest: Manifest = { chunks: [], overflowed: false }
  let batch = createTableBatch({ known, limits })
  let rows = 0n

  const close = async () => {
    if (batch.rows === 0) return
    const finished = sortByTime(batch.finish())
    const { content, columns } = encodeChunk(table, finished, { owner })
    const path = chunkPath(performance, manifest.chunks.length)
    await objects.put(path, content)
    const { rows: count, timeMin, timeMax, overflowed } = finished
    manifest.chunks.push({ path, bytes: content.length, rows: count, timeMin, timeMax, columns })
    manifest.overflowed ||= overflowed
    rows += BigInt(count)
    learn(known, finished, table.detectSchema)
    batch = createTableBatch({ known, limits })
    await written()
  }

  return {
    get rows() {
      return rows + BigInt(batch.rows)
    },
    async add(payload) {
      if (payload.length === 0) return []
      // The time of receipt is never used: who imports in bulk says when it was.
      const { faults } = batch.addImport(payload, { receivedAtSeconds: 0, timeRequired: true })
      if (batch.rows >= settings.chunkRows || batch.bytes >= settings.chunkBytes) await close()
      return faults
    },
    async finish() {
      await close()
      return manifest
    },
  }
}

/** The next chunk keeps the names and types that this one has given. */
function learn(known: KnownColumn[], { newColumns, widened }: FinishedBatch, detectSchema: boolean): void {
  for (const { name, key, type } of detectSchema ? newColumns : []) {
    const at = known.findIndex((column) => column.name === name)
    if (at >= 0) known[at] = { name, key, type }
    else known.push({ name, key, type })
  }
  for (const { name, to } of widened) for (const column of known) if (column.name === name) column.type = to
}
