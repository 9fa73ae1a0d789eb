/**
 * Thrift's compact protocol, as far as Parquet's headers and footer need it
 * (apache/thrift doc/specs/thrift-compact-protocol.md).
 */
const BOOL_TRUE = 1
const BOOL_FALSE = 2
const I32 = 5
const I64 = 6
const BINARY = 8
const LIST = 9
const STRUCT = 12

export type ThriftWriter = {
  i32(field: number, value: number): void
  i64(field: number, value: number): void
  bool(field: number, value: boolean): void
  binary(field: number, bytes: Uint8Array): void
  text(field: number, value: string): void
  struct(field: number, write: () => void): void
  structs<T>(field: number, items: readonly T[], write: (item: T) => void): void
  i32s(field: number, items: readonly number[]): void
  texts(field: number, items: readonly string[]): void
  /** The bytes of the struct written so far, closed. */
  finish(): Buffer
}

/** Starts a struct; fields must be written in ascending order of their number. */
export function createThriftWriter(): ThriftWriter {
  let bytes = Buffer.allocUnsafe(512)
  let at = 0
  let lastField = 0

  function reserve(count: number): void {
    if (at + count <= bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(bytes.length * 2, at + count))
    bytes.copy(larger, 0, 0, at)
    bytes = larger
  }
  function varint(value: number): void {
    reserve(10)
    while (value >= 128) {
      bytes[at++] = (value % 128) | 128
      value = Math.floor(value / 128)
    }
    bytes[at++] = value
  }
  /** Zigzag by arithmetic: exact up to 2^52, which file offsets and row counts stay far below. */
  const signed = (value: number): void => varint(value < 0 ? -2 * value - 1 : 2 * value)
  function raw(content: Uint8Array): void {
    varint(content.length)
    reserve(content.length)
    bytes.set(content, at)
    at += content.length
  }
  function header(field: number, type: number): void {
    reserve(1)
    bytes[at++] = ((field - lastField) << 4) | type
    lastField = field
  }
  function listHeader(field: number, length: number, type: number): void {
    header(field, LIST)
    reserve(1)
    bytes[at++] = length < 15 ? (length << 4) | type : 0xf0 | type
    if (length >= 15) varint(length)
  }
  function nested(write: () => void): void {
    const outer = lastField
    lastField = 0
    write()
    reserve(1)
    bytes[at++] = 0
    lastField = outer
  }

  return {
    i32(field, value) {
      header(field, I32)
      signed(value)
    },
    i64(field, value) {
      header(field, I64)
      signed(value)
    },
    bool(field, value) {
      header(field, value ? BOOL_TRUE : BOOL_FALSE)
    },
    binary(field, content) {
      header(field, BINARY)
      raw(content)
    },
    text(field, value) {
      header(field, BINARY)
      raw(Buffer.from(value))
    },
    struct(field, write) {
      header(field, STRUCT)
      nested(write)
    },
    structs(field, items, write) {
      listHeader(field, items.length, STRUCT)
      for (const item of items) nested(() => write(item))
    },
    i32s(field, items) {
      listHeader(field, items.length, I32)
      for (const item of items) signed(item)
    },
    texts(field, items) {
      listHeader(field, items.length, BINARY)
      for (const item of items) raw(Buffer.from(item))
    },
    finish() {
      reserve(1)
      bytes[at++] = 0
      return Buffer.from(bytes.subarray(0, at))
    },
  }
}
