/** What a record of an answer may hold. */
export type Packable = string | number | bigint | Buffer | null

/** One MessagePack map (github.com/msgpack/msgpack spec.md, "Formats"). At most 15 members; keys shorter than 32 bytes. */
export function packMap(record: Record<string, Packable>): Buffer {
  const members = Object.entries(record)
  const parts = members.flatMap(([key, value]) => [packText(key), packValue(value)])
  return Buffer.concat([Buffer.from([0x80 | members.length]), ...parts])
}

function packValue(value: Packable): Buffer {
  if (value === null) return Buffer.from([0xc0])
  if (typeof value === 'string') return packText(value)
  if (Buffer.isBuffer(value)) return Buffer.concat([header(0xc6, value.length), value])
  const bytes = Buffer.alloc(9, 0xd3)
  bytes.writeBigInt64BE(BigInt(value), 1)
  return bytes
}

function packText(text: string): Buffer {
  const bytes = Buffer.from(text)
  const short = bytes.length < 32
  return Buffer.concat([short ? Buffer.from([0xa0 | bytes.length]) : header(0xdb, bytes.length), bytes])
}

function header(format: number, length: number): Buffer {
  const bytes = Buffer.alloc(5, format)
  bytes.writeUInt32BE(length, 1)
  return bytes
}
