/** Appends MessagePack to a buffer that grows; taken and begun anew piece by piece. */
export type MsgpackWriter = {
  readonly length: number
  nil(): void
  boolean(value: boolean): void
  /** Within −2^63 … 2^64 − 1. */
  integer(value: number | bigint): void
  double(value: number): void
  /** UTF-8, taken as it is. */
  text(bytes: Uint8Array): void
  /** Bytes that are MessagePack already. */
  raw(bytes: Uint8Array): void
  /** Begins a map or an array whose length is not known yet; returns where `close` writes it. */
  open(kind: 'map' | 'array'): number
  close(place: number, count: number): void
  /** Forgets what was written behind `length`. */
  truncate(length: number): void
  /** Everything written so far; the writer begins anew. */
  take(): Buffer
}

const FIRST_BYTES = 64 * 1024
const MOST_INT64 = 2n ** 63n - 1n

export function createMsgpackWriter(): MsgpackWriter {
  let bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)
  let at = 0
  const room = (count: number) => {
    if (at + count <= bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * bytes.length, at + count))
    bytes.copy(larger, 0, 0, at)
    bytes = larger
  }
  const raw = (content: Uint8Array) => {
    room(content.length)
    bytes.set(content, at)
    at += content.length
  }
  const byte = (value: number) => {
    room(1)
    bytes[at++] = value
  }

  return {
    get length() {
      return at
    },
    nil: () => byte(0xc0),
    boolean: (value) => byte(value ? 0xc3 : 0xc2),
    integer(value) {
      if (typeof value === 'number' && value >= 0 && value < 128) return byte(value)
      room(9)
      const big = BigInt(value)
      if (big > MOST_INT64) {
        bytes[at] = 0xcf
        bytes.writeBigUInt64BE(big, at + 1)
      } else {
        bytes[at] = 0xd3
        bytes.writeBigInt64BE(big, at + 1)
      }
      at += 9
    },
    double(value) {
      room(9)
      bytes[at] = 0xcb
      bytes.writeDoubleBE(value, at + 1)
      at += 9
    },
    text(content) {
      room(5)
      if (content.length < 32) bytes[at++] = 0xa0 | content.length
      else {
        bytes[at] = 0xdb
        bytes.writeUInt32BE(content.length, at + 1)
        at += 5
      }
      raw(content)
    },
    raw,
    open(kind) {
      room(5)
      bytes[at] = kind === 'map' ? 0xdf : 0xdd
      at += 5
      return at - 4
    },
    close: (place, count) => void bytes.writeUInt32BE(count, place),
    truncate(length) {
      at = length
    },
    take() {
      const taken = Buffer.from(bytes.subarray(0, at))
      at = 0
      return taken
    },
  }
}
