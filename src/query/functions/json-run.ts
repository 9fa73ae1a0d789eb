import { fault } from './errors-in-engine.ts'
import { compact, findValue, isJson, MalformedJson, members, readPath } from './json-scan.ts'
import { doubleText } from './text.ts'

/** Presto's JSON functions over JSON text. */

const invalid = (message: string): Error => fault('INVALID_FUNCTION_ARGUMENT', message)

class Raw {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** Canonical form: keys sorted, no blanks, numbers as Java prints them. */
export function parse(text: string): string {
  try {
    const value = JSON.parse(
      text,
      canonical as (this: unknown, key: string, value: unknown) => unknown,
    ) as Raw
    return value.text
  } catch (error) {
    // RangeError: nested deeper than the stack.
    if (error instanceof SyntaxError || error instanceof RangeError)
      throw invalid(`Cannot convert value to JSON: '${text}'`)
    throw error
  }
}

/** A reviver that turns every value into its canonical text, innermost first. */
function canonical(this: unknown, _key: string, value: unknown, context?: { source?: string }): Raw {
  if (typeof value === 'number') return new Raw(numberText(context!.source!))
  if (Array.isArray(value)) return new Raw(`[${(value as Raw[]).map((item) => item.text).join(',')}]`)
  if (typeof value === 'object' && value !== null) {
    const object = value as Record<string, Raw>
    const fields = Object.keys(object)
      .sort()
      .map((key) => `${JSON.stringify(key)}:${object[key]!.text}`)
    return new Raw(`{${fields.join(',')}}`)
  }
  return new Raw(JSON.stringify(value))
}

/** Whole numbers keep all their digits; others are doubles. */
function numberText(source: string): string {
  if (!/[.eE]/.test(source)) return source === '-0' ? '0' : source
  const number = Number(source)
  return Number.isFinite(number) ? doubleText(number) : JSON.stringify(doubleText(number))
}

/** The same JSON as it is written anew: without blanks, escapes only where they must be, fractions as doubles. */
function rewritten(text: string): string {
  if (!/[\\.]|\d[eE]/.test(text)) return compact(text)
  return text.replace(
    /("(?:[^"\\]|\\.)*")|(-?\d[\d.eE+-]*)|[ \t\n\r]+/gs,
    (_, quoted?: string, number?: string) => {
      if (quoted !== undefined) return quoted.includes('\\') ? JSON.stringify(JSON.parse(quoted)) : quoted
      return number === undefined ? '' : numberText(number)
    },
  )
}

/** What json_parse makes of the text; undefined for one that is no JSON. */
export const canonicalJson = (text: string): string | undefined => (isJson(text) ? parse(text) : undefined)

function steps(path: string): string[] {
  const found = readPath(path)
  if (found === undefined) throw invalid(`Invalid JSON path: '${path}'`)
  return found
}

/** The JSON text of the value at the path, undefined when there is none or the text is no JSON. */
function valueAt(text: string, path: string): string | undefined {
  const wanted = steps(path)
  try {
    const found = findValue(text, wanted)
    return found && text.slice(found.from, found.to)
  } catch (error) {
    if (error instanceof MalformedJson) return undefined
    throw error
  }
}

export function extract(text: string, path: string): string | null {
  const value = valueAt(text, path)
  return value === undefined ? null : rewritten(value)
}

/** The text of a scalar; NULL for JSON null, objects and arrays. */
export function extractScalar(text: string, path: string): string | null {
  const value = valueAt(text, path)
  if (value === undefined || value === 'null' || value[0] === '{' || value[0] === '[') return null
  return value[0] === '"' ? (JSON.parse(value) as string) : value
}

/** Members of an array, fields of an object, 0 of a scalar. */
export function size(text: string, path: string): bigint | null {
  const value = valueAt(text, path)
  if (value === undefined) return null
  const parsed: unknown = JSON.parse(value)
  if (typeof parsed !== 'object' || parsed === null) return 0n
  return BigInt(Array.isArray(parsed) ? parsed.length : Object.keys(parsed).length)
}

export const isScalar = (text: string): boolean | null => (isJson(text) ? !/^\s*[[{]/.test(text) : null)

/** The members' texts; undefined for what is no JSON array. */
function arrayOf(text: string): string[] | undefined {
  const start = text.search(/[^ \t\n\r]/)
  if (text[start] !== '[' || !isJson(text)) return undefined
  return [...members(text, start)].map(({ from, to }) => text.slice(from, to))
}

export function arrayLength(text: string): bigint | null {
  const items = arrayOf(text)
  return items === undefined ? null : BigInt(items.length)
}

/** From 0, or from the end when negative. JSON null is NULL here. */
export function arrayGet(text: string, index: bigint): string | null {
  const item = arrayOf(text)?.at(Number(index))
  if (item === undefined || item === 'null') return null
  // Presto gives a text without its quotes, which is no JSON; its users rely on it.
  return item[0] === '"' ? (JSON.parse(item) as string) : rewritten(item)
}

export function arrayContains(text: string, matches: (item: string) => boolean): boolean | null {
  const items = arrayOf(text)
  return items === undefined ? null : items.some(matches)
}

export const containsText = (text: string, wanted: string): boolean | null =>
  arrayContains(text, (item) => item[0] === '"' && JSON.parse(item) === wanted)

export const containsBoolean = (text: string, wanted: boolean): boolean | null =>
  arrayContains(text, (item) => item === String(wanted))

export const containsInteger = (text: string, wanted: bigint): boolean | null =>
  arrayContains(text, (item) => /^-?\d+$/.test(item) && BigInt(item) === wanted)

export const containsDouble = (text: string, wanted: number): boolean | null =>
  arrayContains(
    text,
    (item) => /^-?\d.*[.eE]/.test(item) && Number.isFinite(wanted) && Number(item) === wanted,
  )

/** CAST(json AS varchar): a text without its quotes; numbers and booleans as they are; NULL for null; no objects, no arrays. */
export function text(json: string): string | null {
  if (json === 'null') return null
  if (json[0] === '"') return JSON.parse(json) as string
  if (json[0] === '{' || json[0] === '[')
    throw fault('INVALID_CAST_ARGUMENT', `Cannot cast '${json}' to varchar`)
  return json
}
