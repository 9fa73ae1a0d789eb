import { openIfThere, type SnapshotPaths } from './base.ts'
import { chainSeed, decodeLines, type Row } from './line.ts'
import { chunkOf } from './rows.ts'
import type { SnapshotChunk, TimeRange } from './types.ts'

/**
 * One line of `manifests/<tableId>.jsonl`: the chunk rows that one batch added and the ids it took away, together,
 * because compaction replaces chunks and a reader must see both or neither. `n`: position of that batch in the log.
 */
export type ManifestLine = { n: number; put: Row[]; drop: number[] }

/** A manifest in memory, followed as its file grows. */
export type Manifest = {
  /** Position of the last batch contained. */
  n: number
  chunks: Map<string, SnapshotChunk>
  /** Identity of the file read: a rewritten one has another inode. */
  file: bigint
  bytes: number
  chain: number
  /** Puts and drops in the file: when most are history, it is written anew. */
  entries: number
}

export function emptyManifest(tableId: string, file = 0n): Manifest {
  return { n: 0, chunks: new Map(), file, bytes: 0, chain: chainSeed(`manifest ${tableId}`), entries: 0 }
}

export function applyManifestLine(manifest: Manifest, line: ManifestLine): void {
  for (const id of line.drop) manifest.chunks.delete(String(id))
  for (const row of line.put) manifest.chunks.set(String(row.id), chunkOf(row))
  manifest.n = Math.max(manifest.n, line.n)
  manifest.entries += line.put.length + line.drop.length
}

/** Brings the manifest up to what its file holds; a new object when the file was rewritten. */
export async function refreshManifest(
  paths: SnapshotPaths,
  tableId: string,
  known: Manifest | undefined,
): Promise<Manifest> {
  const handle = await openIfThere(paths.manifest(tableId))
  if (handle === undefined) return emptyManifest(tableId)
  try {
    const { ino, size } = await handle.stat({ bigint: true })
    const manifest = known?.file === ino && Number(size) >= known.bytes ? known : emptyManifest(tableId, ino)
    const rest = Buffer.alloc(Number(size) - manifest.bytes)
    if (rest.length === 0) return manifest
    const { bytesRead } = await handle.read(rest, 0, rest.length, manifest.bytes)
    const decoded = decodeLines(rest.subarray(0, bytesRead), manifest.chain)
    for (const line of decoded.values) applyManifestLine(manifest, line as ManifestLine)
    manifest.bytes += decoded.bytes
    manifest.chain = decoded.chain
    return manifest
  } finally {
    await handle.close()
  }
}

/** Chunks that overlap one of the ranges, oldest first. */
export function chunksWithin(manifest: Manifest, ranges: TimeRange[] | undefined): SnapshotChunk[] {
  const chunks = [...manifest.chunks.values()]
  const wanted =
    ranges === undefined ? chunks : chunks.filter((chunk) => ranges.some((r) => overlaps(chunk, r)))
  return wanted.sort((a, b) => (a.timeMin < b.timeMin ? -1 : a.timeMin > b.timeMin ? 1 : Number(a.id - b.id)))
}

function overlaps(chunk: SnapshotChunk, { from, to }: TimeRange): boolean {
  return (from === null || chunk.timeMax >= from) && (to === null || chunk.timeMin < to)
}
