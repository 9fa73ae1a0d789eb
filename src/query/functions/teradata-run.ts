import { fault } from './errors-in-engine.ts'

/** Formats of to_char, to_date and to_timestamp: yyyy yy mm dd hh hh24 mi ss and punctuation. */

const bad = (message: string): Error => fault('INVALID_FUNCTION_ARGUMENT', message)

type Token = { field: Field; digits: number } | { literal: string }
type Field = 'year' | 'shortYear' | 'month' | 'day' | 'hour' | 'halfHour' | 'minute' | 'second'

const FIELDS: [word: string, field: Field, digits: number][] = [
  ['yyyy', 'year', 4],
  ['yy', 'shortYear', 2],
  ['mm', 'month', 2],
  ['mi', 'minute', 2],
  ['dd', 'day', 2],
  ['hh24', 'hour', 2],
  ['hh', 'halfHour', 2],
  ['ss', 'second', 2],
]

const formats = new Map<string, Token[]>()

function tokensOf(format: string): Token[] {
  const known = formats.get(format)
  if (known !== undefined) return known
  const tokens: Token[] = []
  for (let at = 0; at < format.length; ) {
    const found = FIELDS.find(([word]) => format.toLowerCase().startsWith(word, at))
    if (found !== undefined) {
      tokens.push({ field: found[1], digits: found[2] })
      at += found[0].length
    } else if (/[-/,.;: ]/.test(format[at]!)) tokens.push({ literal: format[at++]! })
    else throw bad(`Failed to tokenize string [${format}] at offset [${at}]`)
  }
  if (formats.size > 500) formats.clear()
  formats.set(format, tokens)
  return tokens
}

/** `local` begins with `2001-01-31 12:34:56`. */
export function toChar(local: string, format: string): string {
  const [year, month, day, hour, minute, second] = local.match(/\d+/g)! as [
    string,
    string,
    string,
    string,
    string,
    string,
  ]
  const parts: Record<Field, string> = {
    year,
    shortYear: year.slice(-2),
    month,
    day,
    hour,
    halfHour: String(Number(hour) % 12 || 12).padStart(2, '0'),
    minute,
    second,
  }
  return tokensOf(format)
    .map((token) => ('literal' in token ? token.literal : parts[token.field]))
    .join('')
}

/** What the text says by the format, as `2001-01-31 12:34:56`; 1970-01-01 00:00:00 where it says nothing. */
export function toMoment(text: string, format: string): string {
  const values: Partial<Record<Field, number>> = {}
  let at = 0
  for (const token of tokensOf(format)) {
    if ('literal' in token) {
      if (text[at] !== token.literal) throw malformed(text, at)
      at++
      continue
    }
    const digits = new RegExp(`^\\d{1,${token.digits}}`).exec(text.slice(at))?.[0]
    if (digits === undefined) throw malformed(text, at)
    values[token.field] = Number(digits)
    at += digits.length
  }
  if (at < text.length) throw malformed(text, at)
  return momentOf(values, text)
}

function momentOf(values: Partial<Record<Field, number>>, text: string): string {
  const { shortYear, halfHour, month = 1, day = 1, minute = 0, second = 0 } = values
  const year = values.year ?? (shortYear === undefined ? 1970 : shortYear + (shortYear < 70 ? 2000 : 1900))
  const hour = values.hour ?? (halfHour === undefined ? 0 : halfHour % 12)
  const date = new Date(Date.UTC(2000, month - 1, day, hour, minute, second))
  date.setUTCFullYear(year, month - 1, day)
  const same =
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    hour < 24 &&
    minute < 60 &&
    second < 60 &&
    (halfHour === undefined || (halfHour >= 1 && halfHour <= 12))
  if (!same) throw bad(`Cannot parse "${text}": a value is out of its range`)
  return date.toISOString().slice(0, 19).replace('T', ' ')
}

function malformed(text: string, at: number): Error {
  if (at >= text.length) return bad(`Invalid format: "${text}" is too short`)
  return bad(`Invalid format: "${text}"${at === 0 ? '' : ` is malformed at "${text.slice(at)}"`}`)
}

/** The hexadecimal digits of the text in UTF-16. */
export function hexOfUtf16(text: string): string {
  let hex = ''
  for (let i = 0; i < text.length; i++) hex += text.charCodeAt(i).toString(16).toUpperCase().padStart(4, '0')
  return hex
}
