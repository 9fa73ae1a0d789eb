import { Reader, Writer } from './bytes.ts'
import {
  addHashes,
  cardinality,
  emptyHyperLogLog,
  type HyperLogLog,
  mergeHyperLogLogs,
  readHyperLogLog,
  writeHyperLogLog,
} from './hyperloglog.ts'

/** MinHash (Broder) with a count of each of the smallest hashes, and a HyperLogLog for sets that have more of them. */
export type SetDigest = { most: number; loglog: HyperLogLog; counts: Map<bigint, number> }

const FORMAT = 1
const MOST_HASHES = 8192
const LOGLOG_BITS = 11
const MOST_COUNTED = 32_767

export function setDigestOf(hashes: readonly bigint[]): SetDigest {
  const counts = new Map<bigint, number>()
  for (const hash of hashes) counts.set(hash, Math.min((counts.get(hash) ?? 0) + 1, MOST_COUNTED))
  return {
    most: MOST_HASHES,
    loglog: addHashes(emptyHyperLogLog(LOGLOG_BITS), hashes),
    counts: smallest(counts, MOST_HASHES),
  }
}

/** The entries of the smallest hashes, ascending. */
function smallest(counts: Map<bigint, number>, most: number): Map<bigint, number> {
  return new Map([...counts].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, most))
}

export function mergeSetDigests(a: SetDigest, b: SetDigest): SetDigest {
  const counts = new Map(a.counts)
  for (const [hash, count] of b.counts)
    counts.set(hash, Math.min((counts.get(hash) ?? 0) + count, MOST_COUNTED))
  return { most: a.most, loglog: mergeHyperLogLogs(a.loglog, b.loglog), counts: smallest(counts, a.most) }
}

const isExact = ({ counts, most }: SetDigest): boolean => counts.size < most

export const sizeOf = (digest: SetDigest): bigint =>
  isExact(digest) ? BigInt(digest.counts.size) : cardinality(digest.loglog)

/** Of the smallest hashes of both sets together, as many as the smaller has: the share that both have. */
export function jaccardIndex(a: SetDigest, b: SetDigest): number {
  const size = Math.min(a.counts.size, b.counts.size)
  const union = [...new Set([...a.counts.keys(), ...b.counts.keys()])].sort((x, y) => (x < y ? -1 : 1))
  const common = union.slice(0, size).filter((hash) => a.counts.has(hash) && b.counts.has(hash))
  return common.length / size
}

export function intersectionCardinality(a: SetDigest, b: SetDigest): bigint {
  if (isExact(a) && isExact(b))
    return BigInt([...a.counts.keys()].filter((hash) => b.counts.has(hash)).length)
  const union = sizeOf(mergeSetDigests(a, b))
  // Hashes that meet by chance must not make the intersection larger than a set.
  const estimate = BigInt(Math.round(jaccardIndex(a, b) * Number(union)))
  return [estimate, sizeOf(a), sizeOf(b)].reduce((least, value) => (value < least ? value : least))
}

export function writeSetDigest({ most, loglog, counts }: SetDigest): Uint8Array {
  const stored = writeHyperLogLog(loglog)
  const writer = new Writer().byte(FORMAT).int(stored.length).bytes(stored).int(most).int(counts.size)
  for (const hash of counts.keys()) writer.long(hash)
  for (const count of counts.values()) writer.short(count)
  return writer.end()
}

/** @throws RangeError for bytes that are none. */
export function readSetDigest(bytes: Uint8Array): SetDigest {
  const reader = new Reader(bytes)
  if (reader.byte() !== FORMAT) throw new RangeError('Unexpected version')
  const loglog = readHyperLogLog(reader.bytes(reader.int()))
  const most = reader.int()
  const hashes = Array.from({ length: reader.int() }, () => reader.long())
  return { most, loglog, counts: new Map(hashes.map((hash) => [hash, reader.short()])) }
}
