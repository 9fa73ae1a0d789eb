import { Reader, Writer } from './bytes.ts'

/**
 * HyperLogLog++ (Heule, Nunkesser, Hall 2013) in the two forms that Presto stores: a few hashes as their first 26 bits and the zeros
 * behind them, many as the largest number of zeros per bucket.
 */
export type HyperLogLog = { bits: number } & (
  | { form: 'sparse'; entries: Map<number, number> }
  | { form: 'dense'; values: Uint8Array }
)

const SPARSE = 2
const DENSE = 3
/** Stored by earlier versions: one bucket at most may lie above the common base. */
const DENSE_OF_ONE_OVERFLOW = 1
const PREFIX_BITS = 26
const VALUE_BITS = 6
const MAX_DELTA = 15

export function emptyHyperLogLog(bits: number): HyperLogLog {
  return { bits, form: 'sparse', entries: new Map() }
}

/** Adds 64-bit hashes. */
export function addHashes(sketch: HyperLogLog, hashes: Iterable<bigint>): HyperLogLog {
  let result = sketch
  for (const hash of hashes) {
    if (result.form === 'sparse') {
      const prefix = Number(BigInt.asUintN(64, hash) >> BigInt(64 - PREFIX_BITS))
      raise(result.entries, prefix, zerosBehind(hash, PREFIX_BITS))
      result = denseWhenLarge(result)
    } else
      insert(
        result,
        Number(BigInt.asUintN(64, hash) >> BigInt(64 - result.bits)),
        zerosBehind(hash, result.bits) + 1,
      )
  }
  return result
}

/** Zeros of the hash behind its first `bits`. */
function zerosBehind(hash: bigint, bits: number): number {
  const rest = BigInt.asUintN(64, (hash << BigInt(bits)) | (1n << BigInt(bits - 1)))
  return 64 - rest.toString(2).length
}

function raise(entries: Map<number, number>, prefix: number, value: number): void {
  const known = entries.get(prefix)
  if (known === undefined || known < value) entries.set(prefix, value)
}

function insert({ values }: Extract<HyperLogLog, { form: 'dense' }>, bucket: number, value: number): void {
  if (values[bucket]! < value) values[bucket] = value
}

/** Presto changes the form when the array of entries, which grows by ten, would take more memory than the buckets do. */
function denseWhenLarge(sketch: HyperLogLog, room = 10): HyperLogLog {
  if (sketch.form === 'dense') return sketch
  const places = Math.ceil((sketch.entries.size - 1) / room) * room + 1
  return places * 4 <= 2 ** sketch.bits / 2 + FIXED_COSTS ? sketch : toDense(sketch)
}
/** By how much more than its array a form with buckets takes. */
const FIXED_COSTS = 8

function toDense(sketch: HyperLogLog): Extract<HyperLogLog, { form: 'dense' }> {
  if (sketch.form === 'dense') return sketch
  const { bits } = sketch
  const result = { bits, form: 'dense' as const, values: new Uint8Array(2 ** bits) }
  const between = PREFIX_BITS - bits
  for (const [prefix, value] of sketch.entries) {
    const rest = prefix & (2 ** between - 1)
    const zeros = rest === 0 ? between + value : Math.clz32(rest) - (32 - between)
    insert(result, prefix >>> between, zeros + 1)
  }
  return result
}

/** @throws RangeError when the two have different numbers of buckets. */
export function mergeHyperLogLogs(a: HyperLogLog, b: HyperLogLog): HyperLogLog {
  if (a.bits !== b.bits) {
    throw new RangeError(
      `Cannot merge HLLs with different number of buckets: ${2 ** a.bits} vs ${2 ** b.bits}`,
    )
  }
  if (a.form === 'sparse' && b.form === 'sparse') {
    const entries = new Map(a.entries)
    for (const [prefix, value] of b.entries) raise(entries, prefix, value)
    return denseWhenLarge({ bits: a.bits, form: 'sparse', entries }, 1)
  }
  const [left, right] = [toDense(a), toDense(b)]
  return {
    bits: a.bits,
    form: 'dense',
    values: left.values.map((value, i) => Math.max(value, right.values[i]!)),
  }
}

export function cardinality(sketch: HyperLogLog): bigint {
  if (sketch.form === 'sparse')
    return BigInt(Math.round(linear(2 ** PREFIX_BITS - sketch.entries.size, 2 ** PREFIX_BITS)))
  const buckets = 2 ** sketch.bits
  const counts = new Array<number>(66 - sketch.bits).fill(0)
  for (const value of sketch.values) counts[value]!++
  const empty = counts[0]!
  return BigInt(Math.round(empty > 0.4 * buckets ? linear(empty, buckets) : estimate(counts, buckets)))
}

/** Buckets hit at random: how many hits leave so many empty. */
const linear = (empty: number, buckets: number): number => buckets * Math.log(buckets / empty)

/** Ertl's improved estimator ("New cardinality estimation algorithms for HyperLogLog sketches", 2017): no tables of biases. */
function estimate(counts: number[], buckets: number): number {
  let z = buckets * tau(1 - counts.at(-1)! / buckets)
  for (let k = counts.length - 2; k >= 1; k--) z = 0.5 * (z + counts[k]!)
  z += buckets * sigma(counts[0]! / buckets)
  return (buckets * buckets) / (2 * Math.LN2 * z)
}

function sigma(x: number): number {
  if (x === 1) return Number.POSITIVE_INFINITY
  let [power, y, z, before] = [x, 1, x, Number.NaN]
  while (z !== before) {
    power *= power
    before = z
    z += power * y
    y += y
  }
  return z
}

function tau(x: number): number {
  if (x === 0 || x === 1) return 0
  let [root, y, z, before] = [x, 1, 1 - x, Number.NaN]
  while (z !== before) {
    root = Math.sqrt(root)
    before = z
    y *= 0.5
    z -= (1 - root) ** 2 * y
  }
  return z / 3
}

export function writeHyperLogLog(sketch: HyperLogLog): Uint8Array {
  if (sketch.form === 'sparse') {
    const writer = new Writer().byte(SPARSE).byte(sketch.bits).short(sketch.entries.size)
    const prefixes = [...sketch.entries.keys()].sort((a, b) => a - b)
    for (const prefix of prefixes) writer.int((prefix << VALUE_BITS) | sketch.entries.get(prefix)!)
    return writer.end()
  }
  const base = sketch.values.reduce((least, value) => Math.min(least, value), 255)
  const above: [bucket: number, by: number][] = []
  const nibbles = sketch.values.map((value, bucket) => {
    if (value - base > MAX_DELTA) above.push([bucket, value - base - MAX_DELTA])
    return Math.min(value - base, MAX_DELTA)
  })
  const writer = new Writer().byte(DENSE).byte(sketch.bits).byte(base)
  for (let i = 0; i < nibbles.length; i += 2) writer.byte((nibbles[i]! << 4) | nibbles[i + 1]!)
  writer.short(above.length)
  for (const [bucket] of above) writer.short(bucket)
  for (const [, by] of above) writer.byte(by)
  return writer.end()
}

/** @throws RangeError for bytes that are none. */
export function readHyperLogLog(bytes: Uint8Array): HyperLogLog {
  const reader = new Reader(bytes)
  const tag = reader.byte()
  const bits = reader.byte()
  if (bits < 1 || bits > PREFIX_BITS) throw new RangeError('indexBitLength is out of range')
  if (tag === SPARSE) {
    const count = reader.short()
    const entries = new Map<number, number>()
    for (let i = 0; i < count; i++) {
      const entry = reader.int()
      entries.set(entry >>> VALUE_BITS, entry & (2 ** VALUE_BITS - 1))
    }
    return { bits, form: 'sparse', entries }
  }
  if (tag !== DENSE && tag !== DENSE_OF_ONE_OVERFLOW) throw new RangeError('Cannot deserialize HyperLogLog')
  return { bits, form: 'dense', values: readBuckets(reader, bits, tag) }
}

function readBuckets(reader: Reader, bits: number, tag: number): Uint8Array {
  const base = reader.byte()
  const values = new Uint8Array(2 ** bits)
  for (let i = 0; i < values.length; i += 2) {
    const pair = reader.byte()
    values[i] = base + (pair >> 4)
    values[i + 1] = base + (pair & MAX_DELTA)
  }
  if (tag === DENSE_OF_ONE_OVERFLOW) {
    const bucket = reader.short()
    const by = reader.byte()
    if (bucket < values.length && by > 0) values[bucket]! += by
    return values
  }
  const buckets = Array.from({ length: reader.short() }, () => reader.short())
  for (const bucket of buckets) values[bucket]! += reader.byte()
  return values
}
