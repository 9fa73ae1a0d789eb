import { writeInteger } from './json-record.ts'
import type { MsgpackWriter } from './msgpack-writer.ts'

const QUOTE = 0x22
const NEWLINE = 0x0a
const RETURN = 0x0d

/** A field as it stood in the file, quotes and doubled quotes undone. */
type Field = { bytes: Buffer; quoted: boolean }
export type Row =
  | { kind: 'row'; fields: Field[]; end: number }
  /** A quote is closed in the middle of a field; `end` is behind the line. */
  | { kind: 'fault'; end: number }
  /** The piece ends in the middle of the row. */
  | { kind: 'cut' }

/**
 * Reads the row that starts at `from` (RFC 4180: fields in quotes may hold the delimiter, line ends and doubled quotes; lines end
 * in LF or CR LF). `isLast`: nothing comes behind the bytes, so that the last line may lack its end.
 */
export function readRow(
  bytes: Buffer,
  from: number,
  { delimiter, isLast }: { delimiter: number; isLast: boolean },
): Row {
  const fields: Field[] = []
  for (let at = from; ; ) {
    if (bytes[at] === QUOTE) {
      const close = closingQuote(bytes, at)
      // Whether the last quote closes or is the first of two shows in the byte behind it.
      if (close < 0 || (close + 1 === bytes.length && !isLast)) {
        return close < 0 && isLast ? { kind: 'fault', end: bytes.length } : { kind: 'cut' }
      }
      fields.push({ bytes: undouble(bytes.subarray(at + 1, close)), quoted: true })
      at = close + 1
    } else {
      let end = at
      while (end < bytes.length && bytes[end] !== delimiter && bytes[end] !== NEWLINE) end++
      const isLineEnd = end === bytes.length || bytes[end] === NEWLINE
      const hasReturn = isLineEnd && end > at && bytes[end - 1] === RETURN
      fields.push({ bytes: bytes.subarray(at, hasReturn ? end - 1 : end), quoted: false })
      at = end
    }
    if (bytes[at] === RETURN && bytes[at + 1] === NEWLINE) at++
    if (bytes[at] === RETURN && at + 1 === bytes.length) {
      if (!isLast) return { kind: 'cut' }
      at++
    }
    if (at >= bytes.length) return isLast ? { kind: 'row', fields, end: at } : { kind: 'cut' }
    if (bytes[at] === NEWLINE) return { kind: 'row', fields, end: at + 1 }
    if (bytes[at] !== delimiter) return faultLine(bytes, at, isLast)
    at++
  }
}

function faultLine(bytes: Buffer, at: number, isLast: boolean): Row {
  const end = bytes.indexOf(NEWLINE, at)
  if (end < 0) return isLast ? { kind: 'fault', end: bytes.length } : { kind: 'cut' }
  return { kind: 'fault', end: end + 1 }
}

/** Where the quote that opens at `at` closes; -1 = not in these bytes. */
function closingQuote(bytes: Buffer, at: number): number {
  for (let close = bytes.indexOf(QUOTE, at + 1); close >= 0; close = bytes.indexOf(QUOTE, close + 2)) {
    if (bytes[close + 1] !== QUOTE) return close
  }
  return -1
}

function undouble(inner: Buffer): Buffer {
  if (!inner.includes(QUOTE)) return inner
  return Buffer.from(inner.toString('latin1').replaceAll('""', '"'), 'latin1')
}

const NULL_TEXT = Buffer.from('\\N')
const INTEGER = /^-?(?:0|[1-9]\d{0,30})$/
const DECIMAL = /^-?(?:(?:0|[1-9]\d*)?\.\d+|(?:0|[1-9]\d*)(?:\.|(?=[eE])))(?:[eE][+-]?\d{1,3})?$/
/** Longer ones are text in any case. */
const LONGEST_NUMBER = 40

/**
 * Writes the row as a map. A field without quotes that is empty or \N is null, one that reads as a number is that number, as in
 * `td import:prepare`; `007` and everything in quotes is text.
 */
export function writeRow(header: readonly Buffer[], fields: readonly Field[], out: MsgpackWriter): void {
  const place = out.open('map')
  fields.forEach(({ bytes, quoted }, i) => {
    out.text(header[i]!)
    if (quoted) out.text(bytes)
    else writeBare(bytes, out)
  })
  out.close(place, fields.length)
}

function writeBare(bytes: Buffer, out: MsgpackWriter): void {
  const text = bytes.length > LONGEST_NUMBER ? '' : bytes.toString('latin1')
  if (bytes.length === 0 || bytes.equals(NULL_TEXT)) out.nil()
  else if (INTEGER.test(text)) writeInteger(text, out)
  else if (DECIMAL.test(text)) out.double(Number(text))
  else out.text(bytes)
}
