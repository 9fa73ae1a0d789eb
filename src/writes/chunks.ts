import type { NewChunk } from '../archive/index.ts'
import type { SnapshotChunk } from '../snapshot/index.ts'
import type { ChunkStep, TableAt } from './types.ts'

/** The chunks as the statements of a script have left them so far, over one version of those that everybody sees. */
export type ScriptChunks = {
  /** Of all tables. */
  live(): SnapshotChunk[]
  of(tableId: bigint): SnapshotChunk[]
  add(table: { id: bigint; at: TableAt }, chunks: readonly NewChunk[]): void
  retire(table: { id: bigint; at: TableAt }, ids: readonly bigint[]): void
  steps(): ChunkStep[]
  /** Files of chunks that a later statement has taken away again. */
  unused(): string[]
}

/** Chunks that the script has made itself have numbers below zero. */
export function scriptChunks(base: readonly SnapshotChunk[]): ScriptChunks {
  const live = new Map(base.map((chunk) => [chunk.id, chunk]))
  const added = new Map<bigint, NewChunk>()
  const tables = new Map<bigint, { at: TableAt; retired: bigint[] }>()
  const unused: string[] = []
  let lastId = 0n
  const tableOf = ({ id, at }: { id: bigint; at: TableAt }) => {
    const table = tables.get(id) ?? { at, retired: [] }
    tables.set(id, table)
    return table
  }
  return {
    live: () => [...live.values()],
    of: (tableId) => [...live.values()].filter((chunk) => chunk.tableId === tableId),
    unused: () => unused,
    add(table, chunks) {
      tableOf(table)
      for (const chunk of chunks) {
        const id = --lastId
        added.set(id, chunk)
        live.set(id, asLive(chunk, { id, tableId: table.id }))
      }
    },
    retire(table, ids) {
      const { retired } = tableOf(table)
      for (const id of ids) {
        live.delete(id)
        const own = added.get(id)
        if (own === undefined) retired.push(id)
        else unused.push(own.path)
        added.delete(id)
      }
    },
    steps: () =>
      [...tables].map(([tableId, { at, retired }]) => ({
        tableId: String(tableId),
        at,
        retire: retired.map(String),
        add: [...added].flatMap(([id, chunk]) => (live.get(id)?.tableId === tableId ? [chunk] : [])),
      })),
  }
}

function asLive(
  { path, rows, bytes, timeMin, timeMax, columns }: NewChunk,
  ids: Pick<SnapshotChunk, 'id' | 'tableId'>,
): SnapshotChunk {
  return { ...ids, timeMin: BigInt(timeMin), timeMax: BigInt(timeMax), rows, bytes, path, columns }
}
