import { fault } from './errors-in-engine.ts'

/** Presto's text functions that DuckDB has not or has otherwise, in plain JavaScript. Positions count code points. */

const bad = (message: string): Error => fault('INVALID_FUNCTION_ARGUMENT', message)

/** Lists and maps as the engine hands them over and takes them back. */
export type DuckList<T> = { items: T[] }
export type DuckMap<K, V> = { entries: { key: K; value: V }[] }

export function chr(codePoint: bigint): string {
  if (codePoint < 0n || codePoint > 0x10ffffn || (codePoint >= 0xd800n && codePoint <= 0xdfffn)) {
    throw bad(`Not a valid Unicode code point: ${codePoint}`)
  }
  return String.fromCodePoint(Number(codePoint))
}

/** Position (from 1) of the nth occurrence, counted from the end when n is negative; 0 when there is none. */
export function position(text: string, part: string, n: bigint): bigint {
  if (n === 0n || n === -(2n ** 63n)) throw bad("'instance' must be a positive or negative number.")
  if (part === '') return 1n
  let at = n > 0n ? -1 : text.length
  for (let left = n > 0n ? n : -n; left > 0n; left--) {
    if (n < 0n && at === 0) return 0n
    at = n > 0n ? text.indexOf(part, at + 1) : text.lastIndexOf(part, at - 1)
    if (at < 0) return 0n
  }
  return BigInt(countCodePoints(text.slice(0, at)) + 1)
}

function countCodePoints(text: string): number {
  let count = 0
  for (const _ of text) count++
  return count
}

/** At most `limit` parts; the last holds the rest. */
export function split(text: string, delimiter: string, limit: bigint): DuckList<string> {
  if (limit <= 0n) throw bad('Limit must be positive')
  if (limit > 2147483647n) throw bad('Limit is too large')
  if (delimiter === '') throw bad('The delimiter may not be the empty string')
  const items: string[] = []
  let from = 0
  while (items.length < Number(limit) - 1) {
    const at = text.indexOf(delimiter, from)
    if (at < 0) break
    items.push(text.slice(from, at))
    from = at + delimiter.length
  }
  items.push(text.slice(from))
  return { items }
}

function* keysAndValues(
  text: string,
  entryDelimiter: string,
  keyDelimiter: string,
): Generator<[string, string]> {
  if (entryDelimiter === '') throw bad('entryDelimiter is empty')
  if (keyDelimiter === '') throw bad('keyValueDelimiter is empty')
  if (entryDelimiter === keyDelimiter) throw bad('entryDelimiter and keyValueDelimiter must not be the same')
  const entries = text.split(entryDelimiter)
  // One delimiter at the very end closes the last entry, it does not start another.
  if (entries.at(-1) === '') entries.pop()
  for (const entry of entries) {
    const at = entry.indexOf(keyDelimiter)
    if (at < 0 || entry.indexOf(keyDelimiter, at + keyDelimiter.length) >= 0) {
      throw bad(`Key-value delimiter must appear exactly once in each entry. Bad input: '${entry}'`)
    }
    yield [entry.slice(0, at), entry.slice(at + keyDelimiter.length)]
  }
}

export function splitToMap(
  text: string,
  entryDelimiter: string,
  keyDelimiter: string,
): DuckMap<string, string> {
  const map = new Map<string, string>()
  for (const [key, value] of keysAndValues(text, entryDelimiter, keyDelimiter)) {
    if (map.has(key)) throw bad(`Duplicate keys (${key}) are not allowed`)
    map.set(key, value)
  }
  return { entries: [...map].map(([key, value]) => ({ key, value })) }
}

export function splitToMultimap(
  text: string,
  entryDelimiter: string,
  keyDelimiter: string,
): DuckMap<string, DuckList<string>> {
  const map = new Map<string, string[]>()
  for (const [key, value] of keysAndValues(text, entryDelimiter, keyDelimiter)) {
    const values = map.get(key)
    if (values === undefined) map.set(key, [value])
    else values.push(value)
  }
  return { entries: [...map].map(([key, items]) => ({ key, value: { items } })) }
}

/** replace(s, '', x): x before every character and at the end. */
export const replaceNothing = (text: string, by: string): string =>
  by + [...text].map((character) => character + by).join('')

/** Characters of `from` become those of `to` at the same place, or vanish where `to` is shorter. */
export function translate(text: string, from: string, to: string): string {
  const targets = [...to]
  const map = new Map<string, string>()
  for (const [i, character] of [...from].entries())
    if (!map.has(character)) map.set(character, targets[i] ?? '')
  return [...text].map((character) => map.get(character) ?? character).join('')
}

export function levenshtein(a: string, b: string): bigint {
  const left = [...a]
  const right = [...b]
  if (left.length * right.length > 1_000_000) {
    throw bad('The combined inputs for Levenshtein distance are too large')
  }
  let row = right.map((_, i) => i + 1)
  row.unshift(0)
  for (const [i, character] of left.entries()) {
    const next = [i + 1]
    for (const [j, other] of right.entries()) {
      next.push(Math.min(row[j + 1]! + 1, next[j]! + 1, row[j]! + (character === other ? 0 : 1)))
    }
    row = next
  }
  return BigInt(row.at(-1)!)
}

export function hamming(a: string, b: string): bigint {
  const right = [...b]
  let distance = 0n
  for (const [i, character] of [...a].entries()) if (character !== right[i]) distance++
  return distance
}

export function normalize(text: string, form: string): string {
  const known = form.toUpperCase()
  if (!['NFC', 'NFD', 'NFKC', 'NFKD'].includes(known)) {
    throw bad('Normalization form must be one of [NFD, NFC, NFKD, NFKC]')
  }
  return text.normalize(known)
}

const LETTER = /^[\p{L}]$/u
const SOUNDEX = '01230120022455012623010202'

/** American Soundex: H and W do not separate equal codes, vowels do. Only A to Z have codes. */
export function soundex(text: string): string {
  const letters = [...text.toUpperCase()].filter((character) => LETTER.test(character))
  const stranger = letters.find((letter) => letter < 'A' || letter > 'Z')
  if (stranger !== undefined) {
    throw bad(`The character is not mapped: ${stranger} (index=${stranger.charCodeAt(0) - 65})`)
  }
  if (letters.length === 0) return ''
  const codeOf = (letter: string) => SOUNDEX[letter.charCodeAt(0) - 65]!
  let code = letters[0]!
  let last = codeOf(letters[0]!)
  for (const letter of letters.slice(1)) {
    const digit = codeOf(letter)
    if (digit !== '0' && digit !== last) code += digit
    if (letter !== 'H' && letter !== 'W') last = digit
    if (code.length === 4) break
  }
  return code.padEnd(4, '0')
}

export function luhnCheck(text: string): boolean {
  if (text === '') return false
  if (!/^\d+$/.test(text)) throw bad('Input contains non-digit character')
  let sum = 0
  for (let i = 0; i < text.length; i++) {
    const digit = Number(text[text.length - 1 - i])
    const doubled = i % 2 === 1 ? digit * 2 : digit
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}

/** Bytes as text, each invalid sequence replaced. */
export function fromUtf8(bytes: Uint8Array, replacement: string): string {
  if (countCodePoints(replacement) > 1) {
    throw bad('Replacement character string must empty or a single character')
  }
  let text = ''
  for (let at = 0; at < bytes.length; ) {
    const length = validSequence(bytes, at)
    text += length > 0 ? String.fromCodePoint(codePointAt(bytes, at, length)) : replacement
    at += length > 0 ? length : invalidSequence(bytes, at)
  }
  return text
}

const sequenceLength = (lead: number): number =>
  lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0

/** Length of the valid sequence at `at`, 0 when there is none. */
function validSequence(bytes: Uint8Array, at: number): number {
  const length = sequenceLength(bytes[at]!)
  for (let i = 1; i < length; i++) if ((bytes[at + i] ?? 0) >> 6 !== 2) return 0
  const point = length > 0 ? codePointAt(bytes, at, length) : 0
  const tooLong = (length === 3 && point < 0x800) || (length === 4 && (point < 0x10000 || point > 0x10ffff))
  return tooLong || (point >= 0xd800 && point <= 0xdfff) ? 0 : length
}

/** How many bytes one replacement stands for: a lead byte and the continuations it could still own. */
function invalidSequence(bytes: Uint8Array, at: number): number {
  let length = 1
  const wanted = claimedLength(bytes[at]!)
  while (length < wanted && (bytes[at + length] ?? 0) >> 6 === 2) length++
  return length
}

/** What a lead byte says, whether or not UTF-8 allows it. */
const claimedLength = (lead: number): number =>
  lead < 0xc0 || lead > 0xfd ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf8 ? 4 : lead < 0xfc ? 5 : 6

/** The character that a code point names as a replacement. */
export function replacementOf(codePoint: bigint): string {
  if (codePoint >= 0n && codePoint <= 0x10ffffn && (codePoint < 0xd800n || codePoint > 0xdfffn))
    return String.fromCodePoint(Number(codePoint))
  throw bad('Invalid replacement character')
}

function codePointAt(bytes: Uint8Array, at: number, length: number): number {
  if (length === 1) return bytes[at]!
  let point = bytes[at]! & (0xff >> (length + 1))
  for (let i = 1; i < length; i++) point = (point << 6) | (bytes[at + i]! & 0x3f)
  return point
}

/** Java's Double.toString: plain between 1e-3 and 1e7, else `1.0E10`. */
export const doubleText = (value: number): string =>
  javaNumber(value, twoDigits(value, 1e-323) ?? String(Math.abs(value)))

/** Java never writes fewer than two digits: of the smallest values there are, the second is not a zero. */
const twoDigits = (value: number, smallest: number): string | undefined =>
  value !== 0 && Math.abs(value) < smallest ? Math.abs(value).toPrecision(2) : undefined

/** Java's Float.toString of a value that is a float. */
export function realText(value: number): string {
  const smallest = twoDigits(value, 2e-45)
  if (smallest !== undefined) return javaNumber(value, smallest)
  for (let digits = 1; digits <= 9; digits++) {
    const text = value.toPrecision(digits)
    if (Math.fround(Number(text)) === value) return javaNumber(value, String(Math.abs(Number(text))))
  }
  return javaNumber(value, String(Math.abs(value)))
}

function javaNumber(value: number, shortest: string): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity'
  const sign = value < 0 || Object.is(value, -0) ? '-' : ''
  const [mantissa, exponentText] = shortest.split('e')
  const [whole, fraction = ''] = mantissa!.split('.')
  const magnitude = Math.abs(value)
  if (magnitude === 0) return `${sign}0.0`
  const digits = `${whole}${fraction}`.replace(/^0+/, '')
  const leading = `${whole}${fraction}`.length - digits.length
  // Decimal exponent of the first significant digit.
  const exponent = Number(exponentText ?? 0) + whole!.length - 1 - leading
  const significant = digits.replace(/0+$/, '')
  if (magnitude >= 1e-3 && magnitude < 1e7) return sign + plainNumber(significant, exponent)
  return `${sign}${significant[0]}.${significant.slice(1) || '0'}E${exponent}`
}

function plainNumber(digits: string, exponent: number): string {
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${digits}`
  const padded = digits.padEnd(exponent + 1, '0')
  return `${padded.slice(0, exponent + 1)}.${padded.slice(exponent + 1) || '0'}`
}
