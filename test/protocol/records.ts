import { gzipSync } from 'node:zlib'
import { encode } from '@msgpack/msgpack'

/**
 * The body of an import: records as msgpack one after another, gzip'd; arrays of records become one gzip member each.
 * What JSON cannot write is written as an object: `{"$int": "18446744073709551615"}`, `{"$bin": "base64"}`,
 * `{"$float": "NaN"}`, also for floats that look like integers.
 */
export function gzippedRecords(records: unknown[]): Buffer {
  const members = records.some(Array.isArray) ? (records as unknown[][]) : [records]
  return Buffer.concat(members.map((member) => gzipSync(Buffer.concat(member.map(encodeRecord)))))
}

/** Maps are written here, so that a special value can stand anywhere in them. */
function encodeRecord(value: unknown): Buffer {
  if (Array.isArray(value)) {
    return Buffer.concat([prefix(0xdc, value.length), ...value.map(encodeRecord)])
  }
  if (typeof value !== 'object' || value === null) return Buffer.from(encode(value))
  const special = value as { $int?: string; $bin?: string; $float?: string }
  if (special.$int !== undefined) return Buffer.from(encode(BigInt(special.$int), { useBigInt64: true }))
  if (special.$bin !== undefined) return Buffer.from(encode(Buffer.from(special.$bin, 'base64')))
  if (special.$float !== undefined) return float64(Number(special.$float))
  const entries = Object.entries(value)
  const members = entries.flatMap(([key, member]) => [Buffer.from(encode(key)), encodeRecord(member)])
  return Buffer.concat([prefix(0xde, entries.length), ...members])
}

function prefix(type: number, length: number): Buffer {
  const bytes = Buffer.alloc(3, type)
  bytes.writeUInt16BE(length, 1)
  return bytes
}

function float64(value: number): Buffer {
  const bytes = Buffer.alloc(9, 0xcb)
  bytes.writeDoubleBE(value, 1)
  return bytes
}
