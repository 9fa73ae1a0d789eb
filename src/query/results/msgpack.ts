/**
 * MessagePack written straight into one growing buffer; integers take their shortest form, as every client's own
 * encoder writes them (msgpack/msgpack spec.md).
 */
export type Sink = { bytes: Buffer; at: number }

export function createSink(bytes = 256 * 1024): Sink {
  return { bytes: Buffer.allocUnsafeSlow(bytes), at: 0 }
}

/** Makes sure that `count` more bytes fit; what was written stays. */
export function makeRoom(sink: Sink, count: number): void {
  if (sink.at + count <= sink.bytes.length) return
  const larger = Buffer.allocUnsafeSlow(Math.max(sink.bytes.length * 2, sink.at + count))
  sink.bytes.copy(larger, 0, 0, sink.at)
  sink.bytes = larger
}

/** What has been written, as a copy of its own; the sink is empty afterwards. */
export function drain(sink: Sink): Buffer {
  const written = Buffer.from(sink.bytes.subarray(0, sink.at))
  sink.at = 0
  return written
}

export function writeNil(sink: Sink): void {
  makeRoom(sink, 1)
  sink.bytes[sink.at++] = 0xc0
}

export function writeBoolean(sink: Sink, value: boolean): void {
  makeRoom(sink, 1)
  sink.bytes[sink.at++] = value ? 0xc3 : 0xc2
}

/** A whole number within ±2^53. */
export function writeInteger(sink: Sink, value: number): void {
  makeRoom(sink, 9)
  const { bytes, at } = sink
  if (value >= 0) {
    if (value < 0x80) {
      bytes[at] = value
      sink.at = at + 1
    } else if (value <= 0xff) {
      bytes[at] = 0xcc
      bytes[at + 1] = value
      sink.at = at + 2
    } else if (value <= 0xffff) {
      bytes[at] = 0xcd
      sink.at = bytes.writeUInt16BE(value, at + 1)
    } else if (value <= 0xffffffff) {
      bytes[at] = 0xce
      sink.at = bytes.writeUInt32BE(value, at + 1)
    } else {
      bytes[at] = 0xcf
      bytes.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at + 1)
      sink.at = bytes.writeUInt32BE(value % 0x1_0000_0000, at + 5)
    }
  } else if (value >= -0x20) {
    bytes[at] = 0x100 + value
    sink.at = at + 1
  } else if (value >= -0x80) {
    bytes[at] = 0xd0
    sink.at = bytes.writeInt8(value, at + 1)
  } else if (value >= -0x8000) {
    bytes[at] = 0xd1
    sink.at = bytes.writeInt16BE(value, at + 1)
  } else if (value >= -0x8000_0000) {
    bytes[at] = 0xd2
    sink.at = bytes.writeInt32BE(value, at + 1)
  } else {
    bytes[at] = 0xd3
    sink.at = bytes.writeBigInt64BE(BigInt(value), at + 1)
  }
}

const SAFE_MOST = BigInt(Number.MAX_SAFE_INTEGER)

/** Any int64, exact. */
export function writeBigint(sink: Sink, value: bigint): void {
  if (value >= -SAFE_MOST && value <= SAFE_MOST) {
    writeInteger(sink, Number(value))
    return
  }
  makeRoom(sink, 9)
  sink.bytes[sink.at] = value < 0n ? 0xd3 : 0xcf
  sink.at = sink.bytes.writeBigUInt64BE(BigInt.asUintN(64, value), sink.at + 1)
}

export function writeDouble(sink: Sink, value: number): void {
  makeRoom(sink, 9)
  sink.bytes[sink.at] = 0xcb
  sink.at = sink.bytes.writeDoubleBE(value, sink.at + 1)
}

export function writeFloat(sink: Sink, value: number): void {
  makeRoom(sink, 5)
  sink.bytes[sink.at] = 0xca
  sink.at = sink.bytes.writeFloatBE(value, sink.at + 1)
}

/** The header of a string of `length` UTF-8 bytes, with room made for the bytes. */
export function writeTextHeader(sink: Sink, length: number): void {
  makeRoom(sink, 5 + length)
  const { bytes, at } = sink
  if (length < 0x20) {
    bytes[at] = 0xa0 | length
    sink.at = at + 1
  } else if (length <= 0xff) {
    bytes[at] = 0xd9
    bytes[at + 1] = length
    sink.at = at + 2
  } else if (length <= 0xffff) {
    bytes[at] = 0xda
    sink.at = bytes.writeUInt16BE(length, at + 1)
  } else {
    bytes[at] = 0xdb
    sink.at = bytes.writeUInt32BE(length, at + 1)
  }
}

/** The header of binary data, with room made for the bytes. */
export function writeBinaryHeader(sink: Sink, length: number): void {
  makeRoom(sink, 5 + length)
  const { bytes, at } = sink
  if (length <= 0xff) {
    bytes[at] = 0xc4
    bytes[at + 1] = length
    sink.at = at + 2
  } else if (length <= 0xffff) {
    bytes[at] = 0xc5
    sink.at = bytes.writeUInt16BE(length, at + 1)
  } else {
    bytes[at] = 0xc6
    sink.at = bytes.writeUInt32BE(length, at + 1)
  }
}

/** Calling the engine's own copy costs as much as so many bytes one by one. */
const FEW_BYTES = 48

/** Part of other bytes, for which the header has made room. */
export function writeBytes(sink: Sink, from: Buffer, start: number, length: number): void {
  const { bytes, at } = sink
  if (length <= FEW_BYTES) for (let i = 0; i < length; i++) bytes[at + i] = from[start + i]!
  else from.copy(bytes, at, start, start + length)
  sink.at = at + length
}

export function writeText(sink: Sink, text: string): void {
  writeTextHeader(sink, Buffer.byteLength(text))
  sink.at += sink.bytes.write(text, sink.at)
}

/** Text of ASCII characters only: dates, times, decimals. */
export function writeAscii(sink: Sink, text: string): void {
  writeTextHeader(sink, text.length)
  sink.at += sink.bytes.write(text, sink.at, 'latin1')
}

export function writeArrayHeader(sink: Sink, count: number): void {
  writeCountedHeader(sink, count, 0x90, 0xdc)
}

export function writeMapHeader(sink: Sink, count: number): void {
  writeCountedHeader(sink, count, 0x80, 0xde)
}

function writeCountedHeader(sink: Sink, count: number, short: number, long: number): void {
  makeRoom(sink, 5)
  const { bytes, at } = sink
  if (count < 0x10) {
    bytes[at] = short | count
    sink.at = at + 1
  } else if (count <= 0xffff) {
    bytes[at] = long
    sink.at = bytes.writeUInt16BE(count, at + 1)
  } else {
    bytes[at] = long + 1
    sink.at = bytes.writeUInt32BE(count, at + 1)
  }
}
