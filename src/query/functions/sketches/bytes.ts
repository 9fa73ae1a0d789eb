/** Bytes as sketches are stored: little-endian, one thing after the other. */
export class Writer {
  #buffer = Buffer.alloc(256)
  #length = 0

  byte(value: number): this {
    this.#room(1).writeUInt8(value & 0xff, this.#length)
    this.#length += 1
    return this
  }
  short(value: number): this {
    this.#room(2).writeUInt16LE(value & 0xffff, this.#length)
    this.#length += 2
    return this
  }
  int(value: number): this {
    this.#room(4).writeInt32LE(value | 0, this.#length)
    this.#length += 4
    return this
  }
  long(value: bigint): this {
    this.#room(8).writeBigInt64LE(BigInt.asIntN(64, value), this.#length)
    this.#length += 8
    return this
  }
  double(value: number): this {
    this.#room(8).writeDoubleLE(value, this.#length)
    this.#length += 8
    return this
  }
  bytes(value: Uint8Array): this {
    this.#room(value.length).set(value, this.#length)
    this.#length += value.length
    return this
  }
  end(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }

  #room(more: number): Buffer {
    if (this.#length + more > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(this.#buffer.length * 2, this.#length + more))
      larger.set(this.#buffer)
      this.#buffer = larger
    }
    return this.#buffer
  }
}

/** Reads what a Writer wrote. @throws RangeError beyond the end. */
export class Reader {
  readonly #buffer: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }
  byte(): number {
    return this.#buffer.readUInt8(this.#step(1))
  }
  short(): number {
    return this.#buffer.readUInt16LE(this.#step(2))
  }
  int(): number {
    return this.#buffer.readInt32LE(this.#step(4))
  }
  long(): bigint {
    return this.#buffer.readBigInt64LE(this.#step(8))
  }
  double(): number {
    return this.#buffer.readDoubleLE(this.#step(8))
  }
  bytes(length: number): Uint8Array {
    const from = this.#step(length)
    if (from + length > this.#buffer.length) throw new RangeError('beyond the end')
    return this.#buffer.subarray(from, from + length)
  }
  get ended(): boolean {
    return this.#at >= this.#buffer.length
  }

  #step(length: number): number {
    const from = this.#at
    this.#at += length
    return from
  }
}
