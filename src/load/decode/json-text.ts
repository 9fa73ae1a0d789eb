import { ScanFault, type ScanState } from './scan-state.ts'

/** The payload ends in the middle of a value, or holds what JSON (RFC 8259) does not allow there. */
const TRUNCATED = new ScanFault('json_truncated')
export const INVALID = new ScanFault('json_invalid')

export const QUOTE = 0x22
export const COMMA = 0x2c
export const COLON = 0x3a
export const OPEN_ARRAY = 0x5b
export const CLOSE_ARRAY = 0x5d
export const OPEN_OBJECT = 0x7b
export const CLOSE_OBJECT = 0x7d
const BACKSLASH = 0x5c
const MINUS = 0x2d
const DOT = 0x2e
const ZERO = 0x30

/** The byte at `at`, which must be there. */
export function byteAt(state: ScanState, at: number): number {
  if (at >= state.end) throw TRUNCATED
  return state.bytes[at]!
}

/** Offset of the first byte from `at` on that is no white space; may be the end. */
export function skipSpace({ bytes, end }: ScanState, at: number): number {
  while (at < end) {
    const byte = bytes[at]!
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at
    at++
  }
  return at
}

/** What `scanString` and `scanNumber` found besides the end; read right after the call. */
export const found = { hasEscapes: false, isInteger: false }

/** Offset behind the closing quote of the string that starts at `at`. */
export function scanString(state: ScanState, at: number): number {
  const { bytes, end } = state
  let hasEscapes = false
  for (at++; at < end; ) {
    const byte = bytes[at]!
    if (byte === QUOTE) {
      found.hasEscapes = hasEscapes
      return at + 1
    }
    if (byte === BACKSLASH) {
      at = scanEscape(state, at)
      hasEscapes = true
    } else if (byte < 0x20) throw INVALID
    else at++
  }
  throw TRUNCATED
}

const ESCAPED = new Set(Buffer.from('"\\/bfnrt'))

function scanEscape(state: ScanState, at: number): number {
  const byte = byteAt(state, at + 1)
  if (byte !== 0x75) {
    if (!ESCAPED.has(byte)) throw INVALID
    return at + 2
  }
  for (let i = at + 2; i < at + 6; i++) if (!isHexDigit(byteAt(state, i))) throw INVALID
  return at + 6
}

function isHexDigit(byte: number): boolean {
  const lower = byte | 0x20
  return isDigit(byte) || (lower >= 0x61 && lower <= 0x66)
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= 0x39
}

/** Offset behind the number that starts at `at`. */
export function scanNumber(state: ScanState, at: number): number {
  const { bytes, end } = state
  if (bytes[at] === MINUS) at++
  const first = byteAt(state, at)
  if (!isDigit(first)) throw INVALID
  at = first === ZERO ? at + 1 : skipDigits(state, at)
  found.isInteger = true
  if (at < end && bytes[at] === DOT) {
    found.isInteger = false
    at = skipSomeDigits(state, at + 1)
  }
  if (at < end && (bytes[at]! | 0x20) === 0x65) {
    found.isInteger = false
    const sign = byteAt(state, at + 1)
    at = skipSomeDigits(state, sign === MINUS || sign === 0x2b ? at + 2 : at + 1)
  }
  return at
}

function skipDigits({ bytes, end }: ScanState, at: number): number {
  while (at < end && isDigit(bytes[at]!)) at++
  return at
}

/** At least one. */
function skipSomeDigits(state: ScanState, at: number): number {
  if (!isDigit(byteAt(state, at))) throw INVALID
  return skipDigits(state, at)
}

const WORDS = { 116: Buffer.from('true'), 102: Buffer.from('false'), 110: Buffer.from('null') } as const
const NO_WORD = Buffer.alloc(0)

/** Offset behind `true`, `false` or `null`. */
export function scanWord(state: ScanState, at: number): number {
  const word = WORDS[byteAt(state, at) as keyof typeof WORDS] ?? NO_WORD
  if (word.length === 0) throw INVALID
  for (let i = 1; i < word.length; i++) if (byteAt(state, at + i) !== word[i]) throw INVALID
  return at + word.length
}

/** Offset behind a value that is neither array nor object. */
export function scanScalar(state: ScanState, at: number): number {
  const byte = byteAt(state, at)
  if (byte === QUOTE) return scanString(state, at)
  return byte === MINUS || isDigit(byte) ? scanNumber(state, at) : scanWord(state, at)
}

/** Where a value begins behind the key and the colon that start at `at`. */
export function skipKey(state: ScanState, at: number): number {
  if (byteAt(state, at) !== QUOTE) throw INVALID
  return skipColon(state, scanString(state, at))
}

export function skipColon(state: ScanState, at: number): number {
  at = skipSpace(state, at)
  if (byteAt(state, at) !== COLON) throw INVALID
  return skipSpace(state, at + 1)
}

/** Offset behind the value at `at`, checked in full, however deeply nested: what is open is kept in a list. */
export function skipJson(state: ScanState, at: number): number {
  const open: number[] = []
  for (;;) {
    const byte = byteAt(state, at)
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      const close = byte + 2
      at = skipSpace(state, at + 1)
      if (byteAt(state, at) !== close) {
        open.push(close)
        if (byte === OPEN_OBJECT) at = skipKey(state, at)
        continue
      }
      at++
    } else at = scanScalar(state, at)
    for (;;) {
      const close = open.at(-1)
      if (close === undefined) return at
      at = skipSpace(state, at)
      const behind = byteAt(state, at)
      if (behind === COMMA) {
        at = skipSpace(state, at + 1)
        if (close === CLOSE_OBJECT) at = skipKey(state, at)
        break
      }
      if (behind !== close) throw INVALID
      at++
      open.pop()
    }
  }
}

/** The text of the string from `at` to behind its closing quote; halves of surrogate pairs that stand alone become U+FFFD. */
export function stringAt({ bytes }: ScanState, at: number, end: number): string {
  const text = JSON.parse(bytes.toString('utf8', at, end)) as string
  return text.toWellFormed()
}
