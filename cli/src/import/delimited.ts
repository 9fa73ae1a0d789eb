import { isUtf8 } from 'node:buffer'
import { FieldFault } from './fields.ts'
import type { Value } from './packer.ts'
import { type Key, keyOf, MOST_RECORD_BYTES, type Reader, type Sink, SourceError } from './types.ts'

const NEWLINE = 0x0a
const RETURN = 0x0d

export type DelimitedOptions = {
  delimiter: Buffer
  /** One byte; undefined = fields are taken as they stand. */
  quote: number | undefined
  /** undefined = the first line names them. */
  columns: string[] | undefined
  /** The first line is names, and passed over where `columns` are given. */
  hasHeader: boolean
  /** What becomes of one field. @throws FieldFault */
  convert(field: Field, column: number): Value
  onColumns?(columns: readonly Key[]): void
}

/** As it stood in the source, quotes undone. */
export type Field = { bytes: Buffer; quoted: boolean }
type Scanned =
  | { kind: 'row'; fields: Field[]; end: number; lines: number }
  | { kind: 'fault'; reason: string; end: number }
  | { kind: 'cut'; openQuote: boolean }

/**
 * CSV, TSV and their like: RFC 4180, with any delimiter. Fields in quotes may hold delimiters, line ends and doubled quotes; lines end in
 * LF or CR LF; a quote inside a bare field is part of it. A quote that is never closed costs its own line, not the rest of the file.
 */
export function createDelimitedReader(options: DelimitedOptions, sink: Sink): Reader {
  let rest: Buffer = Buffer.alloc(0)
  let line = 1
  let keys = options.columns?.map(keyOf)
  let headerPending = options.hasHeader || keys === undefined
  if (keys !== undefined) options.onColumns?.(keys)

  const takeHeader = (fields: Field[], at: number) => {
    headerPending = false
    if (keys !== undefined) return
    const names = fields.map(({ bytes }) => bytes.toString('utf8').trim())
    const empty = names.indexOf('')
    if (empty >= 0)
      throw new SourceError(`line ${at}: column ${empty + 1} has no name; name all of them with --columns`)
    const twice = names.find((name, i) => names.indexOf(name) !== i)
    if (twice !== undefined)
      throw new SourceError(`line ${at}: two columns are called '${twice}'; name them with --columns`)
    keys = names.map(keyOf)
    options.onColumns?.(keys)
  }

  const takeRow = (fields: Field[], source: Buffer) => {
    const reject = (reason: string) => sink.reject({ line, reason, source })
    if (fields.length !== keys!.length)
      return reject(`${counted(fields.length, 'field')} instead of ${keys!.length}`)
    if (!isUtf8(source))
      return reject('bytes that are not valid text in this encoding (--encoding names another)')
    const values: Value[] = new Array(fields.length)
    for (let i = 0; i < fields.length; i++) {
      try {
        values[i] = options.convert(fields[i]!, i)
      } catch (error) {
        if (!(error instanceof FieldFault)) throw error
        return reject(`column ${keys![i]!.name}: ${error.message}`)
      }
    }
    sink.row({ line, keys: keys!, values, source })
  }

  /** Everything in `bytes` up to the last whole row; returns where the next one starts. */
  const scanAll = (bytes: Buffer, isLast: boolean): number => {
    let at = 0
    while (at < bytes.length) {
      if (bytes[at] === NEWLINE || (bytes[at] === RETURN && bytes[at + 1] === NEWLINE)) {
        at += bytes[at] === NEWLINE ? 1 : 2
        line++
        continue
      }
      let scanned = scanRow(bytes, at, options, isLast)
      if (scanned.kind === 'cut') {
        if (!isLast && bytes.length - at <= MOST_RECORD_BYTES) return at
        scanned = faultLine(
          bytes,
          at,
          scanned.openQuote ? 'a quote that is never closed' : 'a line of more than 32 MiB',
        )
      }
      const source = bytes.subarray(at, scanned.end)
      if (scanned.kind === 'fault') sink.reject({ line, reason: scanned.reason, source })
      else if (headerPending) {
        takeHeader(scanned.fields, line)
        sink.header?.(source)
      } else takeRow(scanned.fields, source)
      line += scanned.kind === 'row' ? scanned.lines : Math.max(1, linesIn(source))
      at = scanned.end
    }
    return at
  }

  return {
    push(piece) {
      const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece])
      // A copy: the piece's memory is its owner's.
      rest = Buffer.from(bytes.subarray(scanAll(bytes, false)))
    },
    end() {
      scanAll(rest, true)
      rest = Buffer.alloc(0)
    },
  }
}

function scanRow(
  bytes: Buffer,
  from: number,
  { delimiter, quote }: DelimitedOptions,
  isLast: boolean,
): Scanned {
  const fields: Field[] = []
  const first = delimiter[0]!
  let lines = 1
  for (let at = from; ; ) {
    if (quote !== undefined && bytes[at] === quote) {
      const close = closingQuote(bytes, at, quote)
      // Whether the last quote closes or is the first of two shows in the byte behind it.
      if (close < 0 || (close + 1 === bytes.length && !isLast)) return { kind: 'cut', openQuote: true }
      const inner = bytes.subarray(at + 1, close)
      lines += linesIn(inner)
      fields.push({ bytes: undoubled(inner, quote), quoted: true })
      at = close + 1
    } else {
      let end = at
      while (
        end < bytes.length &&
        bytes[end] !== NEWLINE &&
        !(bytes[end] === first && isDelimiter(bytes, end, delimiter))
      )
        end++
      const isLineEnd = end === bytes.length || bytes[end] === NEWLINE
      const hasReturn = isLineEnd && end > at && bytes[end - 1] === RETURN
      fields.push({ bytes: bytes.subarray(at, hasReturn ? end - 1 : end), quoted: false })
      at = end
    }
    if (bytes[at] === RETURN && (bytes[at + 1] === NEWLINE || (isLast && at + 1 === bytes.length))) at++
    if (at >= bytes.length)
      return isLast ? { kind: 'row', fields, end: at, lines } : { kind: 'cut', openQuote: false }
    if (bytes[at] === NEWLINE) return { kind: 'row', fields, end: at + 1, lines }
    if (!isDelimiter(bytes, at, delimiter)) {
      if (!isLast && (bytes.indexOf(NEWLINE, at) < 0 || at + delimiter.length > bytes.length))
        return { kind: 'cut', openQuote: false }
      return faultLine(bytes, at, 'something stands behind a closing quote')
    }
    at += delimiter.length
  }
}

/** Gives up everything to the end of the line that holds `at`. */
function faultLine(bytes: Buffer, at: number, reason: string): Extract<Scanned, { kind: 'fault' }> {
  const end = bytes.indexOf(NEWLINE, at)
  return { kind: 'fault', reason, end: end < 0 ? bytes.length : end + 1 }
}

function isDelimiter(bytes: Buffer, at: number, delimiter: Buffer): boolean {
  if (delimiter.length === 1) return bytes[at] === delimiter[0]
  return delimiter.compare(bytes, at, Math.min(bytes.length, at + delimiter.length)) === 0
}

/** Where the quote that opens at `at` closes; -1 = not in these bytes. */
function closingQuote(bytes: Buffer, at: number, quote: number): number {
  for (let close = bytes.indexOf(quote, at + 1); close >= 0; close = bytes.indexOf(quote, close + 2)) {
    if (bytes[close + 1] !== quote) return close
  }
  return -1
}

function undoubled(inner: Buffer, quote: number): Buffer {
  if (!inner.includes(quote)) return inner
  const one = String.fromCharCode(quote)
  return Buffer.from(inner.toString('latin1').replaceAll(one + one, one), 'latin1')
}

function linesIn(bytes: Buffer): number {
  let lines = 0
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) lines++
  return lines
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
