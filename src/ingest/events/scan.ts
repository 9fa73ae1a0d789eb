/**
 * One pass over the JSON of a request: is it well formed, and where does each event start and end? Nothing is built and
 * nothing is written again, so what goes into the spool is what was sent, to the last digit of a number. Bytes beyond ASCII
 * are not looked at: in UTF-8 they only occur inside texts.
 */

/** What is known of an event after the scan; bits of `Scan.flags`. */
export const IS_OBJECT = 1
/** A text of the event begins with `td_`: one of the values a browser leaves to the server (event-collection reference §8.6). */
export const HAS_PLACEHOLDER = 2
/** Nested deeper than a device may nest (keen-client: 1000). */
export const IS_TOO_DEEP = 4

const MOST_NESTED = 1000
/** Deeper than this the whole body is malformed; the stack ends here. */
const MOST_OPEN = 16_384
/** So many events are written down; beyond them they are only counted. */
export const MOST_SCANNED = 10_001

/** A member of the body that is an array: where its key is, and which events are in it. */
export type Member = {
  keyStart: number
  keyEnd: number
  /** The inside of the array, without its brackets. */
  insideStart: number
  insideEnd: number
  firstEvent: number
  count: number
}

/** Columns of events by number; number 0 is the body itself as one event. Valid until the next scan. */
export type Scan = {
  start: Int32Array
  end: Int32Array
  /** First of the 36 characters of a `uuid` of that length, or -1. */
  uuidAt: Int32Array
  flags: Uint8Array
}

/** `members`: those that are arrays, up to `MOST_SCANNED`; `others`: how many members are something else, or beyond that. */
export type Scanned =
  | { kind: 'object'; scan: Scan; members: Member[]; others: number }
  | { kind: 'malformed'; at: number }

const scan: Scan = {
  start: new Int32Array(MOST_SCANNED + 1),
  end: new Int32Array(MOST_SCANNED + 1),
  uuidAt: new Int32Array(MOST_SCANNED + 1),
  flags: new Uint8Array(MOST_SCANNED + 1),
}
/** Open containers: 1 = object, 0 = array. */
const open = new Uint8Array(MOST_OPEN)

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const BRACE = 0x7b
const BRACE_END = 0x7d
const BRACKET = 0x5b
const BRACKET_END = 0x5d
const MINUS = 0x2d
const FAILED = -1

/** 1: a byte that stands for itself inside a text. */
const PLAIN = new Uint8Array(256).fill(1, 0x20)
PLAIN[QUOTE] = 0
PLAIN[BACKSLASH] = 0
const ESCAPES = new Uint8Array(256)
for (const character of '"\\/bfnrt') ESCAPES[character.charCodeAt(0)] = 1
const HEX = new Uint8Array(256)
for (const character of '0123456789abcdefABCDEF') HEX[character.charCodeAt(0)] = 1
const SPACES = new Uint8Array(256)
for (const character of ' \t\r\n') SPACES[character.charCodeAt(0)] = 1

let failedAt = 0
/** Of the event being scanned. */
let uuidAt = -1
let flags = 0
/** `IS_TOO_DEEP` when an element of the last array was. */
let deepInList = 0

/**
 * Scans a body, which must be one JSON object: its members, and the elements of those that are arrays, as events. The result
 * is overwritten by the next scan.
 */
export function scanBody(bytes: Uint8Array): Scanned {
  const members: Member[] = []
  let others = 0
  let at = skipSpace(bytes, 0)
  scan.start[0] = at
  if (bytes[at] !== BRACE) return { kind: 'malformed', at }
  let events = 1
  let ownUuidAt = -1
  let ownFlags = IS_OBJECT
  at = skipSpace(bytes, at + 1)
  if (bytes[at] === BRACE_END) at++
  else {
    for (;;) {
      const keyStart = at + 1
      at = bytes[at] === QUOTE ? skipText(bytes, keyStart) : fail(at)
      if (at === FAILED) return { kind: 'malformed', at: failedAt }
      const keyEnd = at - 1
      at = skipColon(bytes, at)
      if (at === FAILED) return { kind: 'malformed', at: failedAt }
      if (bytes[at] === BRACKET && members.length < MOST_SCANNED) {
        const member = { keyStart, keyEnd, insideStart: at + 1, insideEnd: 0, firstEvent: events, count: 0 }
        members.push(member)
        at = scanElements(bytes, at, member)
        ownFlags |= deepInList
        events = Math.min(events + member.count, MOST_SCANNED + 1)
      } else {
        others++
        uuidAt = ownUuidAt
        flags = ownFlags
        at = scanMember(bytes, keyStart, keyEnd, at)
        ownUuidAt = uuidAt
        ownFlags = flags
      }
      if (at === FAILED) return { kind: 'malformed', at: failedAt }
      at = skipSpace(bytes, at)
      const next = bytes[at]
      if (next === COMMA) {
        at = skipSpace(bytes, at + 1)
        continue
      }
      if (next !== BRACE_END) return { kind: 'malformed', at }
      at++
      break
    }
  }
  scan.end[0] = at
  scan.uuidAt[0] = ownUuidAt
  scan.flags[0] = ownFlags
  at = skipSpace(bytes, at)
  if (at !== bytes.length) return { kind: 'malformed', at }
  return { kind: 'object', scan, members, others }
}

/** The elements of the array at `at`, each as an event; returns where the array ends. */
function scanElements(bytes: Uint8Array, at: number, member: Member): number {
  let event = member.firstEvent
  deepInList = 0
  at = skipSpace(bytes, at + 1)
  if (bytes[at] === BRACKET_END) {
    member.insideEnd = at
    return at + 1
  }
  for (;;) {
    const start = at
    uuidAt = -1
    flags = 0
    at = bytes[at] === BRACE ? scanEvent(bytes, at) : skipValue(bytes, at)
    if (at === FAILED) return FAILED
    if (event <= MOST_SCANNED) {
      scan.start[event] = start
      scan.end[event] = at
      scan.uuidAt[event] = uuidAt
      scan.flags[event] = flags
    }
    deepInList |= flags & IS_TOO_DEEP
    event++
    member.count++
    at = skipSpace(bytes, at)
    const next = bytes[at]
    if (next === COMMA) {
      at = skipSpace(bytes, at + 1)
      continue
    }
    member.insideEnd = at
    return next === BRACKET_END ? at + 1 : fail(at)
  }
}

/** The object at `at`: sets `uuidAt` and `flags`, returns where it ends. */
function scanEvent(bytes: Uint8Array, at: number): number {
  flags |= IS_OBJECT
  at = skipSpace(bytes, at + 1)
  if (bytes[at] === BRACE_END) return at + 1
  for (;;) {
    const keyStart = at + 1
    at = bytes[at] === QUOTE ? skipText(bytes, keyStart) : fail(at)
    if (at === FAILED) return FAILED
    const keyEnd = at - 1
    at = skipColon(bytes, at)
    if (at === FAILED) return FAILED
    at = scanMember(bytes, keyStart, keyEnd, at)
    if (at === FAILED) return FAILED
    at = skipSpace(bytes, at)
    const next = bytes[at]
    if (next === COMMA) {
      at = skipSpace(bytes, at + 1)
      continue
    }
    return next === BRACE_END ? at + 1 : fail(at)
  }
}

/** The value of a member of an event, and what it says about the event. */
function scanMember(bytes: Uint8Array, keyStart: number, keyEnd: number, at: number): number {
  const isUuid = keyEnd - keyStart === 4 && isUuidKey(bytes, keyStart)
  if (bytes[at] !== QUOTE) {
    if (isUuid) uuidAt = -1
    return skipValue(bytes, at)
  }
  const start = at + 1
  const after = skipText(bytes, start)
  if (isUuid) uuidAt = after - 1 - start === 36 ? start : -1
  else if (bytes[start] === 0x74 && bytes[start + 1] === 0x64 && bytes[start + 2] === 0x5f)
    flags |= HAS_PLACEHOLDER
  return after
}

function isUuidKey(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0x75 && bytes[at + 1] === 0x75 && bytes[at + 2] === 0x69 && bytes[at + 3] === 0x64
}

/** Any value; returns where it ends. Containers are walked with a stack of their own, not of the processor's. */
function skipValue(bytes: Uint8Array, at: number): number {
  const first = bytes[at]
  if (first !== BRACE && first !== BRACKET) return skipScalar(bytes, at)
  let depth = 0
  for (;;) {
    const kind = bytes[at]
    if (kind === BRACE || kind === BRACKET) {
      if (depth === MOST_OPEN) return fail(at)
      open[depth++] = kind === BRACE ? 1 : 0
      if (depth >= MOST_NESTED) flags |= IS_TOO_DEEP
      at = skipSpace(bytes, at + 1)
      // Two more than the opening character: `{` `}` and `[` `]`.
      if (bytes[at] === kind + 2) {
        at++
        depth--
      } else {
        if (kind === BRACE) {
          at = skipKey(bytes, at)
          if (at === FAILED) return FAILED
        }
        continue
      }
    } else {
      at = skipScalar(bytes, at)
      if (at === FAILED) return FAILED
    }
    for (;;) {
      if (depth === 0) return at
      at = skipSpace(bytes, at)
      const next = bytes[at]
      const inObject = open[depth - 1] === 1
      if (next === COMMA) {
        at = skipSpace(bytes, at + 1)
        if (inObject) at = skipKey(bytes, at)
        if (at === FAILED) return FAILED
        break
      }
      if (next !== (inObject ? BRACE_END : BRACKET_END)) return fail(at)
      at++
      depth--
    }
  }
}

function skipKey(bytes: Uint8Array, at: number): number {
  if (bytes[at] !== QUOTE) return fail(at)
  at = skipText(bytes, at + 1)
  return at === FAILED ? FAILED : skipColon(bytes, at)
}

/** From the end of a key to the start of its value. */
function skipColon(bytes: Uint8Array, at: number): number {
  if (bytes[at] === COLON) at++
  else {
    at = skipSpace(bytes, at)
    if (bytes[at] !== COLON) return fail(at)
    at++
  }
  return skipSpace(bytes, at)
}

function skipSpace(bytes: Uint8Array, at: number): number {
  while (at < bytes.length && SPACES[bytes[at]!] === 1) at++
  return at
}

function skipScalar(bytes: Uint8Array, at: number): number {
  const first = bytes[at]
  if (first === QUOTE) return skipText(bytes, at + 1)
  if (first === MINUS || isDigit(first)) return skipNumber(bytes, at)
  if (first === 0x74) return skipWord(bytes, at, 'true')
  if (first === 0x66) return skipWord(bytes, at, 'false')
  if (first === 0x6e) return skipWord(bytes, at, 'null')
  return fail(at)
}

/** From behind the opening quote to behind the closing one. */
function skipText(bytes: Uint8Array, at: number): number {
  const { length } = bytes
  for (;;) {
    while (at < length && PLAIN[bytes[at]!] === 1) at++
    if (at >= length) return fail(at)
    const byte = bytes[at]
    if (byte === QUOTE) return at + 1
    if (byte !== BACKSLASH) return fail(at)
    const escaped = bytes[at + 1]
    if (escaped === undefined) return fail(at)
    if (ESCAPES[escaped] === 1) at += 2
    else if (escaped === 0x75 && areHex(bytes, at + 2)) at += 6
    else return fail(at)
  }
}

function areHex(bytes: Uint8Array, at: number): boolean {
  if (at + 4 > bytes.length) return false
  return HEX[bytes[at]!]! + HEX[bytes[at + 1]!]! + HEX[bytes[at + 2]!]! + HEX[bytes[at + 3]!]! === 4
}

/** RFC 8259 §6: no leading zero, no lone sign, point or exponent. */
function skipNumber(bytes: Uint8Array, at: number): number {
  if (bytes[at] === MINUS) at++
  if (bytes[at] === 0x30) at++
  else if (isDigit(bytes[at])) at = skipDigits(bytes, at)
  else return fail(at)
  if (bytes[at] === 0x2e) {
    if (!isDigit(bytes[++at])) return fail(at)
    at = skipDigits(bytes, at)
  }
  const exponent = bytes[at]
  if (exponent === 0x65 || exponent === 0x45) {
    const sign = bytes[++at]
    if (sign === 0x2b || sign === MINUS) at++
    if (!isDigit(bytes[at])) return fail(at)
    at = skipDigits(bytes, at)
  }
  return at
}

function skipDigits(bytes: Uint8Array, at: number): number {
  while (at < bytes.length && isDigit(bytes[at])) at++
  return at
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}

function skipWord(bytes: Uint8Array, at: number, word: string): number {
  for (let i = 1; i < word.length; i++) if (bytes[at + i] !== word.charCodeAt(i)) return fail(at)
  return at + word.length
}

function fail(at: number): number {
  failedAt = at
  return FAILED
}
