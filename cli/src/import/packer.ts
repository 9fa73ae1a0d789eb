const FIRST_BYTES = 256 * 1024
const MOST_UINT64 = 2n ** 64n - 1n
const MOST_INT64 = 2n ** 63n - 1n
const LEAST_INT64 = -(2n ** 63n)

/** MessagePack that is there already, passed on byte by byte. */
export class Packed {
  readonly bytes: Uint8Array
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}

/** A number that its source wrote with a fraction or an exponent: a double even where its value is whole. */
export class Double {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

/** UTF-8 that need not be decoded, because it becomes text again. */
export class Utf8 {
  readonly bytes: Uint8Array
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}

/** What a field of a record may be. A whole `number` is an integer; what is to stay a double is a `Double`. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Packed
  | Double
  | Utf8
  | Value[]
  | { [key: string]: Value }

/**
 * Writes MessagePack into one buffer that is used again for chunk after chunk. Integers are written in their shortest form; those
 * beyond 64 bits become the text of their digits, as td's clients send them.
 */
export class Packer {
  private buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  private at = 0

  get length(): number {
    return this.at
  }

  /** Forgets what was written behind `length`. */
  truncate(length: number): void {
    this.at = length
  }

  /** A copy of everything written; the packer begins anew. */
  take(): Buffer {
    const taken = Buffer.from(this.buffer.subarray(0, this.at))
    this.at = 0
    return taken
  }

  mapHeader(count: number): void {
    this.room(5)
    if (count < 16) this.buffer[this.at++] = 0x80 | count
    else this.sized(count, 0xde, 0xdf)
  }

  arrayHeader(count: number): void {
    this.room(5)
    if (count < 16) this.buffer[this.at++] = 0x90 | count
    else this.sized(count, 0xdc, 0xdd)
  }

  raw(bytes: Uint8Array): void {
    this.room(bytes.length)
    this.buffer.set(bytes, this.at)
    this.at += bytes.length
  }

  utf8(bytes: Uint8Array): void {
    this.textHeader(bytes.length)
    this.raw(bytes)
  }

  text(text: string): void {
    const bytes = Buffer.byteLength(text)
    this.textHeader(bytes)
    this.room(bytes)
    this.at += this.buffer.write(text, this.at)
  }

  double(value: number): void {
    this.room(9)
    this.buffer[this.at] = 0xcb
    this.buffer.writeDoubleBE(value, this.at + 1)
    this.at += 9
  }

  integer(value: number | bigint): void {
    this.room(9)
    const small = typeof value === 'number' ? value : Number(value)
    if (small >= -0x80000000 && small <= 0xffffffff) this.smallInteger(small)
    else this.largeInteger(BigInt(value))
  }

  private largeInteger(big: bigint): void {
    if (big > MOST_UINT64 || big < LEAST_INT64) {
      this.text(String(big))
      return
    }
    if (big > 0n) {
      this.buffer[this.at] = big > MOST_INT64 ? 0xcf : 0xd3
      this.buffer.writeBigUInt64BE(big, this.at + 1)
    } else {
      this.buffer[this.at] = 0xd3
      this.buffer.writeBigInt64BE(big, this.at + 1)
    }
    this.at += 9
  }

  value(value: Value): void {
    if (value === null || value === undefined) this.byte(0xc0)
    else if (typeof value === 'string') this.text(value)
    else if (typeof value === 'boolean') this.byte(value ? 0xc3 : 0xc2)
    else if (typeof value === 'bigint') this.integer(value)
    else if (typeof value === 'number') {
      if (Number.isSafeInteger(value) && !Object.is(value, -0)) this.integer(value)
      else this.double(value)
    } else if (value instanceof Utf8) this.utf8(value.bytes)
    else if (value instanceof Packed) this.raw(value.bytes)
    else if (value instanceof Double) this.double(value.value)
    else if (Array.isArray(value)) {
      this.arrayHeader(value.length)
      for (const one of value) this.value(one)
    } else {
      const entries = Object.entries(value)
      this.mapHeader(entries.length)
      for (const [key, one] of entries) {
        this.text(key)
        this.value(one)
      }
    }
  }

  private smallInteger(value: number): void {
    const { buffer } = this
    if (value >= 0) {
      if (value < 0x80) buffer[this.at++] = value
      else if (value < 0x100) {
        buffer[this.at++] = 0xcc
        buffer[this.at++] = value
      } else if (value < 0x10000) {
        buffer[this.at] = 0xcd
        this.at = buffer.writeUInt16BE(value, this.at + 1)
      } else {
        buffer[this.at] = 0xce
        this.at = buffer.writeUInt32BE(value, this.at + 1)
      }
    } else if (value >= -32) buffer[this.at++] = value & 0xff
    else if (value >= -0x80) {
      buffer[this.at++] = 0xd0
      buffer[this.at++] = value & 0xff
    } else if (value >= -0x8000) {
      buffer[this.at] = 0xd1
      this.at = buffer.writeInt16BE(value, this.at + 1)
    } else {
      buffer[this.at] = 0xd2
      this.at = buffer.writeInt32BE(value, this.at + 1)
    }
  }

  private textHeader(bytes: number): void {
    this.room(5)
    if (bytes < 32) this.buffer[this.at++] = 0xa0 | bytes
    else if (bytes < 0x100) {
      this.buffer[this.at++] = 0xd9
      this.buffer[this.at++] = bytes
    } else this.sized(bytes, 0xda, 0xdb)
  }

  private sized(count: number, short: number, long: number): void {
    if (count < 0x10000) {
      this.buffer[this.at] = short
      this.at = this.buffer.writeUInt16BE(count, this.at + 1)
    } else {
      this.buffer[this.at] = long
      this.at = this.buffer.writeUInt32BE(count, this.at + 1)
    }
  }

  private byte(value: number): void {
    this.room(1)
    this.buffer[this.at++] = value
  }

  private room(bytes: number): void {
    if (this.at + bytes <= this.buffer.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.buffer.length, this.at + bytes))
    this.buffer.copy(larger, 0, 0, this.at)
    this.buffer = larger
  }
}
