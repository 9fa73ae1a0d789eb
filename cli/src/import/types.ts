import { Packer, type Value } from './packer.ts'

/** The name of a field, and the same as MessagePack. */
export type Key = { name: string; packed: Buffer }

/** One record as it stood in the source, before times and types are looked at. */
export type Row = {
  /** Of its first line, from 1; for MessagePack the number of the record. */
  line: number
  keys: readonly Key[]
  values: Value[]
  /** What to write to the file of rejected rows. Valid only until the reader goes on. */
  source: Buffer
}

export type Rejected = { line: number; reason: string; source: Buffer }

/** Who is told what a reader finds. */
export type Sink = {
  row(row: Row): void
  reject(rejected: Rejected): void
  /** The line that names the columns, as it stands. */
  header?(source: Buffer): void
}

/** Takes a source piece by piece, in UTF-8 or MessagePack, and tells its sink. @throws SourceError */
export type Reader = { push(piece: Buffer): void; end(): void }

/** The rest of the source cannot be read; what was read before it can be trusted. */
export class SourceError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'SourceError'
  }
}

/** As large as one record may be; servers take no more. Bounds the memory of a quote that is never closed. */
export const MOST_RECORD_BYTES = 32 * 1024 * 1024

const packer = new Packer()

export function keyOf(name: string): Key {
  packer.text(name)
  return { name, packed: packer.take() }
}
