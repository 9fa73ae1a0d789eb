import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { decodeMulti } from '@msgpack/msgpack'
import fc from 'fast-check'
import type { ResultFormat } from '../../jobs/index.ts'
import type { PrestoType } from '../presto-type.ts'
import {
  createSink,
  drain,
  writeArrayHeader,
  writeBigint,
  writeBinaryHeader,
  writeDouble,
  writeText,
} from './msgpack.ts'
import { renderResult } from './render.ts'
import { dateText, doubleText, floatText, timestampText } from './texts.ts'
import { writeResult } from './write.ts'

const decoded = (bytes: Uint8Array) => [...decodeMulti(bytes, { useBigInt64: true })]
const bigint: PrestoType = { kind: 'bigint' }
const varchar: PrestoType = { kind: 'varchar' }

describe('a stored result', () => {
  let connection: DuckDBConnection
  let directory: string
  let files = 0
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-result-'))
    connection = await (await DuckDBInstance.create(':memory:')).connect()
    await connection.run(`SET TimeZone='UTC'; SET threads=2`)
  })
  after(async () => {
    connection.closeSync()
    await rm(directory, { recursive: true })
  })

  const store = async (sql: string, types: PrestoType[]) => {
    const path = join(directory, `${files++}.msgpack.gz`)
    const stored = await writeResult(await connection.stream(sql), types, path, () => undefined)
    return { path, ...stored }
  }
  const rowsOf = async (sql: string, types: PrestoType[]) => {
    const { path } = await store(sql, types)
    return decoded(await buffer(renderResult({ storedPath: path, schema: [], format: 'msgpack' })))
  }
  const single = async (expression: string, type: PrestoType) =>
    ((await rowsOf(`SELECT ${expression}`, [type])) as unknown[][])[0]?.[0]
  const render = async (sql: string, types: PrestoType[], format: ResultFormat, options = {}) => {
    const { path } = await store(sql, types)
    const schema = types.map((_, i): [string, string] => [`c${i}`, ''])
    return text(renderResult({ storedPath: path, schema, format, ...options }))
  }

  const cases: [expression: string, type: PrestoType, value: unknown][] = [
    ['NULL', { kind: 'unknown' }, null],
    ['true', { kind: 'boolean' }, true],
    ['(-5)::TINYINT', { kind: 'tinyint' }, -5],
    ['(-300)::SMALLINT', { kind: 'smallint' }, -300],
    ['(-70000)::INTEGER', { kind: 'integer' }, -70000],
    ['9223372036854775807', bigint, 9223372036854775807n],
    ['-9223372036854775807 - 1', bigint, -9223372036854775808n],
    ['(9007199254740993)::BIGINT', bigint, 9007199254740993n],
    ['(-4294967297)::BIGINT', bigint, -4294967297n],
    ['12::HUGEINT', bigint, 12],
    ["'NaN'::DOUBLE", { kind: 'double' }, Number.NaN],
    ['1.5::FLOAT', { kind: 'real' }, 1.5],
    ['0.1::DOUBLE', { kind: 'double' }, 0.1],
    ['-1.05::DECIMAL(4,2)', { kind: 'decimal', precision: 4, scale: 2 }, '-1.05'],
    ['0.001::DECIMAL(9,3)', { kind: 'decimal', precision: 9, scale: 3 }, '0.001'],
    [
      '12345678901234567890123.45::DECIMAL(38,2)',
      { kind: 'decimal', precision: 38, scale: 2 },
      '12345678901234567890123.45',
    ],
    ["'東京'", varchar, '東京'],
    [`'${'x'.repeat(70_000)}'`, varchar, 'x'.repeat(70_000)],
    ['\'{"a":1}\'::JSON', { kind: 'json' }, '{"a":1}'],
    ["'\\x00\\xff'::BLOB", { kind: 'varbinary' }, Uint8Array.of(0, 255)],
    ["DATE '1969-12-31'", { kind: 'date' }, '1969-12-31'],
    ["TIME '23:59:59.123456'", { kind: 'time', precision: 3 }, '23:59:59.123'],
    ["TIMESTAMP '2024-02-29 12:34:56.789'", { kind: 'timestamp', precision: 3 }, '2024-02-29 12:34:56.789'],
    [
      "TIMESTAMP '1969-12-31 23:59:59.999999'",
      { kind: 'timestamp', precision: 6 },
      '1969-12-31 23:59:59.999999',
    ],
    ["TIMESTAMP_MS '2020-01-01 00:00:00.5'", { kind: 'timestamp', precision: 3 }, '2020-01-01 00:00:00.500'],
    [
      "TIMESTAMPTZ '2024-03-10 12:00:00 UTC'",
      { kind: 'timestamp with time zone', precision: 3 },
      '2024-03-10 12:00:00.000 UTC',
    ],
    [
      "TIMESTAMPTZ '2024-07-10 12:00:00 UTC'",
      { kind: 'timestamp with time zone', precision: 3, zone: 'America/Los_Angeles' },
      '2024-07-10 05:00:00.000 America/Los_Angeles',
    ],
    [
      "TIMESTAMPTZ '2024-07-10 12:00:00 UTC'",
      { kind: 'timestamp with time zone', precision: 0, zone: '+09:30' },
      '2024-07-10 21:30:00 +09:30',
    ],
    [
      "{'t': TIMESTAMPTZ '2024-07-10 12:00:00 UTC', 'z': 'Asia/Tokyo'}",
      { kind: 'timestamp with time zone', precision: 3, zone: null },
      '2024-07-10 21:00:00.000 Asia/Tokyo',
    ],
    [
      "{'t': 1720612800123456789012::HUGEINT, 'z': '+01:00'}",
      { kind: 'timestamp with time zone', precision: 12, zone: null },
      '2024-07-10 13:00:00.123456789012 +01:00',
    ],
    ['-1::HUGEINT', { kind: 'timestamp', precision: 12 }, '1969-12-31 23:59:59.999999999999'],
    [
      '1720612800000000000000::HUGEINT',
      { kind: 'timestamp with time zone', precision: 7, zone: 'America/Los_Angeles' },
      '2024-07-10 05:00:00.0000000 America/Los_Angeles',
    ],
    ['86399999999999999::BIGINT', { kind: 'time', precision: 9 }, '23:59:59.999999999'],
    [
      '3600000000000000::BIGINT',
      { kind: 'time with time zone', precision: 0, zone: '-02:30' },
      '22:30:00-02:30',
    ],
    ["'00000000000000000000ffff01020304'::UUID", { kind: 'uuid' }, '00000000-0000-0000-0000-ffff01020304'],
    ["unhex('00000000000000000000ffff01020304')", { kind: 'ipaddress' }, '1.2.3.4'],
    ["unhex('20010db8000000000000000000000001')", { kind: 'ipaddress' }, '2001:db8::1'],
    ["'\\x01'::BLOB", { kind: 'tdigest' }, Uint8Array.of(1)],
    ["INTERVAL '27' HOUR", { kind: 'interval day to second' }, '1 03:00:00.000'],
    ["INTERVAL '-1500' MILLISECOND", { kind: 'interval day to second' }, '-0 00:00:01.500'],
    ["INTERVAL '-15' MONTH", { kind: 'interval year to month' }, '-1-3'],
    [
      "['a', NULL, 'a longer text than twelve']",
      { kind: 'array', element: varchar },
      ['a', null, 'a longer text than twelve'],
    ],
    [
      '[[1], [], NULL]::BIGINT[][]',
      { kind: 'array', element: { kind: 'array', element: bigint } },
      [[1], [], null],
    ],
    ['[1,2]::INTEGER[2]', { kind: 'array', element: { kind: 'integer' } }, [1, 2]],
    ["MAP {'k': 1, 'l': NULL}", { kind: 'map', key: varchar, value: { kind: 'integer' } }, { k: 1, l: null }],
    [
      "{'a': 1, 'b': {'c': 'x'}}",
      {
        kind: 'row',
        fields: [
          { name: 'a', type: { kind: 'integer' } },
          { name: 'b', type: { kind: 'row', fields: [{ type: varchar }] } },
        ],
      },
      [1, ['x']],
    ],
    ['NULL::BIGINT[]', { kind: 'array', element: bigint }, null],
    ['NULL::MAP(VARCHAR, BIGINT)', { kind: 'map', key: varchar, value: bigint }, null],
  ]
  for (const [expression, type, value] of cases) {
    test(`holds ${expression.slice(0, 60)} as ${type.kind}`, async () => {
      const found = await single(expression, type)
      const plain = typeof found === 'bigint' && typeof value === 'number' ? Number(found) : found
      assert.deepEqual(jsonable(plain), jsonable(value))
    })
  }

  test('keeps every one of many rows, NULLs and long texts in order, over many chunks', async () => {
    const sql = `SELECT range, CASE WHEN range % 3 = 0 THEN NULL ELSE 'some longer text ' || range END,
                 CASE WHEN range % 5 = 0 THEN NULL ELSE [range, NULL] END FROM range(50000)`
    const rows = await rowsOf(sql, [bigint, varchar, { kind: 'array', element: bigint }])
    assert.equal(rows.length, 50_000)
    for (const [i, row] of rows.entries()) {
      const list = i % 5 === 0 ? null : [i, null]
      assert.deepEqual(jsonable(row), [i, i % 3 === 0 ? null : `some longer text ${i}`, list])
    }
  })

  test('keeps texts whatever their lengths, order in memory and repetition', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.option(fc.string({ maxLength: 40, unit: 'grapheme' }))), async (texts) => {
        const list = texts.map((t) =>
          t === null ? 'NULL' : `'${t.replaceAll("'", "''").replaceAll('\0', '')}'`,
        )
        const expected = texts.map((t) => t?.replaceAll('\0', '') ?? null)
        // A join by hash shuffles pointers; a repeated row shares them.
        const sql = `WITH t AS (SELECT unnest([${list.join(',')}]::VARCHAR[]) AS s, generate_subscripts([${list.join(',')}]::VARCHAR[], 1) AS i)
                     SELECT s FROM t, range(2) r ORDER BY r.range, i`
        const rows = await rowsOf(list.length === 0 ? 'SELECT 1 WHERE false' : sql, [
          list.length === 0 ? bigint : varchar,
        ])
        assert.deepEqual(
          rows,
          [...expected, ...expected].map((t) => [t]),
        )
      }),
      { numRuns: 40 },
    )
  })

  test('fails with NUMERIC_VALUE_OUT_OF_RANGE rather than wrap a number round', async () => {
    await assert.rejects(single('9223372036854775808::HUGEINT', bigint), {
      errorName: 'NUMERIC_VALUE_OUT_OF_RANGE',
    })
  })

  test('fails when the engine answers another type than was promised', async () => {
    await assert.rejects(single("'x'", { kind: 'double' }), { errorName: 'GENERIC_INTERNAL_ERROR' })
  })

  test('of no rows is an empty, valid gzip file', async () => {
    const { path, rows, bytes } = await store('SELECT 1 WHERE false', [bigint])
    assert.equal(rows, 0)
    assert.ok(bytes > 0)
    for (const format of ['msgpack', 'json', 'csv'] as const)
      assert.equal(await text(renderResult({ storedPath: path, schema: [], format })), '')
  })

  test('is served as one JSON array per line, whole numbers with all their digits', async () => {
    const types = [
      bigint,
      { kind: 'double' },
      varchar,
      { kind: 'map', key: { kind: 'integer' }, value: bigint },
    ] as PrestoType[]
    const sql = `SELECT 9007199254740993, 1::DOUBLE, 'a"b\nc', MAP {1: 9007199254740993}`
    assert.equal(
      await render(sql, types, 'json'),
      '[9007199254740993,1.0,"a\\"b\\nc",{"1":9007199254740993}]\n',
    )
  })

  test('is served as csv with a header and quotes where they are needed', async () => {
    const types = [bigint, varchar, varchar, { kind: 'array', element: varchar }] as PrestoType[]
    const sql = `SELECT 1, 'a,b"c', NULL, ['x','y'] UNION ALL SELECT 2, '', 'l' || chr(10) || 'm', []`
    assert.equal(
      await render(sql, types, 'csv', { header: true }),
      'c0,c1,c2,c3\n1,"a,b""c",,"[""x"",""y""]"\n2,"","l\nm",[]\n',
    )
    assert.equal(
      await render(`SELECT 1, 'a	b', 'c,d'`, [bigint, varchar, varchar], 'tsv'),
      '1\t"a\tb"\tc,d\n',
    )
  })

  test('escapes in JSON exactly what JSON.stringify does, and csv gives every text back', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'binary-ascii', maxLength: 60 }), { maxLength: 8 }),
        async (texts) => {
          const sink = createSink()
          for (const line of texts) {
            writeArrayHeader(sink, 2)
            writeText(sink, line)
            writeArrayHeader(sink, 1)
            writeText(sink, line)
          }
          const stored = gzipSync(drain(sink))
          const again = () => Readable.from([stored])
          const json = await text(renderResult({ storedPath: again(), schema: [], format: 'json' }))
          assert.equal(json, texts.map((line) => `${JSON.stringify([line, [line]])}\n`).join(''))
          const csv = await text(renderResult({ storedPath: again(), schema: [], format: 'csv' }))
          assert.deepEqual(
            fieldsOf(csv),
            texts.flatMap((line) => [line, JSON.stringify([line])]),
          )
        },
      ),
    )
  })

  test('shows NaN and the infinities as texts, or as null when asked', async () => {
    const types: PrestoType[] = [{ kind: 'double' }, { kind: 'real' }]
    const sql = `SELECT 'NaN'::DOUBLE, '-inf'::FLOAT`
    assert.equal(await render(sql, types, 'json'), '["NaN","-Infinity"]\n')
    assert.equal(await render(sql, types, 'csv'), 'NaN,-Infinity\n')
    assert.equal(await render(sql, types, 'json', { nullifySpecial: true }), '[null,null]\n')
    assert.equal(await render(sql, types, 'csv', { nullifySpecial: true }), ',\n')
  })

  test('has the same text under gzip', async () => {
    const { path } = await store('SELECT range FROM range(10000)', [bigint])
    const plain = await text(renderResult({ storedPath: path, schema: [], format: 'csv' }))
    const zipped = await buffer(renderResult({ storedPath: path, schema: [], format: 'csv.gz' }))
    assert.equal(gunzipSync(zipped).toString(), plain)
    assert.equal(plain.split('\n').length, 10_001)
  })

  test('that is damaged or cut fails the download instead of looking complete', async () => {
    const path = join(directory, 'damaged')
    await writeFile(path, gzipSync(Uint8Array.of(0x91, 0x01, 0x92, 0x01)))
    await assert.rejects(
      text(renderResult({ storedPath: path, schema: [], format: 'json' })),
      /middle of a row/,
    )
    await writeFile(path, gzipSync(Uint8Array.of(0x91, 0x01)).subarray(0, 15))
    await assert.rejects(text(renderResult({ storedPath: path, schema: [], format: 'json' })))
    await assert.rejects(
      text(renderResult({ storedPath: join(directory, 'no'), schema: [], format: 'json.gz' })),
      {
        code: 'ENOENT',
      },
    )
  })

  test('is read alike however the bytes are cut', async () => {
    const sink = createSink()
    writeArrayHeader(sink, 3)
    writeBigint(sink, -9007199254740993n)
    writeText(sink, 'ü'.repeat(300))
    writeDouble(sink, 1e300)
    const bytes = drain(sink)
    const stored = gzipSync(Buffer.concat([bytes, bytes]))
    for (let size = 1; size < 60; size += 7) {
      const pieces = Array.from({ length: Math.ceil(stored.length / size) }, (_, i) =>
        stored.subarray(i * size, (i + 1) * size),
      )
      const rendered = await text(
        renderResult({ storedPath: Readable.from(pieces), schema: [], format: 'csv' }),
      )
      assert.equal(rendered, `-9007199254740993,${'ü'.repeat(300)},1.0E300\n`.repeat(2))
    }
  })
})

describe('MessagePack numbers and headers', () => {
  test('come back as they were, whatever their size', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const sink = createSink(1)
        writeBigint(sink, value)
        assert.equal(BigInt(decoded(drain(sink))[0] as bigint), value)
      }),
    )
  })
  test('of binary data have the length in one, two or four bytes', () => {
    for (const length of [0, 255, 256, 65_535, 65_536]) {
      const sink = createSink(1)
      writeBinaryHeader(sink, length)
      sink.bytes.fill(7, sink.at, sink.at + length)
      sink.at += length
      assert.equal((decoded(drain(sink))[0] as Uint8Array).length, length)
    }
  })
})

describe('texts of values', () => {
  test('of dates agree with the calendar from year 1 to 9999', () => {
    fc.assert(
      fc.property(fc.integer({ min: -719_162, max: 2_932_896 }), (day) => {
        assert.equal(dateText(day), new Date(day * 86_400_000).toISOString().slice(0, 10))
      }),
    )
  })
  test('of timestamps agree with ISO texts', () => {
    fc.assert(
      fc.property(fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }), (ms) => {
        const iso = new Date(ms).toISOString().replace('T', ' ').replace('Z', '')
        assert.equal(timestampText(BigInt(ms) * 1000n, 3), iso)
      }),
    )
  })
  test('of doubles read as Java writes them and give the value back', () => {
    const texts = [1, 0.001, 0.0001, 1e7, 9999999, 123456789.5, -2.5e-10, 1e21, 1e300, -0].map(doubleText)
    assert.deepEqual(texts, [
      '1.0',
      '0.001',
      '1.0E-4',
      '1.0E7',
      '9999999.0',
      '1.234567895E8',
      '-2.5E-10',
      '1.0E21',
      '1.0E300',
      '-0.0',
    ])
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        assert.ok(Object.is(Number(doubleText(value)), value))
      }),
    )
  })
  test('of floats have no more digits than 32 bits need', () => {
    assert.deepEqual(
      [0.1, 16777216, 3.4e38, 1.17549435e-38].map((n) => floatText(Math.fround(n))),
      ['0.1', '1.6777216E7', '3.4E38', '1.1754944E-38'],
    )
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        assert.ok(Object.is(Math.fround(Number(floatText(value))), value))
      }),
    )
  })
})

/** Fields of a csv text, read by the rules of RFC 4180 and nothing of ours. */
function fieldsOf(csv: string): string[] {
  const fields: string[] = []
  let at = 0
  while (at < csv.length) {
    let field = ''
    if (csv[at] === '"') {
      for (at++; csv[at] !== '"' || csv[at + 1] === '"'; at++) {
        if (csv[at] === '"') at++
        field += csv[at]
      }
      at++
    } else while (csv[at] !== ',' && csv[at] !== '\n') field += csv[at++]
    fields.push(field)
    at++
  }
  return fields
}

/** bigint within the safe range reads as number: decoders differ there, values do not. */
function jsonable(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value
  if (value instanceof Uint8Array) return [...value]
  if (Array.isArray(value)) return value.map(jsonable)
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, jsonable(v)]))
  return value
}
