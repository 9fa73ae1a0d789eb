import { isUtf8 } from 'node:buffer'
import { integerOf } from './fields.ts'
import { Double, type Value } from './packer.ts'
import { type Key, keyOf, MOST_RECORD_BYTES, type Reader, type Sink, SourceError } from './types.ts'

const NEWLINE = 0x0a
const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d

export type JsonOptions = {
  /** Names for values that are arrays. */
  columns: string[] | undefined
  /** The first value is an array of names. */
  hasHeader: boolean
}

/**
 * How the source is written, seen at its first value. `lines`: one value per line, and a broken line costs only itself. `values`: values
 * over several lines, one behind the other. `array`: one array of all records. A fault in the latter two ends the reading: where the
 * next record begins cannot be known.
 */
type Layout = 'unknown' | 'lines' | 'values' | 'array' | 'ended'

/** JSON: lines, values one after the other, or an array. Integers keep all their digits, and doubles stay doubles. */
export function createJsonReader(options: JsonOptions, sink: Sink): Reader {
  let rest: Buffer = Buffer.alloc(0)
  let line = 1
  let layout = 'unknown' as Layout
  let isInArray = false
  let names = options.hasHeader ? undefined : options.columns?.map(keyOf)
  const rowsAreArrays = options.hasHeader || options.columns !== undefined
  const cache = new Map<string, Key>()

  const keyed = (name: string): Key => {
    const known = cache.get(name)
    if (known !== undefined) return known
    if (cache.size > 10_000) cache.clear()
    const key = keyOf(name)
    cache.set(name, key)
    return key
  }

  /** Tells the sink of a value, or returns why it is none. */
  const takeValue = (source: Buffer): string | undefined => {
    const read = parsed(source)
    if ('fault' in read) return read.fault
    const { json } = read
    if (rowsAreArrays && Array.isArray(json)) takeArray(json, source)
    else if (typeof json !== 'object' || json === null || Array.isArray(json) || json instanceof Double)
      sink.reject({ line, reason: `a record is an object, not ${kindOf(json)}`, source })
    else {
      const record = json as { [key: string]: Value }
      const keys = Object.keys(record)
      sink.row({ line, keys: keys.map(keyed), values: keys.map((key) => record[key]!), source })
    }
    return undefined
  }

  const takeArray = (value: Value[], source: Buffer) => {
    if (names === undefined) {
      names = options.columns?.map(keyOf) ?? value.map((name) => keyOf(String(name)))
      return
    }
    if (value.length !== names.length)
      return sink.reject({ line, reason: `${value.length} values instead of ${names.length}`, source })
    sink.row({ line, keys: names, values: value, source })
  }

  /** false: more has to be read first. */
  const decideLayout = (bytes: Buffer, at: number, isLast: boolean): boolean => {
    const newline = bytes.indexOf(NEWLINE, at)
    if (bytes[at] === OPEN_ARRAY && !rowsAreArrays) layout = 'array'
    else if (newline < 0 && !isLast && bytes.length - at <= MOST_RECORD_BYTES) return false
    // JSON has no line ends within texts: a text that is open at the end of the line is a broken line.
    else layout = newline >= 0 && endOfValue(bytes.subarray(at, newline), 0) === 'open' ? 'values' : 'lines'
    return true
  }

  const takeLine = (source: Buffer) => {
    const trimmed = trim(source)
    if (trimmed.length > 0) {
      const fault = takeValue(trimmed)
      if (fault !== undefined && !takeSeveral(trimmed))
        sink.reject({ line, reason: `no JSON: ${fault}`, source })
    }
    line++
  }

  /** Several values on one line; false, and nothing taken, when it is not that. */
  const takeSeveral = (bytes: Buffer): boolean => {
    const values: Buffer[] = []
    for (let at = 0; at < bytes.length; at = skipSpace(bytes, at)) {
      const end = endOfValue(bytes, at)
      if (typeof end !== 'number' || 'fault' in parsed(bytes.subarray(at, end))) return false
      values.push(bytes.subarray(at, end))
      at = end
    }
    for (const value of values) takeValue(value)
    return true
  }

  const scanLines = (bytes: Buffer, from: number, isLast: boolean): number => {
    for (let at = from; ; ) {
      const newline = bytes.indexOf(NEWLINE, at)
      if (newline < 0) {
        if (!isLast && bytes.length - at > MOST_RECORD_BYTES)
          throw new SourceError(`line ${line} is longer than 32 MiB: is this JSON?`)
        if (!isLast || at === bytes.length) return at
        takeLine(bytes.subarray(at))
        return bytes.length
      }
      takeLine(bytes.subarray(at, newline + 1))
      at = newline + 1
    }
  }

  /** `values` and `array`: by brackets, not by lines. */
  const scanValues = (bytes: Buffer, from: number, isLast: boolean): number => {
    for (let at = from; ; ) {
      const start = skipSpace(bytes, at, layout === 'array' ? COMMA : undefined)
      line += linesBetween(bytes, at, start)
      at = start
      if (at === bytes.length) return at
      if (layout === 'array' && bytes[at] === CLOSE_ARRAY) {
        layout = 'ended'
        return at + 1
      }
      const end = endOfValue(bytes, at)
      if (typeof end !== 'number') {
        if (isLast) throw new SourceError(`line ${line}: the JSON value that begins here does not end`)
        if (bytes.length - at > MOST_RECORD_BYTES)
          throw new SourceError(`line ${line}: a JSON value of more than 32 MiB`)
        return at
      }
      const source = bytes.subarray(at, end)
      const fault = takeValue(source)
      if (fault !== undefined)
        throw new SourceError(`line ${line}: this is no JSON, and where it goes on cannot be known: ${fault}`)
      line += linesBetween(bytes, at, end)
      at = end
    }
  }

  const scan = (bytes: Buffer, isLast: boolean): number => {
    let at = 0
    while (layout === 'unknown') {
      const start = skipSpace(bytes, at)
      line += linesBetween(bytes, at, start)
      at = start
      if (at === bytes.length || !decideLayout(bytes, at, isLast)) return at
      // Pretty-printing, too, puts an empty record on one line.
      const behind = bytes.indexOf(NEWLINE, at) + 1
      if (
        (layout as Layout) === 'lines' &&
        behind > 0 &&
        /^\{\s*\}\s*$/.test(bytes.toString('latin1', at, Math.min(behind, at + 80)))
      ) {
        takeLine(bytes.subarray(at, behind))
        layout = 'unknown'
        at = behind
      }
    }
    if (layout === 'array' && !isInArray) {
      isInArray = true
      at++
    }
    if (layout === 'lines') return scanLines(bytes, at, isLast)
    if (layout !== 'ended') at = scanValues(bytes, at, isLast)
    if (layout === 'ended') {
      const start = skipSpace(bytes, at)
      line += linesBetween(bytes, at, start)
      if (start < bytes.length)
        throw new SourceError(`line ${line}: something stands behind the end of the array`)
      return start
    }
    return at
  }

  return {
    push(piece) {
      const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece])
      rest = Buffer.from(bytes.subarray(scan(bytes, false)))
    },
    end() {
      scan(rest, true)
      rest = Buffer.alloc(0)
      if (layout === 'array') throw new SourceError(`line ${line}: the array does not end; the file is cut`)
    },
  }
}

// A number of 16 digits or more, one with an exponent, or one with a fraction of zeros: JSON.parse alone would change it.
const NEEDS_SOURCE = /\d{16}|\d[eE]|\.\d*0(?!\d)|-0/

/** @throws SyntaxError */
export function parseJson(text: string): Value {
  if (!NEEDS_SOURCE.test(text)) return JSON.parse(text) as Value
  const revive = (_key: string, value: unknown, context?: { source?: string }) => {
    const source = context?.source
    if (typeof value !== 'number' || source === undefined) return value
    return /[.eE]|^-0$/.test(source) ? new Double(value) : integerOf(source)
  }
  return JSON.parse(text, revive) as Value
}

function parsed(source: Buffer): { json: Value } | { fault: string } {
  if (!isUtf8(source))
    return { fault: 'bytes that are not valid text in this encoding (--encoding names another)' }
  try {
    return { json: parseJson(source.toString('utf8')) }
  } catch (error) {
    if (error instanceof SyntaxError) return { fault: error.message }
    throw error
  }
}

/** Behind the value that starts at `from`, by brackets and quotes alone; else whether the bytes end within a text, or within something else. */
function endOfValue(bytes: Buffer, from: number): number | 'open' | 'in a text' {
  let depth = 0
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (byte === QUOTE) {
      at = closingQuote(bytes, at)
      if (at < 0) return 'in a text'
      if (depth === 0) return at + 1
    } else if (byte === 0x7b || byte === OPEN_ARRAY) depth++
    else if (byte === 0x7d || byte === CLOSE_ARRAY) {
      if (depth <= 1) return depth === 0 ? Math.max(at, from + 1) : at + 1
      depth--
    } else if (depth === 0 && at > from && (byte === COMMA || isSpace(byte))) return at
  }
  return 'open'
}

function closingQuote(bytes: Buffer, from: number): number {
  for (let at = from + 1; at < bytes.length; at++) {
    if (bytes[at] === BACKSLASH) at++
    else if (bytes[at] === QUOTE) return at
  }
  return -1
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === NEWLINE || byte === 0x0d || byte === 0x09
}

function skipSpace(bytes: Buffer, from: number, also?: number): number {
  let at = from
  while (at < bytes.length && (isSpace(bytes[at]!) || bytes[at] === also)) at++
  return at
}

function trim(bytes: Buffer): Buffer {
  let end = bytes.length
  while (end > 0 && isSpace(bytes[end - 1]!)) end--
  return bytes.subarray(skipSpace(bytes, 0), end)
}

function linesBetween(bytes: Buffer, from: number, to: number): number {
  let lines = 0
  for (let at = bytes.indexOf(NEWLINE, from); at >= 0 && at < to; at = bytes.indexOf(NEWLINE, at + 1)) lines++
  return lines
}

function kindOf(value: Value): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array (name its fields with --columns)'
  return value instanceof Double || typeof value === 'bigint' ? 'a number' : `a ${typeof value}`
}
