/** A struct of Thrift's compact protocol by field number: booleans, bigints, numbers, bytes, lists and structs. */
export type ThriftStruct = Map<number, unknown>

const DEEPEST = 32
const LONGEST_VARINT = 10

/**
 * Reads one struct and checks that it fills the bytes to their end.
 * @throws Error, RangeError for anything that is not one; never reads outside, never makes more than the bytes can hold
 */
export function readThriftStruct(bytes: Buffer): ThriftStruct {
  let at = 0

  function byte(): number {
    if (at >= bytes.length) throw new Error('it is cut off')
    return bytes[at++]!
  }
  function varint(): bigint {
    let value = 0n
    for (let i = 0; i < LONGEST_VARINT; i++) {
      const next = byte()
      value |= BigInt(next & 0x7f) << BigInt(7 * i)
      if (next < 0x80) return value
    }
    throw new Error('a number that does not end')
  }
  function signed(): bigint {
    const value = varint()
    return value & 1n ? -((value + 1n) >> 1n) : value >> 1n
  }
  function raw(): Buffer {
    const length = Number(varint())
    if (length > bytes.length - at) throw new Error('it is cut off')
    at += length
    return bytes.subarray(at - length, at)
  }
  function list(depth: number): unknown[] {
    const header = byte()
    const count = header >> 4 === 15 ? Number(varint()) : header >> 4
    // Every element takes a byte at least.
    if (count > bytes.length - at) throw new Error('a list that is longer than the file')
    return Array.from({ length: count }, () => element(header & 15, depth))
  }
  /** A boolean is a byte of its own in a list, and part of the header elsewhere. */
  function element(type: number, depth: number): unknown {
    return type === 1 || type === 2 ? byte() === 1 : value(type, depth)
  }
  function value(type: number, depth: number): unknown {
    switch (type) {
      case 1:
      case 2:
        return type === 1
      case 3:
        return bytes.readInt8(++at - 1)
      case 4:
      case 5:
      case 6:
        return signed()
      case 7:
        at += 8
        return bytes.readDoubleLE(at - 8)
      case 8:
        return raw()
      case 9:
      case 10:
        return list(depth + 1)
      case 12:
        return struct(depth + 1)
      default:
        throw new Error(`a field of unknown type ${type}`)
    }
  }
  function struct(depth: number): ThriftStruct {
    if (depth > DEEPEST) throw new Error('it is nested too deep')
    const fields: ThriftStruct = new Map()
    for (let field = 0; ; ) {
      const header = byte()
      if (header === 0) return fields
      field = header >> 4 === 0 ? Number(signed()) : field + (header >> 4)
      fields.set(field, value(header & 15, depth))
    }
  }

  const read = struct(0)
  if (at !== bytes.length) throw new Error('something follows its end')
  return read
}
