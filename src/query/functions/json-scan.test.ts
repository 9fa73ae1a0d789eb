import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { extract, extractScalar, parse } from './json-run.ts'
import { compact, findValue, isJson, readPath } from './json-scan.ts'

describe('reading JSON by path', () => {
  test('finds in any document what building it would find', () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 4 }),
        fc.array(fc.oneof(fc.string({ maxLength: 3 }), fc.nat(3).map(String)), { maxLength: 3 }),
        fc.constantFrom(0, 1, 2),
        (value, steps, indent) => {
          const text = JSON.stringify(value, undefined, indent)
          const found = findValue(text, steps)
          const wanted = steps.reduce<unknown>((at, step) => memberOf(at, step), value)
          assert.equal(
            found && JSON.stringify(JSON.parse(text.slice(found.from, found.to))),
            wanted === undefined ? undefined : JSON.stringify(wanted),
          )
        },
      ),
      { numRuns: 500 },
    )
  })

  test('walks to members that exist as often as to those that do not', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.array(fc.integer(), { minLength: 1 }), { minKeys: 1 }),
        (object) => {
          for (const [key, values] of Object.entries(object)) {
            const text = JSON.stringify(object)
            assert.equal(extractScalar(text, `$["${key.replace(/[\\"]/g, '\\$&')}"][0]`), String(values[0]))
          }
        },
      ),
    )
  })

  test('tells JSON from what is none, as the runtime does', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.stringMatching(/^[[\]{},:"0-9a-z .-]{0,12}$/)), (text) => {
        let known = true
        try {
          JSON.parse(text)
        } catch {
          known = false
        }
        assert.equal(isJson(text), known)
      }),
      { numRuns: 1000 },
    )
  })

  test('understands the paths of Presto and no others', () => {
    assert.deepEqual(readPath('$.store.book[0]["a b"].x_y'), ['store', 'book', '0', 'a b', 'x_y'])
    assert.deepEqual(readPath('$'), [])
    for (const path of [
      '',
      'a',
      '$.',
      '$..a',
      '$.*',
      '$[*]',
      '$[-1]',
      '$[?(@.a)]',
      '$.a b',
      '$.x-y',
      '$.["a"]',
    ])
      assert.equal(readPath(path), undefined, path)
  })

  test('leaves blanks within texts when it removes those between tokens', () => {
    assert.equal(compact('{ "a b" : [ 1, "c\\" d" ] }'), '{"a b":[1,"c\\" d"]}')
    assert.equal(extract('{"a": {"x":  1}}', '$.a'), '{"x":1}')
  })
})

describe('canonical JSON', () => {
  test('is the same for equal documents however they are written, and is the document', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 })), (object) => {
        const reversed = Object.fromEntries(Object.entries(object).reverse())
        const text = parse(JSON.stringify(object, undefined, 1))
        assert.equal(text, parse(JSON.stringify(reversed)))
        assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(object)))
      }),
    )
  })

  test('keeps every digit of a whole number', () => {
    assert.equal(
      parse('[12345678901234567890, 1.0, 1e3, 1E400]'),
      '[12345678901234567890,1.0,1000.0,"Infinity"]',
    )
  })
})

/** Arrays count by position only, objects by own field. */
function memberOf(value: unknown, step: string): unknown {
  if (Array.isArray(value)) return /^\d+$/.test(step) ? value[Number(step)] : undefined
  return typeof value === 'object' && value !== null && Object.hasOwn(value, step)
    ? (value as Record<string, unknown>)[step]
    : undefined
}
