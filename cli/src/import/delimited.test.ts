import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createDelimitedReader } from './delimited.ts'
import { type FieldOptions, fieldConverter } from './fields.ts'
import { collected, type Found } from './testing.ts'

type Options = Partial<FieldOptions> & {
  delimiter?: string
  columns?: string[]
  hasHeader?: boolean
  quote?: number
}

/** Reads the text in pieces of `pieceBytes`. */
function read(text: string | Buffer, options: Options = {}, pieceBytes = 1 << 20): Found {
  const { sink, found } = collected()
  const reader = createDelimitedReader(
    {
      delimiter: Buffer.from(options.delimiter ?? ','),
      quote: 'quote' in options ? options.quote : 0x22,
      columns: options.columns,
      hasHeader: options.hasHeader ?? options.columns === undefined,
      convert: fieldConverter({
        types: options.types ?? [],
        allString: options.allString ?? false,
        emptyAsNullIfNumeric: options.emptyAsNullIfNumeric ?? false,
        nullTexts: options.nullTexts ?? ['\\N'],
      }),
    },
    sink,
  )
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += pieceBytes) reader.push(bytes.subarray(at, at + pieceBytes))
  reader.end()
  return found
}

describe('a delimited file', () => {
  test('has its columns from the first line, and numbers as numbers', () => {
    const { rows } = read('a,b,c\n1,2.50,x\r\n-7,1e3,007\n')
    assert.deepEqual(rows, [
      { line: 2, a: 1, b: 2.5, c: 'x' },
      { line: 3, a: -7, b: 1000, c: '007' },
    ])
  })

  test('may hold delimiters, line ends and quotes in quotes; what is quoted is text', () => {
    const { rows } = read('a,b\n"x,1","two\nlines"\n"say ""hi""","5"\n""""," "\n')
    assert.deepEqual(rows, [
      { line: 2, a: 'x,1', b: 'two\nlines' },
      { line: 4, a: 'say "hi"', b: '5' },
      { line: 5, a: '"', b: ' ' },
    ])
  })

  test('knows null: a bare field that is empty or \\N; a quoted one is the empty text', () => {
    const { rows } = read('a,b,c\n,\\N,""\n')
    assert.deepEqual(rows, [{ line: 2, a: null, b: null, c: '' }])
    assert.deepEqual(read('a,b\n-,1\n', { nullTexts: ['-'] }).rows, [{ line: 2, a: null, b: 1 }])
  })

  test('keeps integers of 64 bits and more to the last digit', () => {
    const { rows } = read('a\n9223372036854775807\n18446744073709551615\n123456789012345678901234567890\n')
    assert.deepEqual(
      rows.map(({ a }) => a),
      [9223372036854775807n, 18446744073709551615n, 123456789012345678901234567890n],
    )
  })

  test('is read alike wherever it is cut into pieces', () => {
    const text = 'a;;b\r\n1;;"x\r\n;;y"\r\n\r\n"q""";;é\r\nlast;;'
    const whole = read(text, { delimiter: ';;' })
    assert.equal(whole.rows.length, 3)
    for (let bytes = 1; bytes < 12; bytes++) assert.deepEqual(read(text, { delimiter: ';;' }, bytes), whole)
  })

  test('gives back whatever was written, in pieces of any size', () => {
    const field = fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', '\r', 'é', ' ', '1') })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(field, field)),
        fc.integer({ min: 1, max: 40 }),
        (records, pieceBytes) => {
          const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`
          const text = `a,b\n${records.map((fields) => `${fields.map(quoted).join(',')}\n`).join('')}`
          const { rows, rejected } = read(text, {}, pieceBytes)
          assert.deepEqual(rejected, [])
          assert.deepEqual(
            rows.map(({ a, b }) => [a, b]),
            records,
          )
        },
      ),
    )
  })

  test('loses one line to a fault, and says which and why', () => {
    const { rows, rejected } = read('a,b\n1,2\n1,2,3\n"x"y,2\n4,5\n6\n')
    assert.deepEqual(
      rows.map(({ line }) => line),
      [2, 5],
    )
    assert.deepEqual(rejected, [
      { line: 3, reason: '3 fields instead of 2', source: '1,2,3\n' },
      { line: 4, reason: 'something stands behind a closing quote', source: '"x"y,2\n' },
      { line: 6, reason: '1 field instead of 2', source: '6\n' },
    ])
  })

  test('loses one line to a quote that is never closed, not its rest', () => {
    for (const pieceBytes of [3, 1000]) {
      const { rows, rejected } = read('a,b\n1,2\n"x,2\n4,5\n6,7\n', {}, pieceBytes)
      assert.deepEqual(
        rows.map(({ a }) => a),
        [1, 4, 6],
      )
      assert.deepEqual(rejected, [{ line: 3, reason: 'a quote that is never closed', source: '"x,2\n' }])
    }
  })

  test('that is not text in its encoding loses the lines concerned', () => {
    const { rows, rejected } = read(Buffer.from('a\nM\xfcnchen\nKiel\n', 'latin1'))
    assert.deepEqual(
      rows.map(({ a }) => a),
      ['Kiel'],
    )
    assert.match(rejected[0]!.reason, /not valid text/)
  })

  test('with types refuses rows that do not fit them', () => {
    const types = ['long', 'double', 'string', 'boolean'] as const
    const { rows, rejected } = read('1,2,3,yes\n,2,x,\nx,2,x,no\n"8","1","",f\n', {
      columns: ['l', 'd', 's', 'b'],
      types: [...types],
    })
    assert.deepEqual(rows, [
      { line: 1, l: 1n, d: 2, s: '3', b: true },
      { line: 4, l: 8n, d: 1, s: '', b: false },
    ])
    assert.match(rejected[0]!.reason, /column l: an empty text is no long/)
    assert.match(rejected[1]!.reason, /column l: 'x' is no long/)
    const lenient = read(',,,\n', {
      columns: ['l', 'd', 's', 'b'],
      types: [...types],
      emptyAsNullIfNumeric: true,
    })
    assert.deepEqual(lenient.rows, [{ line: 1, l: null, d: null, s: '', b: null }])
  })

  test('whose names are missing or come twice is refused as a whole', () => {
    assert.throws(() => read('a,,c\n1,2,3\n'), /line 1: column 2 has no name/)
    assert.throws(() => read('a,a\n1,2\n'), /two columns are called 'a'/)
    assert.deepEqual(read('a,a\n1,2\n', { columns: ['x', 'y'], hasHeader: true }).rows, [
      { line: 2, x: 1, y: 2 },
    ])
  })
})
