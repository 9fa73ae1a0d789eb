const P1 = 0x9e3779b185ebca87n
const P2 = 0xc2b2ae3d27d4eb4fn
const P3 = 0x165667b19e3779f9n
const P4 = 0x85ebca77c2b2ae63n
const P5 = 0x27d4eb2f165667c5n

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value)
const rotate = (value: bigint, bits: bigint): bigint => u64(value << bits) | (value >> (64n - bits))
const round = (state: bigint, lane: bigint): bigint => u64(rotate(u64(state + lane * P2), 31n) * P1)
const merge = (hash: bigint, state: bigint): bigint => u64((hash ^ round(0n, state)) * P1 + P4)

/** XXH64 with seed 0 (Cyan4973/xxHash doc/xxhash_spec.md), unsigned. */
export function xxhash64(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let at = 0
  let hash: bigint
  if (bytes.length >= 32) {
    const states = [u64(P1 + P2), P2, 0n, u64(-P1)]
    for (; at + 32 <= bytes.length; at += 32) {
      for (let lane = 0; lane < 4; lane++)
        states[lane] = round(states[lane]!, view.getBigUint64(at + lane * 8, true))
    }
    const [a, b, c, d] = states as [bigint, bigint, bigint, bigint]
    hash = u64(rotate(a, 1n) + rotate(b, 7n) + rotate(c, 12n) + rotate(d, 18n))
    for (const state of states) hash = merge(hash, state)
  } else {
    hash = P5
  }
  return avalanche(tail(view, at, u64(hash + BigInt(bytes.length))))
}

function tail(view: DataView, from: number, start: bigint): bigint {
  let hash = start
  let at = from
  for (; at + 8 <= view.byteLength; at += 8) {
    hash = u64(rotate(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * P1 + P4)
  }
  if (at + 4 <= view.byteLength) {
    hash = u64(rotate(hash ^ u64(BigInt(view.getUint32(at, true)) * P1), 23n) * P2 + P3)
    at += 4
  }
  for (; at < view.byteLength; at++) hash = u64(rotate(hash ^ u64(BigInt(view.getUint8(at)) * P5), 11n) * P1)
  return hash
}

function avalanche(value: bigint): bigint {
  let hash = u64((value ^ (value >> 33n)) * P2)
  hash = u64((hash ^ (hash >> 29n)) * P3)
  return hash ^ (hash >> 32n)
}
