import { Packed } from './packer.ts'
import { type Key, keyOf, MOST_RECORD_BYTES, type Reader, type Sink, SourceError } from './types.ts'

const MOST_DEPTH = 200

export type MsgpackOptions = {
  /** Names for records that are arrays. */
  columns: string[] | undefined
  /** The first record is an array of names. */
  hasHeader: boolean
}

/**
 * MessagePack values one behind the other, passed on byte by byte: nothing is decoded that need not be, so nothing can change. Where
 * a record ends is known only from its own bytes; what is no MessagePack ends the reading.
 */
export function createMsgpackReader(options: MsgpackOptions, sink: Sink): Reader {
  let rest: Buffer = Buffer.alloc(0)
  let line = 1
  let names = options.hasHeader ? undefined : options.columns?.map(keyOf)

  const take = (bytes: Buffer, from: number, to: number) => {
    const source = bytes.subarray(from, to)
    const entries = containerAt(bytes, from)
    if (entries?.kind === 'map') takeMap(bytes, entries, source)
    else if (entries?.kind === 'array' && (options.columns !== undefined || options.hasHeader))
      takeArray(bytes, entries, source)
    else sink.reject({ line, reason: 'a record is a map', source })
    line++
  }

  const takeMap = (bytes: Buffer, { at, count }: Container, source: Buffer) => {
    const keys: Key[] = []
    const values: Packed[] = []
    for (let i = 0, place = at; i < count; i++) {
      const value = endOf(bytes, place, 0)
      const end = endOf(bytes, value, 0)
      const name = textAt(bytes, place)
      if (name === undefined) return sink.reject({ line, reason: 'a key of the map is no text', source })
      keys.push({ name, packed: bytes.subarray(place, value) })
      values.push(new Packed(bytes.subarray(value, end)))
      place = end
    }
    sink.row({ line, keys, values, source })
  }

  const takeArray = (bytes: Buffer, { at, count }: Container, source: Buffer) => {
    const values: Packed[] = []
    for (let i = 0, place = at; i < count; i++) {
      const end = endOf(bytes, place, 0)
      values.push(new Packed(bytes.subarray(place, end)))
      place = end
    }
    if (names === undefined) {
      names =
        options.columns?.map(keyOf) ??
        values.map((value, i) => keyOf(textAt(Buffer.from(value.bytes), 0) ?? `c${i}`))
      return
    }
    if (count !== names.length)
      return sink.reject({ line, reason: `${count} values instead of ${names.length}`, source })
    sink.row({ line, keys: names, values, source })
  }

  const scan = (bytes: Buffer): number => {
    for (let at = 0; ; ) {
      if (at === bytes.length) return at
      const end = endOf(bytes, at, 0)
      if (end === BAD)
        throw new SourceError(`record ${line}: no MessagePack, and where it goes on cannot be known`)
      if (end === CUT) {
        if (bytes.length - at > MOST_RECORD_BYTES)
          throw new SourceError(`record ${line} is larger than 32 MiB: is this MessagePack?`)
        return at
      }
      take(bytes, at, end)
      at = end
    }
  }

  return {
    push(piece) {
      const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece])
      rest = Buffer.from(bytes.subarray(scan(bytes)))
    },
    end() {
      if (rest.length > 0) throw new SourceError(`record ${line} does not end: the file is cut`)
    },
  }
}

const CUT = -1
const BAD = -2

/** Sizes of what has one, by its first byte from 0xc0: bytes of a length, bytes besides, or how many values follow. */
type Form = { lengthBytes: number; besides: number; values?: 1 | 2 }
const FORMS: Record<number, Form> = {
  196: { lengthBytes: 1, besides: 0 },
  197: { lengthBytes: 2, besides: 0 },
  198: { lengthBytes: 4, besides: 0 },
  199: { lengthBytes: 1, besides: 1 },
  200: { lengthBytes: 2, besides: 1 },
  201: { lengthBytes: 4, besides: 1 },
  217: { lengthBytes: 1, besides: 0 },
  218: { lengthBytes: 2, besides: 0 },
  219: { lengthBytes: 4, besides: 0 },
  220: { lengthBytes: 2, besides: 0, values: 1 },
  221: { lengthBytes: 4, besides: 0, values: 1 },
  222: { lengthBytes: 2, besides: 0, values: 2 },
  223: { lengthBytes: 4, besides: 0, values: 2 },
}
/** Bytes behind the first, of what has a fixed size: nil, booleans, floats, integers, fixext. */
const FIXED: Record<number, number> = {
  192: 0,
  194: 0,
  195: 0,
  202: 4,
  203: 8,
  204: 1,
  205: 2,
  206: 4,
  207: 8,
  208: 1,
  209: 2,
  210: 4,
  211: 8,
  212: 2,
  213: 3,
  214: 5,
  215: 9,
  216: 17,
}

/** Behind the value at `at`; CUT when the bytes end before it does, BAD when it is none. */
function endOf(bytes: Buffer, at: number, depth: number): number {
  if (at >= bytes.length) return CUT
  const head = bytes[at]!
  if (head < 0x80 || head >= 0xe0) return at + 1
  if (head < 0x90) return endOfValues(bytes, at + 1, (head & 15) * 2, depth)
  if (head < 0xa0) return endOfValues(bytes, at + 1, head & 15, depth)
  if (head < 0xc0) return within(bytes, at + 1 + (head & 31))
  const fixed = FIXED[head]
  if (fixed !== undefined) return within(bytes, at + 1 + fixed)
  const form = FORMS[head]
  if (form === undefined) return BAD
  const behind = at + 1 + form.lengthBytes
  if (behind > bytes.length) return CUT
  const length = bytes.readUIntBE(at + 1, form.lengthBytes)
  if (form.values !== undefined) return endOfValues(bytes, behind, length * form.values, depth)
  return within(bytes, behind + form.besides + length)
}

function endOfValues(bytes: Buffer, from: number, count: number, depth: number): number {
  if (depth >= MOST_DEPTH) return BAD
  let at = from
  for (let i = 0; i < count; i++) {
    at = endOf(bytes, at, depth + 1)
    if (at < 0) return at
  }
  return at
}

function within(bytes: Buffer, end: number): number {
  return end <= bytes.length ? end : CUT
}

type Container = { kind: 'map' | 'array'; at: number; count: number }

function containerAt(bytes: Buffer, at: number): Container | undefined {
  const head = bytes[at]!
  if (head >= 0x80 && head < 0x90) return { kind: 'map', at: at + 1, count: head & 15 }
  if (head >= 0x90 && head < 0xa0) return { kind: 'array', at: at + 1, count: head & 15 }
  if (head === 0xde) return { kind: 'map', at: at + 3, count: bytes.readUInt16BE(at + 1) }
  if (head === 0xdf) return { kind: 'map', at: at + 5, count: bytes.readUInt32BE(at + 1) }
  if (head === 0xdc) return { kind: 'array', at: at + 3, count: bytes.readUInt16BE(at + 1) }
  if (head === 0xdd) return { kind: 'array', at: at + 5, count: bytes.readUInt32BE(at + 1) }
  return undefined
}

/** The text or the bytes at `at`; undefined for anything else. */
export function textAt(bytes: Buffer, at: number): string | undefined {
  const head = bytes[at]!
  if (head >= 0xa0 && head < 0xc0) return bytes.toString('utf8', at + 1, at + 1 + (head & 31))
  const form = FORMS[head]
  if (form === undefined || form.values !== undefined || form.besides > 0) return undefined
  const from = at + 1 + form.lengthBytes
  return bytes.toString('utf8', from, from + bytes.readUIntBE(at + 1, form.lengthBytes))
}

/** A number, or a text; undefined for anything else. What is looked at for times. */
export function scalarOf(bytes: Buffer): number | bigint | string | undefined {
  const head = bytes[0]!
  if (head < 0x80) return head
  if (head >= 0xe0) return head - 0x100
  switch (head) {
    case 0xca:
      return bytes.readFloatBE(1)
    case 0xcb:
      return bytes.readDoubleBE(1)
    case 0xcc:
      return bytes[1]!
    case 0xcd:
      return bytes.readUInt16BE(1)
    case 0xce:
      return bytes.readUInt32BE(1)
    case 0xcf:
      return bytes.readBigUInt64BE(1)
    case 0xd0:
      return bytes.readInt8(1)
    case 0xd1:
      return bytes.readInt16BE(1)
    case 0xd2:
      return bytes.readInt32BE(1)
    case 0xd3:
      return bytes.readBigInt64BE(1)
  }
  return textAt(bytes, 0)
}
