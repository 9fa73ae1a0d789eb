import { doubleText } from '../text.ts'
import { decimalNumber, decimalText, double, type PathNumber, wholeNumber } from './numbers.ts'

/** What a path works on: JSON values, and the values of SQL that were passed to it. */
export type Item =
  | { kind: 'null' }
  | { kind: 'boolean'; value: boolean }
  | { kind: 'text'; value: string }
  | PathNumber
  /** A date or time as its text, of the SQL type named. */
  | { kind: 'moment'; type: string; text: string }
  | { kind: 'array'; items: Item[] }
  | { kind: 'object'; members: Map<string, Item> }

export class InputFault extends Error {}

const MAX_DEPTH = 1000
const WHITE = /[ \t\n\r]*/y
const TEXT = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"/y
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y
const NULL: Item = { kind: 'null' }

/**
 * The JSON value that the text begins with. Whole numbers are integers, all others doubles; of members with one name the last one
 * counts, at the place of the first. No text at all is null.
 *
 * @throws InputFault
 */
export function readJson(text: string): Item {
  let at = 0

  const skip = (): void => {
    WHITE.lastIndex = at
    WHITE.exec(text)
    at = WHITE.lastIndex
  }
  const taken = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const found = pattern.exec(text)
    if (found !== null) at = pattern.lastIndex
    return found
  }
  const expect = (character: string): void => {
    skip()
    if (text[at] !== character) throw new InputFault()
    at++
  }
  const quoted = (): string => {
    skip()
    const found = taken(TEXT)
    if (found === null) throw new InputFault()
    return JSON.parse(found[0]) as string
  }
  const ends = (closing: string): boolean => {
    skip()
    if (text[at] !== closing) return false
    at++
    return true
  }

  function value(depth: number): Item {
    if (depth > MAX_DEPTH) throw new InputFault()
    skip()
    switch (text[at]) {
      case '{':
        return object(depth)
      case '[':
        return array(depth)
      case '"':
        return { kind: 'text', value: quoted() }
      default:
        return number() ?? word()
    }
  }

  function object(depth: number): Item {
    const members = new Map<string, Item>()
    at++
    if (ends('}')) return { kind: 'object', members }
    do {
      const name = quoted()
      expect(':')
      members.set(name, value(depth + 1))
    } while (ends(','))
    expect('}')
    return { kind: 'object', members }
  }

  function array(depth: number): Item {
    const items: Item[] = []
    at++
    if (ends(']')) return { kind: 'array', items }
    do items.push(value(depth + 1))
    while (ends(','))
    expect(']')
    return { kind: 'array', items }
  }

  function number(): Item | undefined {
    const found = taken(NUMBER)
    if (found === null) return undefined
    const [source, fraction, exponent] = found
    return fraction === undefined && exponent === undefined
      ? wholeNumber(BigInt(source))
      : double(Number(source))
  }

  function word(): Item {
    for (const [name, item] of WORDS) {
      if (!text.startsWith(name, at)) continue
      at += name.length
      return item
    }
    throw new InputFault()
  }

  skip()
  return at === text.length ? NULL : value(0)
}

const WORDS: [string, Item][] = [
  ['null', NULL],
  ['true', { kind: 'boolean', value: true }],
  ['false', { kind: 'boolean', value: false }],
]

/** JSON text without blanks; undefined when a value of SQL is in it that JSON has not. */
export function writeJson(item: Item): string | undefined {
  switch (item.kind) {
    case 'null':
      return 'null'
    case 'boolean':
      return String(item.value)
    case 'text':
      return JSON.stringify(item.value)
    case 'number':
      return numberJson(item)
    case 'moment':
      return undefined
    case 'array': {
      const parts = item.items.map(writeJson)
      return parts.includes(undefined) ? undefined : `[${parts.join(',')}]`
    }
    case 'object': {
      const parts: string[] = []
      for (const [name, member] of item.members) {
        const text = writeJson(member)
        if (text === undefined) return undefined
        parts.push(`${JSON.stringify(name)}:${text}`)
      }
      return `{${parts.join(',')}}`
    }
  }
}

function numberJson(number: PathNumber): string {
  if ('whole' in number) return String(number.whole)
  if ('unscaled' in number) return decimalText(number.unscaled, number.scale)
  return Number.isFinite(number.value) ? doubleText(number.value) : JSON.stringify(doubleText(number.value))
}

/** Reads a value that was passed as `type:text`; `null` and `empty` stand alone. undefined: no item. @throws InputFault */
export function readPassed(tagged: string): Item | undefined {
  if (tagged === 'empty') return undefined
  if (tagged === 'null') return NULL
  const at = tagged.indexOf(':')
  const type = tagged.slice(0, at)
  const text = tagged.slice(at + 1)
  switch (type) {
    case 'json':
      return readJson(text)
    case 'boolean':
      return { kind: 'boolean', value: text === 'true' }
    case 'varchar':
      return { kind: 'text', value: text }
    case 'tinyint':
    case 'smallint':
    case 'integer':
    case 'bigint':
      return { kind: 'number', type, whole: BigInt(text) }
    case 'decimal':
      return decimalNumber(text)
    case 'real':
    case 'double':
      return { kind: 'number', type, value: Number(text.replace('inf', 'Infinity').replace('nan', 'NaN')) }
    default:
      return { kind: 'moment', type, text }
  }
}
