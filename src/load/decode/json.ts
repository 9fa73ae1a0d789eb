import { reserveSide, ScanFault, type ScanState } from './scan-state.ts'
import { isAsciiRange, isUtf8Range } from './utf8.ts'
import { type Header, readHeader } from './wire.ts'

export const TOO_DEEP = new ScanFault('record_too_deep')

/** Appends ASCII text to the side buffer. */
function putAscii(state: ScanState, text: string): void {
  reserveSide(state, text.length)
  const { side, sideLength } = state
  for (let i = 0; i < text.length; i++) side[sideLength + i] = text.charCodeAt(i)
  state.sideLength = sideLength + text.length
}

function putByte(state: ScanState, byte: number): void {
  reserveSide(state, 1)
  state.side[state.sideLength++] = byte
}

/** Below this many bytes a loop is faster than a call into native code. */
const SHORT_BYTES = 40

function copyToSide(state: ScanState, offset: number, length: number): void {
  reserveSide(state, length)
  const { bytes, side, sideLength } = state
  if (length < SHORT_BYTES) for (let i = 0; i < length; i++) side[sideLength + i] = bytes[offset + i]!
  else side.set(bytes.subarray(offset, offset + length), sideLength)
  state.sideLength = sideLength + length
}

/** Appends bytes as UTF-8, with U+FFFD for what is not. */
export function putText(state: ScanState, offset: number, length: number): void {
  if (isAsciiRange(state.words, offset, length) || isUtf8Range(state.bytes, offset, length)) {
    copyToSide(state, offset, length)
    return
  }
  state.counters.invalidUtf8++
  const repaired = Buffer.from(state.bytes.toString('utf8', offset, offset + length))
  reserveSide(state, repaired.length)
  repaired.copy(state.side, state.sideLength)
  state.sideLength += repaired.length
}

/** What JSON.stringify writes for each control character. */
const ESCAPES = Array.from({ length: 32 }, (_, code) =>
  JSON.stringify(String.fromCharCode(code)).slice(1, -1),
)

/** Appends a JSON string made of these bytes of the payload. */
export function putJsonString(state: ScanState, offset: number, length: number): void {
  const start = state.sideLength
  putByte(state, 0x22)
  putText(state, offset, length)
  let escapes = 0
  for (let i = start + 1; i < state.sideLength; i++) escapes += extraBytes(state.side[i]!)
  if (escapes > 0) escapeInPlace(state, start + 1, escapes)
  putByte(state, 0x22)
}

function extraBytes(byte: number): number {
  if (byte === 0x22 || byte === 0x5c) return 1
  return byte < 0x20 ? ESCAPES[byte]!.length - 1 : 0
}

/** Spreads the text from `start` to the end of the side buffer backwards, so that nothing is overwritten unread. */
function escapeInPlace(state: ScanState, start: number, extra: number): void {
  reserveSide(state, extra)
  const { side } = state
  let from = state.sideLength - 1
  let to = from + extra
  for (; from >= start; from--) {
    const byte = side[from]!
    if (extraBytes(byte) === 0) {
      side[to--] = byte
    } else if (byte >= 0x20) {
      side[to--] = byte
      side[to--] = 0x5c
    } else {
      const escaped = ESCAPES[byte]!
      to -= escaped.length
      side.write(escaped, to + 1, 'latin1')
    }
  }
  state.sideLength += extra
}

/** Appends a text made here, such as a key, as a JSON string. */
export function putJsonText(state: ScanState, text: string): void {
  const quoted = Buffer.from(JSON.stringify(text))
  reserveSide(state, quoted.length)
  quoted.copy(state.side, state.sideLength)
  state.sideLength += quoted.length
}

/**
 * Appends the value at `at` as compact JSON and returns the offset behind it. Integers keep all digits; NaN and
 * infinities become null; byte strings become text; a timestamp its ISO 8601 form, any other extension
 * `{"ext":type,"data":"<base64>"}`. Keys that are not text are written as the text of their JSON. A key that
 * repeats is written again: readers take the last.
 */
export function putJson(state: ScanState, at: number, depth: number): number {
  const header: Header = { at: 0, content: 0, children: 0 }
  readHeader(state, at, header)
  const byte = state.bytes[at]!
  const end = header.at + header.content
  if (isText(byte)) {
    putJsonString(state, header.at, header.content)
    return end
  }
  if (isMap(byte) || isArray(byte)) {
    if (depth >= state.maxDepth) throw TOO_DEEP
    return isMap(byte)
      ? putMap(state, header.at, header.children / 2, depth)
      : putArray(state, header.at, header.children, depth)
  }
  if (isExtension(byte)) putExtension(state, header)
  else putAscii(state, scalarText(state, byte, header.at))
  return end
}

/** str and bin of every length. */
export function isText(byte: number): boolean {
  return (byte >= 0xa0 && byte < 0xc0) || (byte >= 0xc4 && byte <= 0xc6) || (byte >= 0xd9 && byte <= 0xdb)
}

function isMap(byte: number): boolean {
  return (byte >= 0x80 && byte < 0x90) || byte === 0xde || byte === 0xdf
}

function isArray(byte: number): boolean {
  return (byte >= 0x90 && byte < 0xa0) || byte === 0xdc || byte === 0xdd
}

export function isExtension(byte: number): boolean {
  return (byte >= 0xc7 && byte <= 0xc9) || (byte >= 0xd4 && byte <= 0xd8)
}

function putArray(state: ScanState, at: number, items: number, depth: number): number {
  putByte(state, 0x5b)
  for (let i = 0; i < items; i++) {
    if (i > 0) putByte(state, 0x2c)
    at = putJson(state, at, depth + 1)
  }
  putByte(state, 0x5d)
  return at
}

function putMap(state: ScanState, at: number, entries: number, depth: number): number {
  putByte(state, 0x7b)
  for (let i = 0; i < entries; i++) {
    if (i > 0) putByte(state, 0x2c)
    at = putJsonKey(state, at, depth)
    putByte(state, 0x3a)
    at = putJson(state, at, depth + 1)
  }
  putByte(state, 0x7d)
  return at
}

function putJsonKey(state: ScanState, at: number, depth: number): number {
  const start = state.sideLength
  const end = putJson(state, at, depth + 1)
  if (state.side[start] === 0x22) return end
  const json = state.side.toString('utf8', start, state.sideLength)
  state.sideLength = start
  putJsonText(state, json)
  return end
}

/** Text of nil, a boolean or a number whose content starts at `at`; valid JSON. */
export function scalarText(state: ScanState, byte: number, at: number): string {
  const { view } = state
  if (byte < 0x80) return String(byte)
  if (byte >= 0xe0) return String(byte - 256)
  switch (byte) {
    case 0xc2:
      return 'false'
    case 0xc3:
      return 'true'
    case 0xca:
      return doubleJson(state, view.getFloat32(at))
    case 0xcb:
      return doubleJson(state, view.getFloat64(at))
    case 0xcc:
      return String(view.getUint8(at))
    case 0xcd:
      return String(view.getUint16(at))
    case 0xce:
      return String(view.getUint32(at))
    case 0xcf:
      return String(view.getBigUint64(at))
    case 0xd0:
      return String(view.getInt8(at))
    case 0xd1:
      return String(view.getInt16(at))
    case 0xd2:
      return String(view.getInt32(at))
    case 0xd3:
      return String(view.getBigInt64(at))
    default:
      return 'null'
  }
}

function doubleJson(state: ScanState, value: number): string {
  if (Number.isFinite(value)) return doubleText(value)
  state.counters.nonFinite++
  return 'null'
}

/** The shortest text that reads back as the same double; the sign of zero is kept. */
export function doubleText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

function putExtension(state: ScanState, header: Header): void {
  if (putTimestamp(state, header, true)) return
  const type = state.view.getInt8(header.at)
  const data = state.bytes.toString('base64', header.at + 1, header.at + header.content)
  putAscii(state, `{"ext":${type},"data":"${data}"}`)
}

/** Appends the extension's JSON, or its bare text for a timestamp; says which. */
export function putExtensionCell(state: ScanState, header: Header): 'text' | 'json' {
  if (putTimestamp(state, header, false)) return 'text'
  putExtension(state, header)
  return 'json'
}

const TIMESTAMP_TYPE = -1

function putTimestamp(state: ScanState, header: Header, quoted: boolean): boolean {
  const instant = readTimestamp(state, header)
  if (instant === null || Math.abs(instant.seconds) > 8_640_000_000_000) return false
  const whole = new Date(instant.seconds * 1000).toISOString().replace('.000Z', '')
  const fraction =
    instant.nanoseconds === 0 ? '' : `.${String(instant.nanoseconds).padStart(9, '0').replace(/0+$/, '')}`
  const text = `${whole}${fraction}Z`
  putAscii(state, quoted ? `"${text}"` : text)
  return true
}

/** The timestamp extension in its three sizes (msgpack spec.md, "Timestamp extension type"); null for any other. */
export function readTimestamp(
  state: ScanState,
  header: Header,
): { seconds: number; nanoseconds: number } | null {
  const { view } = state
  const at = header.at
  if (view.getInt8(at) !== TIMESTAMP_TYPE) return null
  let seconds: number
  let nanoseconds = 0
  if (header.content === 5) {
    seconds = view.getUint32(at + 1)
  } else if (header.content === 9) {
    const high = view.getUint32(at + 1)
    nanoseconds = high >>> 2
    seconds = (high & 3) * 2 ** 32 + view.getUint32(at + 5)
  } else if (header.content === 13) {
    nanoseconds = view.getUint32(at + 1)
    seconds = Number(view.getBigInt64(at + 5))
  } else {
    return null
  }
  return nanoseconds > 999_999_999 ? null : { seconds, nanoseconds }
}
