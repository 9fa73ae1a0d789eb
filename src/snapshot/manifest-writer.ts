import { open, rm } from 'node:fs/promises'
import { writeFileDurably } from '../kernel/index.ts'
import { openIfThere, type SnapshotPaths } from './base.ts'
import { chainSeed, encodeLine, type Row, type TableSum } from './line.ts'
import {
  applyManifestLine,
  emptyManifest,
  type Manifest,
  type ManifestLine,
  refreshManifest,
} from './manifest.ts'
import { chunkOf, rowOfChunk } from './rows.ts'

const CHUNKS_KEPT_IN_MEMORY = 200_000
const LINES_PER_REWRITE = 500

export type ManifestWriter = ReturnType<typeof createManifestWriter>

/**
 * Writes the manifests. Nothing is fsynced until `sync`: the sums in the log say how far a
 * manifest must reach, so a reader notices one whose end was lost and answers `unknown`.
 */
export function createManifestWriter(paths: SnapshotPaths) {
  const loaded = new Map<string, Manifest>()
  const unsynced = new Set<string>()

  const load = async (tableId: string): Promise<Manifest> => {
    const known = loaded.get(tableId)
    const manifest = known ?? (await refreshManifest(paths, tableId, undefined))
    loaded.delete(tableId)
    loaded.set(tableId, manifest)
    return manifest
  }
  /** The oldest in use go first; what is left fits into memory. */
  const makeRoom = () => {
    let chunks = 0
    for (const [tableId, manifest] of [...loaded].reverse()) {
      chunks += manifest.chunks.size
      if (chunks > CHUNKS_KEPT_IN_MEMORY) loaded.delete(tableId)
    }
  }
  const rewrite = async (tableId: string, manifest: Manifest): Promise<void> => {
    const rows = [...manifest.chunks.values()].map(rowOfChunk)
    let chain = chainSeed(`manifest ${tableId}`)
    const parts: Buffer[] = []
    for (let at = 0; at === 0 || at < rows.length; at += LINES_PER_REWRITE) {
      const line: ManifestLine = { n: manifest.n, put: rows.slice(at, at + LINES_PER_REWRITE), drop: [] }
      const encoded = encodeLine(line, chain)
      parts.push(encoded.bytes)
      chain = encoded.chain
    }
    await writeFileDurably(paths.manifest(tableId), Buffer.concat(parts))
    unsynced.delete(tableId)
    loaded.set(tableId, await refreshManifest(paths, tableId, undefined))
  }
  const append = async (tableId: string, manifest: Manifest, line: ManifestLine): Promise<void> => {
    const { bytes, chain } = encodeLine(line, manifest.chain)
    const handle = await open(paths.manifest(tableId), manifest.bytes === 0 ? 'w+' : 'r+', 0o600)
    try {
      // A line torn by a crash may stand behind the last good one.
      await handle.truncate(manifest.bytes)
      await handle.write(bytes, 0, bytes.length, manifest.bytes)
      manifest.file = (await handle.stat({ bigint: true })).ino
    } finally {
      await handle.close()
    }
    applyManifestLine(manifest, line)
    manifest.bytes += bytes.length
    manifest.chain = chain
    unsynced.add(tableId)
  }

  return oneAfterTheOther({
    /** False when the manifest lost its end, or was never written: it must be `replace`d from the database. */
    async reaches(tableId: string, n: number): Promise<boolean> {
      return (await load(tableId)).n >= n
    },
    /** Adds and takes away in one step. A repeat changes nothing. */
    async apply(tableId: string, line: ManifestLine, before: TableSum | undefined): Promise<TableSum> {
      const manifest = await load(tableId)
      const put = line.put.map((row) => rowOfChunk(chunkOf(row)))
      await append(tableId, manifest, { ...line, put })
      if (manifest.entries > 2 * manifest.chunks.size + 1000) await rewrite(tableId, manifest)
      makeRoom()
      return sumOf(manifest, line.n, newestOf(line.put, before?.lastImportAt ?? null))
    },
    /** The live chunks as the database has them, whatever the file said. */
    async replace(tableId: string, n: number, rows: Row[]): Promise<TableSum> {
      const manifest = emptyManifest(tableId)
      applyManifestLine(manifest, { n, put: rows, drop: [] })
      await rewrite(tableId, manifest)
      makeRoom()
      return sumOf(manifest, n, newestOf(rows, null))
    },
    /** As `replace`, but leaves a file alone that names the same chunks. */
    async reconcile(tableId: string, n: number, rows: Row[]): Promise<TableSum> {
      const { chunks, n: reached } = await load(tableId)
      const same = chunks.size === rows.length && rows.every(({ id }) => chunks.has(String(id)))
      if (!same) return this.replace(tableId, n, rows)
      makeRoom()
      return sumOf(await load(tableId), reached, newestOf(rows, null))
    },
    /** A dropped table's manifest is of no use to anyone. */
    async remove(tableId: string): Promise<void> {
      loaded.delete(tableId)
      unsynced.delete(tableId)
      await rm(paths.manifest(tableId), { force: true })
    },
    /** Makes everything written so far survive power loss. */
    async sync(): Promise<void> {
      for (const tableId of [...unsynced]) {
        await syncFile(paths.manifest(tableId))
        unsynced.delete(tableId)
      }
    },
    /** Which of the chunks the manifests still name: their files must stay. */
    async named(chunks: { id: bigint; tableId: bigint }[]): Promise<Set<bigint>> {
      const still = new Set<bigint>()
      for (const { id, tableId } of chunks) {
        if ((await load(String(tableId))).chunks.has(String(id))) still.add(id)
      }
      makeRoom()
      return still
    },
    load,
  })
}

/** Each call begins when the one before it has ended: they share what is in memory. */
function oneAfterTheOther<T extends Record<string, (...args: never[]) => Promise<unknown>>>(methods: T): T {
  let last: Promise<unknown> = Promise.resolve()
  const queued = Object.entries(methods).map(([name, method]) => [
    name,
    (...args: never[]) => {
      const run = () => method.apply(methods, args)
      const result = last.then(run, run)
      last = result
      return result
    },
  ])
  return Object.fromEntries(queued) as T
}

function sumOf(manifest: Manifest, n: number, lastImportAt: string | null): TableSum {
  let rows = 0n
  let bytes = 0n
  let lastTime: bigint | null = null
  for (const chunk of manifest.chunks.values()) {
    rows += BigInt(chunk.rows)
    bytes += BigInt(chunk.bytes)
    if (lastTime === null || chunk.timeMax > lastTime) lastTime = chunk.timeMax
  }
  const text = lastTime === null ? null : String(lastTime)
  return { n, rows: String(rows), bytes: String(bytes), lastTime: text, lastImportAt }
}

/** ISO texts of one database server compare as instants do, up to the zone they are written in. */
function newestOf(rows: Row[], before: string | null): string | null {
  let newest = before
  for (const { created_at: at } of rows) {
    if (typeof at === 'string' && (newest === null || Date.parse(at) > Date.parse(newest))) newest = at
  }
  return newest
}

async function syncFile(path: string): Promise<void> {
  const handle = await openIfThere(path)
  if (handle === undefined) return
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
