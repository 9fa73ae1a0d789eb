import { Reader, Writer } from './bytes.ts'

/** The merging t-digest (Dunning, Ertl 2019): few values at each centroid near the ends, many in the middle. */
export type TDigest = {
  compression: number
  min: number
  max: number
  total: number
  /** Ascending by mean once merged. */
  centroids: Centroid[]
}
type Centroid = { mean: number; weight: number }

const FORMAT = 0
const COMPRESSION = 100
/** Values waiting to be merged: 6 * (2 * compression + 10). */
const MOST_CENTROIDS = 1260

export function emptyTDigest(): TDigest {
  return {
    compression: COMPRESSION,
    min: Number.POSITIVE_INFINITY,
    max: Number.NEGATIVE_INFINITY,
    total: 0,
    centroids: [],
  }
}

/** Adds values with their weights, merging whenever too many wait. The direction changes each time, so that no end is favoured. */
export function tdigestOf(values: Iterable<{ value: number; weight: number }>): TDigest {
  const digest = emptyTDigest()
  let backwards = false
  for (const { value, weight } of values) {
    if (digest.centroids.length === MOST_CENTROIDS) {
      digest.centroids = merged(digest, 2 * digest.compression, backwards)
      backwards = !backwards
    }
    digest.centroids.push({ mean: value, weight })
    digest.total += weight
    digest.min = Math.min(digest.min, value)
    digest.max = Math.max(digest.max, value)
  }
  return { ...digest, centroids: merged(digest, digest.compression, backwards) }
}

/** As Presto merges: both sides are made smaller, finely, whenever the room there was is too little. */
export function mergeTDigests(digests: readonly TDigest[]): TDigest {
  const [first, ...others] = digests
  if (first === undefined) return emptyTDigest()
  const result = { ...first, centroids: [...first.centroids] }
  let room = result.centroids.length
  let backwards = false
  for (const other of others) {
    let added = other.centroids
    if (result.centroids.length + added.length > room) {
      result.centroids = merged(result, 2 * result.compression, backwards)
      backwards = !backwards
      added = merged(other, 2 * other.compression, false)
      room = Math.max(room, result.centroids.length + added.length)
    }
    result.centroids.push(...added)
    result.total += other.total
    result.min = Math.min(result.min, other.min)
    result.max = Math.max(result.max, other.max)
  }
  return { ...result, centroids: merged(result, result.compression, backwards) }
}

/** Neighbours become one centroid while it holds no more than its place allows: q (1 - q) / normalizer of the total weight. */
function merged({ centroids, total }: TDigest, compression: number, backwards: boolean): Centroid[] {
  const sorted = [...centroids].sort((a, b) => a.mean - b.mean)
  if (backwards) sorted.reverse()
  const normalizer = compression / (4 * Math.log(total / compression) + 24)
  const share = (quantile: number): number => (quantile * (1 - quantile)) / normalizer
  const result: Centroid[] = []
  let before = 0
  for (const next of sorted) {
    const last = result.at(-1)
    const weight = (last?.weight ?? 0) + next.weight
    const allowed = total * Math.min(share(before / total), share(Math.min((before + weight) / total, 1)))
    if (last !== undefined && weight <= allowed) {
      last.mean += ((next.mean - last.mean) * next.weight) / weight
      last.weight = weight
    } else {
      before += last?.weight ?? 0
      result.push({ ...next })
    }
  }
  return backwards ? result.reverse() : result
}

/** The value at each of the quantiles; NaN of an empty digest. */
export function valueAtQuantile({ centroids, min, max, total }: TDigest, quantile: number): number {
  const first = centroids[0]
  const last = centroids.at(-1)
  if (first === undefined || last === undefined) return Number.NaN
  if (centroids.length === 1) return first.mean
  const rank = quantile * total
  if (rank < 1) return min
  if (rank < first.weight / 2) return between(rank, 1, min, first.weight / 2, first.mean)
  const top = last.weight / 2
  const upper = (): number => between(total - rank, 1, max, top, last.mean)
  if (rank <= total - 1 && total - rank <= top && top > 1) return upper()
  if (rank >= total - 1) return max
  let middle = first.weight / 2
  for (const [i, left] of centroids.slice(0, -1).entries()) {
    const right = centroids[i + 1]!
    const distance = (left.weight + right.weight) / 2
    if (middle + distance > rank) return inside(left, right, rank - middle, distance)
    middle += distance
  }
  return top > 1 ? upper() : max
}

/** Between the middles of two centroids. One of a single value is that value, up to its own border. */
function inside(left: Centroid, right: Centroid, offset: number, distance: number): number {
  if (left.weight === 1 && offset < 0.5) return left.mean
  if (right.weight === 1 && offset >= left.weight / 2) return right.mean
  if (left.weight === 1) return between(offset - 0.5, 0, left.mean, right.weight / 2, right.mean)
  return between(offset, 0, left.mean, right.weight === 1 ? left.weight / 2 : distance, right.mean)
}

const between = (x: number, x0: number, y0: number, x1: number, y1: number): number =>
  y0 + ((x - x0) / (x1 - x0)) * (y1 - y0)

export function writeTDigest({ min, max, compression, total, centroids }: TDigest): Uint8Array {
  const writer = new Writer().byte(FORMAT).double(min).double(max).double(compression).double(total)
  writer.int(centroids.length)
  for (const { mean } of centroids) writer.double(mean)
  for (const { weight } of centroids) writer.double(weight)
  return writer.end()
}

/** @throws RangeError for bytes that are none. */
export function readTDigest(bytes: Uint8Array): TDigest {
  const reader = new Reader(bytes)
  if (reader.byte() !== FORMAT) throw new RangeError('Invalid format')
  const [min, max, compression, total] = [reader.double(), reader.double(), reader.double(), reader.double()]
  const means = Array.from({ length: reader.int() }, () => reader.double())
  return { min, max, compression, total, centroids: means.map((mean) => ({ mean, weight: reader.double() })) }
}
