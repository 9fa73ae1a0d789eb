import { ScanFault, type ScanState } from './scan-state.ts'

/** What is read: as much of the scanner's state as it takes to walk over values. */
export type Wire = Pick<ScanState, 'bytes' | 'view' | 'end'>

/** The payload ends in the middle of a value, or a byte says what MessagePack does not define. */
export const TRUNCATED = new ScanFault('msgpack_truncated')
export const INVALID = new ScanFault('msgpack_invalid')

/** Throws unless `count` bytes stand at `at`. */
export function need(state: Wire, at: number, count: number): void {
  if (at + count > state.end) throw TRUNCATED
}

/** What a value is, from its first byte (github.com/msgpack/msgpack spec.md, "Formats"). */
export type Header = {
  /** Bytes of content behind the header; for containers 0. */
  content: number
  /** Values inside; a map has two per entry. */
  children: number
  /** Where the content starts. */
  at: number
}

/** Reads the header at `at` into `out`; every length is checked to lie within the payload. */
export function readHeader(state: Wire, at: number, out: Header): void {
  need(state, at, 1)
  const byte = state.bytes[at]!
  out.at = at + 1
  out.content = 0
  out.children = 0
  if (byte < 0x80 || byte >= 0xe0) return
  if (byte < 0x90) out.children = (byte & 15) * 2
  else if (byte < 0xa0) out.children = byte & 15
  else if (byte < 0xc0) out.content = byte & 31
  else readLongHeader(state, byte, out)
  need(state, out.at, out.content)
}

/** Bytes of content for the headers without a length field: c0…df, -1 = not one of them. */
const FIXED_CONTENT: readonly number[] = [
  0, -1, 0, 0, -1, -1, -1, -1, -1, -1, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17, -1, -1, -1, -1, -1, -1,
  -1,
]

function readLongHeader(state: Wire, byte: number, out: Header): void {
  if (byte === 0xc1) throw INVALID
  const fixed = FIXED_CONTENT[byte - 0xc0]!
  if (fixed >= 0) {
    out.content = fixed
    return
  }
  switch (byte) {
    case 0xc4:
    case 0xd9:
      out.content = readUnsigned(state, out, 1)
      return
    case 0xc5:
    case 0xda:
      out.content = readUnsigned(state, out, 2)
      return
    case 0xc6:
    case 0xdb:
      out.content = readUnsigned(state, out, 4)
      return
    case 0xc7:
      out.content = 1 + readUnsigned(state, out, 1)
      return
    case 0xc8:
      out.content = 1 + readUnsigned(state, out, 2)
      return
    case 0xc9:
      out.content = 1 + readUnsigned(state, out, 4)
      return
    case 0xdc:
      out.children = readUnsigned(state, out, 2)
      return
    case 0xdd:
      out.children = readUnsigned(state, out, 4)
      return
    case 0xde:
      out.children = 2 * readUnsigned(state, out, 2)
      return
    default:
      out.children = 2 * readUnsigned(state, out, 4)
  }
}

function readUnsigned(state: Wire, out: Header, size: 1 | 2 | 4): number {
  need(state, out.at, size)
  const at = out.at
  out.at = at + size
  if (size === 1) return state.bytes[at]!
  return size === 2 ? state.view.getUint16(at) : state.view.getUint32(at)
}

/** Offset behind the value at `at`, however deeply nested: it counts what is still to come instead of recursing. */
export function skipValue(state: Wire, at: number): number {
  const header: Header = { content: 0, children: 0, at }
  let pending = 1
  while (pending > 0) {
    readHeader(state, at, header)
    pending += header.children - 1
    at = header.at + header.content
  }
  return at
}

/**
 * Length of the whole values at the start of `bytes`; the rest is the beginning of one more, or nothing. `broken`: what
 * stands there is no MessagePack. For inputs that come in pieces.
 */
export function wholeValues(bytes: Buffer): { length: number; broken: boolean } {
  const wire: Wire = {
    bytes,
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
    end: bytes.length,
  }
  let at = 0
  try {
    while (at < wire.end) at = skipValue(wire, at)
    return { length: at, broken: false }
  } catch (error) {
    if (!(error instanceof ScanFault)) throw error
    return { length: at, broken: error === INVALID }
  }
}
