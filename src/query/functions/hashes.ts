/** MurmurHash3 (128 bits, x64) and SpookyHash V2, both by their public definitions, with seed 0. */

const MASK = 0xffffffffffffffffn
const wrap = (x: bigint): bigint => x & MASK
const rotate = (x: bigint, by: bigint): bigint => ((x << by) | (x >> (64n - by))) & MASK

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length)

const M1 = 0x87c37b91114253d5n
const M2 = 0x4cf5ad432745937fn

const finish = (x: bigint): bigint => {
  let k = x ^ (x >> 33n)
  k = wrap(k * 0xff51afd7ed558ccdn)
  k ^= k >> 33n
  k = wrap(k * 0xc4ceb9fe1a85ec53n)
  return k ^ (k >> 33n)
}

const mixFirst = (k: bigint): bigint => wrap(rotate(wrap(k * M1), 31n) * M2)
const mixSecond = (k: bigint): bigint => wrap(rotate(wrap(k * M2), 33n) * M1)

export function murmur3(bytes: Uint8Array): Uint8Array {
  const data = view(bytes)
  const blocks = bytes.length >> 4
  let h1 = 0n
  let h2 = 0n
  for (let i = 0; i < blocks; i++) {
    h1 ^= mixFirst(data.getBigUint64(i * 16, true))
    h1 = wrap((rotate(h1, 27n) + h2) * 5n + 0x52dce729n)
    h2 ^= mixSecond(data.getBigUint64(i * 16 + 8, true))
    h2 = wrap((rotate(h2, 31n) + h1) * 5n + 0x38495ab5n)
  }
  const tail = new Uint8Array(16)
  tail.set(bytes.subarray(blocks * 16))
  h2 ^= mixSecond(view(tail).getBigUint64(8, true))
  h1 ^= mixFirst(view(tail).getBigUint64(0, true))
  h1 ^= BigInt(bytes.length)
  h2 ^= BigInt(bytes.length)
  h1 = wrap(h1 + h2)
  h2 = wrap(h2 + h1)
  h1 = finish(h1)
  h2 = finish(h2)
  h1 = wrap(h1 + h2)
  h2 = wrap(h2 + h1)
  const result = new Uint8Array(16)
  view(result).setBigUint64(0, h1, true)
  view(result).setBigUint64(8, h2, true)
  return result
}

const SPOOKY = 0xdeadbeefdeadbeefn
const BLOCK = 96
/** Inputs below this size take the short form. */
const SHORT = 192

/** The first 64 bits of SpookyHash V2. */
export const spooky64 = (bytes: Uint8Array): bigint =>
  bytes.length < SHORT ? spookyShort(bytes) : spookyLong(bytes)

const SHORT_MIX = [50n, 52n, 30n, 41n, 54n, 48n, 38n, 37n, 62n, 34n, 5n, 36n]
const SHORT_END = [15n, 52n, 26n, 51n, 28n, 9n, 47n, 54n, 32n, 25n, 63n]

function spookyShort(bytes: Uint8Array): bigint {
  const data = view(bytes)
  const h = [0n, 0n, SPOOKY, SPOOKY]
  const size = bytes.length
  let at = 0
  for (; at + 32 <= size; at += 32) {
    h[2] = wrap(h[2]! + data.getBigUint64(at, true))
    h[3] = wrap(h[3]! + data.getBigUint64(at + 8, true))
    shortMix(h)
    h[0] = wrap(h[0]! + data.getBigUint64(at + 16, true))
    h[1] = wrap(h[1]! + data.getBigUint64(at + 24, true))
  }
  if (size - at >= 16) {
    h[2] = wrap(h[2]! + data.getBigUint64(at, true))
    h[3] = wrap(h[3]! + data.getBigUint64(at + 8, true))
    shortMix(h)
    at += 16
  }
  h[3] = wrap(h[3]! + (BigInt(size) << 56n))
  if (at === size) {
    h[2] = wrap(h[2]! + SPOOKY)
    h[3] = wrap(h[3]! + SPOOKY)
  } else {
    const tail = new Uint8Array(16)
    tail.set(bytes.subarray(at))
    h[2] = wrap(h[2]! + view(tail).getBigUint64(0, true))
    h[3] = wrap(h[3]! + view(tail).getBigUint64(8, true))
  }
  shortEnd(h)
  return h[0]!
}

function shortMix(h: bigint[]): void {
  for (const [i, by] of SHORT_MIX.entries()) {
    const self = (i + 2) % 4
    const next = (i + 3) % 4
    const across = i % 4
    h[self] = wrap(rotate(h[self]!, by) + h[next]!)
    h[across] = h[across]! ^ h[self]!
  }
}

function shortEnd(h: bigint[]): void {
  for (const [i, by] of SHORT_END.entries()) {
    const target = (i + 3) % 4
    const source = (i + 2) % 4
    h[target] = h[target]! ^ h[source]!
    h[source] = rotate(h[source]!, by)
    h[target] = wrap(h[target]! + h[source]!)
  }
}

const LONG_MIX = [11n, 32n, 43n, 31n, 17n, 28n, 39n, 57n, 55n, 54n, 22n, 46n]
const LONG_END = [44n, 15n, 34n, 21n, 38n, 33n, 10n, 13n, 38n, 53n, 42n, 54n]

function spookyLong(bytes: Uint8Array): bigint {
  const h: bigint[] = Array.from({ length: 12 }, (_, i) => (i % 3 === 2 ? SPOOKY : 0n))
  const blocks = Math.floor(bytes.length / BLOCK)
  for (let i = 0; i < blocks; i++) longMix(view(bytes.subarray(i * BLOCK, (i + 1) * BLOCK)), h)
  const last = new Uint8Array(BLOCK)
  last.set(bytes.subarray(blocks * BLOCK))
  last[BLOCK - 1] = bytes.length % BLOCK
  for (let i = 0; i < 12; i++) h[i] = wrap(h[i]! + view(last).getBigUint64(i * 8, true))
  for (let round = 0; round < 3; round++) longEnd(h)
  return h[0]!
}

function longMix(data: DataView, h: bigint[]): void {
  for (const [i, by] of LONG_MIX.entries()) {
    h[i] = wrap(h[i]! + data.getBigUint64(i * 8, true))
    h[(i + 2) % 12] = h[(i + 2) % 12]! ^ h[(i + 10) % 12]!
    h[(i + 11) % 12] = h[(i + 11) % 12]! ^ h[i]!
    h[i] = rotate(h[i]!, by)
    h[(i + 11) % 12] = wrap(h[(i + 11) % 12]! + h[(i + 1) % 12]!)
  }
}

function longEnd(h: bigint[]): void {
  for (const [i, by] of LONG_END.entries()) {
    h[(i + 11) % 12] = wrap(h[(i + 11) % 12]! + h[(i + 1) % 12]!)
    h[(i + 2) % 12] = h[(i + 2) % 12]! ^ h[(i + 11) % 12]!
    h[(i + 1) % 12] = rotate(h[(i + 1) % 12]!, by)
  }
}
