import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createJsonReader, type JsonOptions } from './json.ts'
import { Packer } from './packer.ts'
import { collected, type Found } from './testing.ts'

function read(text: string, options: Partial<JsonOptions> = {}, pieceBytes = 1 << 20): Found {
  const { sink, found } = collected()
  const reader = createJsonReader({ columns: undefined, hasHeader: false, ...options }, sink)
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += pieceBytes) reader.push(bytes.subarray(at, at + pieceBytes))
  reader.end()
  return found
}
const record = { a: 1, b: 'x "y" {[', c: [1, { d: null }] }

describe('a JSON file', () => {
  test('may be lines, values over several lines, or one array; cut anywhere', () => {
    const lines = `${JSON.stringify(record)}\n\n${JSON.stringify({ b: 2 })}\r\n`
    const pretty = `${JSON.stringify(record, null, 2)}\n${JSON.stringify({ b: 2 }, null, 1)}`
    const array = JSON.stringify([record, { b: 2 }], null, 1)
    for (const [text, at] of [
      [lines, [1, 3]],
      [pretty, [1, 11]],
      [array, [2, 12]],
      [JSON.stringify([record, { b: 2 }]), [1, 1]],
      [`${JSON.stringify(record)} {"b":2}`, [1, 1]],
    ] as const)
      for (const pieceBytes of [1, 7, 1000])
        assert.deepEqual(
          read(text, {}, pieceBytes).rows,
          [
            { line: at[0], ...record },
            { line: at[1], b: 2 },
          ],
          text,
        )
  })

  test('of lines loses only those that are broken', () => {
    const { rows, rejected } = read('{"a":1}\n{"a":\n[1]\n{"a":2}}\n{"a":3} x\nnull\n{"a":4}\n')
    assert.deepEqual(
      rows.map(({ a }) => a),
      [1, 4],
    )
    assert.deepEqual(
      rejected.map(({ line }) => line),
      [2, 3, 4, 5, 6],
    )
    assert.match(rejected[1]!.reason, /an object, not an array/)
    assert.equal(rejected[0]!.source, '{"a":\n')
  })

  test('of lines may begin with a broken one', () => {
    const { rows, rejected } = read('{"a":"cut\n{"a":2}\n')
    assert.deepEqual(rows, [{ line: 2, a: 2 }])
    assert.equal(rejected[0]!.line, 1)
  })

  test('of one array ends where it is broken or cut, and says so', () => {
    assert.throws(() => read('[{"a":1},\n{"a":}]'), /line 2: this is no JSON/)
    assert.throws(() => read('[{"a":1},\n{"a":1'), /line 2: the JSON value that begins here does not end/)
    assert.throws(() => read('[{"a":1}\n'), /the array does not end; the file is cut/)
    assert.throws(() => read('[{"a":1}]\n{"a":2}'), /line 2: something stands behind the end of the array/)
    assert.deepEqual(read('[]').rows, [])
  })

  test('keeps every digit of integers, and doubles doubles', () => {
    const { sink } = collected()
    const packer = new Packer()
    const reader = createJsonReader(
      { columns: undefined, hasHeader: false },
      { ...sink, row: ({ values }) => values.forEach((value) => void packer.value(value)) },
    )
    reader.push(
      Buffer.from('{"a":9223372036854775807,"b":18446744073709551615,"c":1.0,"d":1e2,"e":-0,"f":12}\n'),
    )
    reader.end()
    assert.equal(
      packer.take().toString('hex'),
      'd37fffffffffffffffcfffffffffffffffffcb3ff0000000000000cb4059000000000000cb80000000000000000c',
    )
  })

  test('may have rows that are arrays, with names from the first or from outside', () => {
    assert.deepEqual(read('["a","b"]\n[1,null]\n[1]\n', { hasHeader: true }).rows, [
      { line: 2, a: 1, b: null },
    ])
    const { rows, rejected } = read('[1,2]\n{"a":3}\n[1]\n', { columns: ['a', 'b'] })
    assert.deepEqual(rows, [
      { line: 1, a: 1, b: 2 },
      { line: 2, a: 3 },
    ])
    assert.equal(rejected[0]!.reason, '1 values instead of 2')
  })

  test('gives back any records, in any layout and pieces of any size', () => {
    const records = fc.array(fc.dictionary(fc.string({ minLength: 1 }), fc.jsonValue({ depthSize: 'small' })))
    fc.assert(
      fc.property(
        records,
        fc.integer({ min: 1, max: 60 }),
        fc.constantFrom(undefined, 1),
        (some, piece, indent) => {
          const plain = JSON.parse(JSON.stringify(some)) as Record<string, unknown>[]
          const array = read(JSON.stringify(plain, null, indent), {}, piece)
          const values = read(plain.map((one) => JSON.stringify(one, null, indent)).join('\n'), {}, piece)
          for (const found of [array, values]) {
            assert.deepEqual(found.rejected, [])
            assert.deepEqual(found.rows.length, plain.length)
          }
        },
      ),
      { numRuns: 60 },
    )
  })
})
