import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createTableBatch, type EventResult } from './index.ts'
import { type Cell, cellsOf, fuzzParameters } from './testing.ts'

const PARAMETERS = fuzzParameters(300)
const RECEIVED = 1_795_342_228

/** A number as it was spelled: what JSON.parse alone would round. */
class Spelled {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}
type Json = null | boolean | string | Spelled | Json[] | { [key: string]: Json }

/**
 * The reference: the platform's own parser, which also hands out how numbers were spelled (not where a key was replaced by
 * a later one: such an event is passed over).
 */
function referenceParse(text: string): Json {
  const revive = (_key: string, value: unknown, context?: { source?: string }) => {
    if (typeof value !== 'number') return value
    fc.pre(context?.source !== undefined)
    return new Spelled(context!.source!)
  }
  return JSON.parse(text, revive as (key: string, value: unknown) => unknown) as Json
}

const isInteger = ({ text }: Spelled) => /^-?\d+$/.test(text)
const isKeptAsText = (spelled: Spelled) => {
  if (!isInteger(spelled)) return !Number.isFinite(Number(spelled.text))
  const value = BigInt(spelled.text)
  return value < -(1n << 63n) || value >= 1n << 63n
}
const wellFormed = (value: Json): Json => {
  if (typeof value === 'string') return value.toWellFormed()
  if (Array.isArray(value)) return value.map(wellFormed)
  if (value === null || typeof value !== 'object' || value instanceof Spelled) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      // Two keys may become one: which of them the reference saw last is lost.
      fc.pre(key.isWellFormed())
      return [key, wellFormed(inner)]
    }),
  )
}
const shortest = (value: number) => (Object.is(value, -0) ? '-0' : String(value))

/** The text of a value in a column of strings; nested values are compared parsed. */
function asText(value: Json): string {
  if (typeof value === 'string') return value
  if (!(value instanceof Spelled)) return String(value)
  if (isKeptAsText(value)) return value.text
  return isInteger(value) ? String(BigInt(value.text)) : shortest(Number(value.text))
}
const isNested = (value: Json): value is Json[] | { [key: string]: Json } =>
  value !== null && typeof value === 'object' && !(value instanceof Spelled)

/** The column rules of a new column, written for objects and without care for speed. */
function expectedType(present: Json[]): string {
  const isNumber = (value: Json) =>
    typeof value === 'boolean' || (value instanceof Spelled && !isKeptAsText(value))
  if (!present.every(isNumber)) return 'string'
  const numbers = present.filter((value) => value instanceof Spelled)
  if (numbers.every(isInteger)) return 'long'
  const isExact = (value: Spelled) => !isInteger(value) || BigInt(Number(value.text)) === BigInt(value.text)
  return numbers.every(isExact) ? 'double' : 'string'
}

function expectedCell(value: Json, type: string): Cell {
  if (type === 'string') return asText(value)
  if (!(value instanceof Spelled)) return type === 'long' ? BigInt(Number(value)) : Number(value)
  if (type === 'long') return BigInt(value.text)
  // An integer has no negative zero.
  return isInteger(value) ? Number(BigInt(value.text)) : Number(value.text)
}

function scan(body: Buffer): EventResult & { columns: Map<string, { type: string; cells: Cell[] }> } {
  const batch = createTableBatch({ known: [] })
  const options = { channel: 'js', receivedAtSeconds: RECEIVED, isRepeat: () => false } as const
  const result = batch.addEvents(Buffer.from(body), options)
  const finished = batch.finish()
  const columns = new Map(
    finished.columns.slice(1).map((c) => [c.key, { type: c.type, cells: cellsOf(c, finished.rows) }]),
  )
  return { ...result, columns }
}

const space = fc.constantFrom('', '', '', ' ', '\n', '\t\r ')
const digits = fc.oneof(
  fc.integer().map(String),
  fc.bigInt({ min: -(1n << 66n), max: 1n << 66n }).map(String),
  fc.constantFrom(
    '0',
    '-0',
    '9223372036854775807',
    '9223372036854775808',
    '-9223372036854775808',
    '-9223372036854775809',
    '18446744073709551615',
    '18446744073709551616',
    '9007199254740993',
    '999999999999999',
    '1000000000000000',
  ),
)
const numbers = fc.oneof(
  digits,
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(shortest),
  fc.constantFrom('1.0', '1e5', '-0.0', '1E+2', '1.50', '1e400', '5e-324', '-1.7976931348623157e308'),
)
const anyString = fc.oneof(
  fc.string({ maxLength: 10 }),
  fc.string({ maxLength: 6, unit: 'binary' }),
  fc.constantFrom('', '7', '"\\\n', 'é'.repeat(30), '\u2028', 'td_ip', '\ud83d', '😀'),
)
/** Spelled with as many escapes as the choices say. */
const strings = fc.tuple(anyString, fc.array(fc.boolean(), { maxLength: 8 })).map(([text, choices]) => {
  const units = [...Array(text.length).keys()].map((i) => text.charCodeAt(i))
  const escaped = (unit: number) => `\\u${unit.toString(16).padStart(4, '0')}`
  const inner = units.map((unit, i) =>
    choices[i % 8] === true || unit < 0x20 || unit === 0x22 || unit === 0x5c
      ? escaped(unit)
      : String.fromCharCode(unit),
  )
  return `"${inner.join('')}"`
})
/**
 * Spelled without escapes: the platform's parser, once it has seen many shapes of objects, at times takes a key with escapes
 * for another (v8 of Node 24: `"\\u0061"` read as a backslash). events.test.ts has keys with escapes.
 */
const plainKeys = anyString.map((text) => `"${text.replace(/["\\\u0000-\u001f]/g, '').toWellFormed()}"`)
const values: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom('null', 'true', 'false'),
    numbers,
    strings,
    fc
      .tuple(fc.array(tie('value'), { maxLength: 3 }), space)
      .map(([items, s]) => `[${s}${items.join(`${s},${s}`)}${s}]`),
    fc
      .tuple(fc.array(fc.tuple(plainKeys, tie('value')), { maxLength: 3 }), space)
      .map(
        ([members, s]) => `{${s}${members.map(([key, value]) => `${key}${s}:${s}${value}`).join(`,${s}`)}}`,
      ),
  ),
})).value
const keys = fc.oneof(fc.constantFrom('"a"', '"bb"', '"Ccc Ddd"', '"uuid"', '"#x"', '"é"'), plainKeys)
const events = fc
  .tuple(fc.array(fc.tuple(keys, values), { maxLength: 6 }), space)
  .map(
    ([members, s]) => `{${s}${members.map(([key, value]) => `${key}${s}:${s}${value}${s}`).join(`,${s}`)}}`,
  )
/** These have rules of their own, told in events.test.ts; `__proto__` is what the reference cannot say. */
const OWN_RULES = new Set(['time', 'time_original', '_overflow', '__proto__'])

describe('the JSON scanner', () => {
  test('stores every value as the column rules say of what the platform’s own parser reads', () => {
    fc.assert(
      fc.property(
        fc.array(events, { maxLength: 8 }),
        fc.constantFrom('\n', '', ' , '),
        (texts, separator) => {
          // A half of a surrogate pair cannot be sent but in an escape: on the way out it becomes U+FFFD.
          const body = Buffer.from(texts.join(separator))
          const parsed = texts.map(
            (text) => wellFormed(referenceParse(Buffer.from(text).toString())) as { [key: string]: Json },
          )
          fc.pre(
            parsed.every((event) =>
              Object.keys(event).every((key) => !OWN_RULES.has(key) && !key.includes('\0')),
            ),
          )
          const { rows, faults, columns } = scan(body)
          assert.deepEqual([rows, faults], [texts.length, []])
          for (const key of new Set(parsed.flatMap((event) => Object.keys(event)))) {
            const isStored = (event: { [key: string]: Json }) =>
              // A placeholder nobody has a value for.
              Object.hasOwn(event, key) && !(key === 'td_ip' && event[key] === 'td_ip')
            const cells = parsed.map((event) => (isStored(event) ? event[key]! : null))
            const present = cells.filter((cell) => cell !== null)
            const column = columns.get(key)
            if (present.length === 0) {
              assert.equal(column, undefined)
              continue
            }
            const type = expectedType(present)
            assert.equal(column!.type, type)
            for (const [row, cell] of cells.entries()) {
              const stored = column!.cells[row]!
              if (isNested(cell)) assert.deepEqual(referenceParse(stored as string), cell)
              else assert.deepEqual(stored, cell === null ? null : expectedCell(cell, type))
            }
          }
        },
      ),
      PARAMETERS,
    )
  })

  test('takes exactly what the platform’s own parser takes', () => {
    const damaged = fc
      .tuple(
        events,
        fc.array(fc.tuple(fc.nat(), fc.constantFrom(...'{}[]",:\\u0e-.tn \n\u0001')), { maxLength: 3 }),
      )
      .map(([text, changes]) => {
        const characters = [...text]
        for (const [at, character] of changes) characters[at % characters.length] = character
        return characters.join('')
      })
    fc.assert(
      fc.property(damaged, (text) => {
        const body = Buffer.from(text)
        const alone = body.toString().replace(/^[ \t\r\n,]+|[ \t\r\n,]+$/g, '')
        let isObject = false
        try {
          isObject = isNested(referenceParse(alone)) && alone.startsWith('{')
        } catch (error) {
          if (!(error instanceof SyntaxError)) throw error
          isObject = false
        }
        const { rows, faults } = scan(body)
        if (isObject) assert.deepEqual([rows, faults], [1, []])
        // What is no single object may still be several.
        else assert.ok(faults.length > 0 || rows !== 1 || alone === '', text)
      }),
      PARAMETERS,
    )
  })

  test('bytes of any kind are either rows or faults, and every fault lies within the payload', () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.tuple(events, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 })).map(([text, changes]) => {
        const bytes = new Uint8Array(Buffer.from(text))
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte
        return bytes
      }),
    )
    fc.assert(
      fc.property(anything, (bytes) => {
        const body = Buffer.from(bytes)
        const { faults } = scan(body)
        let end = 0
        for (const fault of faults) {
          assert.ok(fault.offset >= end && fault.length > 0)
          end = fault.offset + fault.length
          assert.ok(end <= body.length)
          assert.deepEqual(fault.bytes, body.subarray(fault.offset, end))
        }
      }),
      PARAMETERS,
    )
  })
})
