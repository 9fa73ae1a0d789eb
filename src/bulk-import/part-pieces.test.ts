import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { decodeMulti, encode } from '@msgpack/msgpack'
import fc from 'fast-check'
import { JsonFault, writeJson } from './json-record.ts'
import { createMsgpackWriter } from './msgpack-writer.ts'
import { checkPart, readPart, sniff } from './part-pieces.ts'
import type { PartFormat } from './types.ts'

const signal = new AbortController().signal

/** Records and refusals of a part that arrives in small chunks. */
async function read(
  body: Buffer,
  {
    format = null,
    pieceBytes = 16,
    chunkBytes = 7,
  }: { format?: PartFormat | null; pieceBytes?: number; chunkBytes?: number } = {},
) {
  const stored = () =>
    Readable.from(
      Array.from({ length: Math.ceil(body.length / chunkBytes) }, (_, i) =>
        body.subarray(i * chunkBytes, (i + 1) * chunkBytes),
      ),
    )
  const records: unknown[] = []
  const refused: [string, string][] = []
  for await (const { payload, refusals } of readPart(stored, format, pieceBytes)) {
    records.push(...decodeMulti(payload, { useBigInt64: false }))
    for (const { reason, bytes } of refusals) refused.push([reason, bytes.toString()])
  }
  return { records, refused }
}

function fromJson(text: string): unknown {
  const out = createMsgpackWriter()
  writeJson(Buffer.from(text), out)
  return [...decodeMulti(out.take(), { useBigInt64: true })][0]
}

describe('a line of JSON', () => {
  test('becomes the value that JSON.parse gives, whatever it is', () => {
    const bigToNumber = (value: unknown): unknown => {
      if (typeof value === 'bigint') return Number(value)
      if (Array.isArray(value)) return value.map(bigToNumber)
      if (typeof value !== 'object' || value === null) return value
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, bigToNumber(inner)]))
    }
    fc.assert(
      fc.property(
        fc.json({ maxDepth: 4 }).filter((text) => !/__proto__|\d{16}/.test(text)),
        (text) => {
          assert.deepEqual(bigToNumber(fromJson(text)), JSON.parse(text))
        },
      ),
      { numRuns: 500 },
    )
  })

  test('keeps every digit of an integer, and takes those beyond 64 bits for text', () => {
    const cases: [string, unknown][] = [
      ['9007199254740993', 9007199254740993n],
      ['-9223372036854775808', -9223372036854775808n],
      ['18446744073709551615', 18446744073709551615n],
      ['18446744073709551616', '18446744073709551616'],
      ['-9223372036854775809', '-9223372036854775809'],
      ['1.50', 1.5],
      ['1e3', 1000],
      ['"\\u00e9\\n\\""', 'é\n"'],
    ]
    for (const [text, value] of cases) assert.deepEqual(fromJson(text), value, text)
  })

  test('is refused when it is anything else', () => {
    const wrong = [
      '',
      '{',
      '{"a"}',
      '{"a":1,}',
      '[1 2]',
      '01',
      '+1',
      '1.',
      '.5',
      'NaN',
      'nul',
      '"a',
      '"\\x"',
      "{'a':1}",
      '1 2',
      '"\t"',
      '{"a":1}}',
    ]
    for (const text of wrong) assert.throws(() => fromJson(text), JsonFault, text)
    assert.throws(() => fromJson('['.repeat(101)), /record_too_deep/)
  })
})

describe('a table of text', () => {
  const field = fc.oneof(
    fc.string(),
    fc.stringMatching(/^[",\r\n\tab\\]{0,6}$/),
    fc.constantFrom('', 'é', '7', '1.5', '007', '\\N'),
  )

  for (const [format, delimiter] of [
    ['csv.gz', ','],
    ['tsv.gz', '\t'],
  ] as const) {
    test(`${format}: quoted fields come back as they were, wherever the file is cut`, async () => {
      const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(field, field), { minLength: 1, maxLength: 8 }),
          fc.constantFrom('\n', '\r\n'),
          fc.boolean(),
          async (rows, lineEnd, endsWithLine) => {
            const lines = [['a', 'b'], ...rows].map((row) => row.map(quoted).join(delimiter))
            const body = Buffer.from(lines.join(lineEnd) + (endsWithLine ? lineEnd : ''))
            const { records, refused } = await read(body, { format })
            assert.deepEqual(refused, [])
            assert.deepEqual(
              records,
              rows.map(([a, b]) => ({ a: Buffer.from(a).toString(), b: Buffer.from(b).toString() })),
            )
          },
        ),
        { numRuns: 150 },
      )
    })
  }

  test('a bare field is a number where it reads as one, null where it is empty or \\N, else text', async () => {
    const cases: [string, unknown][] = [
      ['7', 7],
      ['-7', -7],
      ['0', 0],
      ['007', '007'],
      ['1.50', 1.5],
      ['-.5', -0.5],
      ['00.5', '00.5'],
      ['2e3', 2000],
      ['1.', 1],
      ['-', '-'],
      ['.', '.'],
      ['e5', 'e5'],
      ['1,5', '1,5'],
      ['0x10', '0x10'],
      ['NaN', 'NaN'],
      ['true', 'true'],
      ['', null],
      ['\\N', null],
      [' 7', ' 7'],
    ]
    const body = Buffer.from(`v\tw\n${cases.map(([text]) => `${text}\tx`).join('\n')}`)
    const { records } = await read(body, { format: 'tsv.gz' })
    assert.deepEqual(
      records,
      cases.map(([, v]) => ({ v, w: 'x' })),
    )
  })

  test('a file whose last row has no end of line, or an open quote', async () => {
    assert.deepEqual((await read(Buffer.from('a,b\r\n1,2\r'), { format: 'csv.gz' })).records, [
      { a: 1, b: 2 },
    ])
    const { records, refused } = await read(Buffer.from('a,b\n1,2\n3,"x'), { format: 'csv.gz' })
    assert.deepEqual([records, refused], [[{ a: 1, b: 2 }], [['csv_invalid', '3,"x']]])
  })
})

describe('a part', () => {
  test('is told by its first bytes when nobody said what it is', () => {
    const cases: [Buffer | string, PartFormat][] = [
      [Buffer.from(encode({ time: 1 })), 'msgpack.gz'],
      [Buffer.from([0xdf, 0, 0, 0, 0]), 'msgpack.gz'],
      ['{"time":1}', 'json.gz'],
      ['  [1]', 'json.gz'],
      ['time,n\n1,2', 'csv.gz'],
      ['time\tn\n1\t2', 'tsv.gz'],
      ['time\tn, with comma\n', 'tsv.gz'],
      ['time,n\n1,"\t"', 'csv.gz'],
      ['', 'msgpack.gz'],
      ['words', 'msgpack.gz'],
    ]
    for (const [body, format] of cases) assert.equal(sniff(Buffer.from(body)), format, String(body))
  })

  test('of msgpack gives the same records wherever it is cut, gzip’d in one member or many', async () => {
    const records = Array.from({ length: 9 }, (_, n) => ({ time: n, text: 'x'.repeat(n * 9), list: [n] }))
    const encoded = records.map((record) => Buffer.from(encode(record)))
    for (const body of [
      Buffer.concat(encoded),
      gzipSync(Buffer.concat(encoded)),
      Buffer.concat(encoded.map((one) => gzipSync(one))),
    ])
      for (const pieceBytes of [1, 30, 1000])
        assert.deepEqual(await read(body, { pieceBytes }), { records, refused: [] })
  })

  test('is checked to its end before anything of it counts', async () => {
    const whole = gzipSync(Buffer.from(encode({ time: 1, text: 'x'.repeat(1000) })))
    const check = (body: Buffer, mostBytes = 10_000) =>
      checkPart(() => Readable.from([body]), { mostBytes, signal })
    const damaged = Buffer.from(whole)
    damaged[whole.length - 5]! ^= 1
    assert.equal(await check(whole), undefined)
    assert.equal(await check(Buffer.from('{}')), undefined)
    assert.equal(await check(Buffer.alloc(0)), undefined)
    assert.equal(await check(whole.subarray(0, -4)), 'gzip_truncated')
    assert.equal(await check(damaged), 'gzip_invalid')
    assert.equal(await check(whole, 900), 'expands_too_far')
  })

  test('with a line beyond 33 MiB goes on behind it', async () => {
    const body = Buffer.concat([
      Buffer.from('{"n":1}\n"'),
      Buffer.alloc(34 << 20, 0x61),
      Buffer.from('"\n{"n":2}\n'),
    ])
    const { records, refused } = await read(body, {
      format: 'json.gz',
      pieceBytes: 1 << 20,
      chunkBytes: 1 << 20,
    })
    assert.deepEqual(records, [{ n: 1 }, { n: 2 }])
    assert.deepEqual(
      refused.map(([reason, kept]) => [reason, kept.length]),
      [['record_too_large', 65_536]],
    )
  })
})
