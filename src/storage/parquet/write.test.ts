import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { parquetMetadata, parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { type ColumnValues, type ParquetColumn, type ParquetOptions, writeParquet } from './index.ts'

const numRuns = Math.ceil(Number(process.env.MILLRACE_FUZZ_RUNS ?? 150) / 6)

type Cell = bigint | number | string | boolean | null
type Kind = ColumnValues['physical']

function wordsFrom(cells: readonly Cell[], kind: 'INT64' | 'DOUBLE'): Int32Array {
  const values =
    kind === 'INT64' ? BigInt64Array.from(cells as bigint[]) : Float64Array.from(cells as number[])
  return new Int32Array(values.buffer)
}

/** Puts the texts into buffers of at most `perPart` values, at odd offsets, as they lie in payloads. */
function textValues(cells: readonly string[], perPart: number): ColumnValues {
  const words = new Int32Array(2 * cells.length)
  const parts = []
  for (let from = 0; from < cells.length; from += perPart) {
    const pieces: Buffer[] = [Buffer.from('?')]
    let offset = 1
    for (const [i, cell] of cells.slice(from, from + perPart).entries()) {
      const bytes = Buffer.from(cell)
      words.set([offset, bytes.length], 2 * (from + i))
      pieces.push(bytes, Buffer.from('/'))
      offset += bytes.length + 1
    }
    parts.push({ from, bytes: Buffer.concat(pieces) })
  }
  return { physical: 'BYTE_ARRAY', words, parts }
}

/** Each distinct text once, from a multiple of four bytes on. */
function internedTexts(cells: readonly string[]): ColumnValues {
  const words = new Int32Array(2 * cells.length)
  const places = new Map<string, number>()
  const pieces: Buffer[] = []
  let offset = 0
  for (const [i, cell] of cells.entries()) {
    const bytes = Buffer.from(cell)
    if (!places.has(cell)) {
      places.set(cell, offset)
      pieces.push(bytes, Buffer.alloc(4 - (bytes.length % 4)))
      offset += bytes.length + 4 - (bytes.length % 4)
    }
    words.set([places.get(cell)!, bytes.length], 2 * i)
  }
  return { physical: 'BYTE_ARRAY', words, parts: [{ from: 0, bytes: Buffer.concat(pieces) }], interned: true }
}

function column(
  name: string,
  kind: Kind,
  cells: readonly Cell[],
  perPart = 1000,
  required = false,
): ParquetColumn {
  const present = cells.filter((cell) => cell !== null)
  const rows = Uint32Array.from(cells.flatMap((cell, row) => (cell === null ? [] : [row])))
  const values: ColumnValues =
    kind === 'BYTE_ARRAY'
      ? textValues(present as string[], perPart)
      : kind === 'BOOLEAN'
        ? { physical: kind, flags: Uint8Array.from(present.map(Number)) }
        : { physical: kind, words: wordsFrom(present, kind) }
  return { name, required, count: present.length, rows, values }
}

/** Columns of equal length as two independent readers see them. */
async function readWithHyparquet(file: Buffer): Promise<Record<string, Cell>[]> {
  const bytes = new Uint8Array(file).buffer
  return (await parquetReadObjects({ file: bytes, compressors })) as Record<string, Cell>[]
}

let directory: string
let duckdb: DuckDBConnection
let files = 0

async function query(sql: string): Promise<Record<string, unknown>[]> {
  return (await duckdb.runAndReadAll(sql)).getRowObjects()
}

function save(bytes: Buffer): string {
  const path = join(directory, `${files++}.parquet`)
  writeFileSync(path, bytes)
  return path
}

/** Writes the columns and checks that both readers give back every cell. */
async function checkRoundTrip(
  columns: Record<string, [Kind, Cell[]]>,
  options: ParquetOptions = {},
): Promise<string> {
  const rows = Object.values(columns)[0]![1].length
  const built = Object.entries(columns).map(([name, [kind, cells]]) => column(name, kind, cells, 7))
  const bytes = writeParquet(built, rows, options)
  const expected = Array.from({ length: rows }, (_, row) =>
    Object.fromEntries(Object.entries(columns).map(([name, [, cells]]) => [name, cells[row]!])),
  )
  const path = save(bytes)
  const byDuckdb = await query(`SELECT * FROM read_parquet('${path}')`)
  assert.deepEqual(
    byDuckdb.map((row) => ({ ...row })),
    expected,
    'DuckDB',
  )
  const byHyparquet = await readWithHyparquet(bytes)
  assert.deepEqual(
    byHyparquet.map((row) => ({ ...row })),
    expected,
    'hyparquet',
  )
  return path
}

const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n

const texts = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.constantFrom('', 'a', 'é', '日本語', '\0', 'x'.repeat(100), '𝄞'.repeat(30)),
)
const cellsOf: Record<Kind, fc.Arbitrary<Cell>> = {
  INT64: fc.oneof(
    fc.bigInt({ min: INT64_MIN, max: INT64_MAX }),
    fc.constantFrom(0n, 1n, -1n, INT64_MIN, INT64_MAX),
  ),
  DOUBLE: fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(0, -0, 1.5, 5e-324, Number.MAX_VALUE),
  ),
  BYTE_ARRAY: texts,
  BOOLEAN: fc.boolean(),
}

/** A column of one kind whose values repeat often, seldom or never, with nulls in any share. */
function cellsFor(kind: Kind, rows: number): fc.Arbitrary<[Kind, Cell[]]> {
  const cell = fc.option(cellsOf[kind], { freq: 5 })
  return fc
    .array(cell, { minLength: 1, maxLength: 12 })
    .chain((pool) =>
      fc.oneof(
        fc.array(fc.constantFrom(...pool), { minLength: rows, maxLength: rows }),
        fc.array(cell, { minLength: rows, maxLength: rows }),
      ),
    )
    .map((cells): [Kind, Cell[]] => [kind, cells])
}

describe('the Parquet writer', () => {
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-parquet-'))
    duckdb = await (await DuckDBInstance.create(':memory:')).connect()
    await duckdb.run('SET threads=1')
  })
  after(() => {
    duckdb.disconnectSync()
    rmSync(directory, { recursive: true })
  })

  test('writes what two independent readers give back, across row groups of any size', async () => {
    const tables = fc.nat(60).chain((rows) =>
      fc.record({
        options: fc.record({ rowGroupRows: fc.integer({ min: 1, max: 70 }) }),
        columns: fc.record({
          i: cellsFor('INT64', rows),
          d: cellsFor('DOUBLE', rows),
          s: cellsFor('BYTE_ARRAY', rows),
          b: cellsFor('BOOLEAN', rows),
        }),
      }),
    )
    await fc.assert(
      fc.asyncProperty(tables, async ({ columns, options }) => {
        await checkRoundTrip(columns, options)
      }),
      { numRuns },
    )
  })

  const shapes: Record<string, [Kind, Cell[]]> = {
    'no rows': ['BYTE_ARRAY', []],
    'one row': ['BYTE_ARRAY', ['x']],
    'one null': ['INT64', [null]],
    'nulls only': ['BYTE_ARRAY', new Array(5000).fill(null)],
    'the same value': ['BYTE_ARRAY', new Array(5000).fill('the same')],
    'the same value and nulls': ['INT64', Array.from({ length: 5000 }, (_, i) => (i % 3 ? 7n : null))],
    'two values': ['DOUBLE', Array.from({ length: 5000 }, (_, i) => (i % 2 ? -0 : 1.5))],
    'distinct texts': ['BYTE_ARRAY', Array.from({ length: 5000 }, (_, i) => `value ${i} of many`)],
    'distinct integers': ['INT64', Array.from({ length: 5000 }, (_, i) => BigInt(i) * 1_000_003n)],
    'int64 extremes': ['INT64', [INT64_MIN, INT64_MAX, 0n, -1n, 2n ** 53n + 1n]],
    'empty texts': ['BYTE_ARRAY', new Array(100).fill('')],
    'a value in the last row only': ['BYTE_ARRAY', [...new Array(4999).fill(null), 'last']],
    'flags and nulls': ['BOOLEAN', Array.from({ length: 1001 }, (_, i) => [true, false, null][i % 3]!)],
    'more dictionary entries than eight bits': [
      'BYTE_ARRAY',
      Array.from({ length: 6000 }, (_, i) => `entry ${(i * 7919) % 300}`),
    ],
    'texts larger than a page': [
      'BYTE_ARRAY',
      Array.from({ length: 40 }, (_, i) =>
        i % 5 ? `${i}`.repeat(50_000) : i === 20 ? 'L'.repeat(3 << 20) : null,
      ),
    ],
  }
  for (const [name, shape] of Object.entries(shapes)) {
    test(`writes ${name}`, async () => {
      await checkRoundTrip({ c: shape })
      await checkRoundTrip({ c: shape }, { rowGroupRows: 999 })
    })
  }

  test('row groups end exactly where they should', async () => {
    const cells = Array.from({ length: 3000 }, (_, i) => BigInt(i))
    for (const [rowGroupRows, sizes] of [
      [1000, [1000, 1000, 1000]],
      [1499, [1499, 1499, 2]],
      [3000, [3000]],
      [2999, [2999, 1]],
    ] as const) {
      const path = await checkRoundTrip({ c: ['INT64', cells] }, { rowGroupRows })
      const groups = await query(
        `SELECT row_group_num_rows AS n FROM parquet_metadata('${path}') ORDER BY row_group_id`,
      )
      assert.deepEqual(
        groups.map(({ n }) => Number(n)),
        sizes,
      )
    }
  })

  test('pages of more rows than one page holds', async () => {
    const rows = 34_000
    const sparse = Array.from({ length: rows }, (_, i) => (i % 7 === 0 ? BigInt(i * i) : null))
    const coded = Array.from({ length: rows }, (_, i) => (i % 2 ? `host-${i % 50}` : null))
    const flags = Array.from({ length: rows }, (_, i) => i % 3 === 0)
    await checkRoundTrip({
      sparse: ['INT64', sparse],
      coded: ['BYTE_ARRAY', coded],
      flags: ['BOOLEAN', flags],
    })
  })

  const encodingsIn = async (path: string): Promise<string[]> =>
    (await query(`SELECT encodings, compression FROM parquet_metadata('${path}')`)).map(
      ({ encodings, compression }) => `${encodings} ${compression}`,
    )

  test('numbers that lie close together are written as differences, of any width and sign, with nulls', async () => {
    const EDGE = 2n ** 51n
    const walks = fc
      .record({
        rows: fc.constantFrom(2, 3, 32, 33, 34, 65, 128, 129, 130, 257, 300),
        bits: fc.integer({ min: 0, max: 32 }),
        start: fc.oneof(fc.constantFrom(-EDGE, 0n, EDGE - 1n), fc.bigInt({ min: -EDGE, max: EDGE - 1n })),
        down: fc.integer({ min: 0, max: 32 }),
        nulls: fc.boolean(),
        seed: fc.integer(),
      })
      .map(({ rows, bits, start, down, nulls, seed }): Cell[] => {
        let state = seed | 1
        let value = start
        return Array.from({ length: rows }, (_, i) => {
          if (nulls && i % 5 === 3) return null
          state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
          const step = BigInt(state >>> 0) >> BigInt(32 - bits)
          // The widest step of all comes up as well: it fills its width.
          const next = value + (i % 50 === 7 ? 2n ** BigInt(bits) - 1n : step) - (2n ** BigInt(down) - 1n)
          value = next < -EDGE ? -EDGE : next >= EDGE ? EDGE - 1n : next
          return value
        })
      })
    await fc.assert(
      fc.asyncProperty(walks, fc.integer({ min: 2, max: 300 }), async (cells, rowGroupRows) => {
        await checkRoundTrip({ c: ['INT64', cells] }, { rowGroupRows })
      }),
      { numRuns: numRuns * 4 },
    )
  })

  test('times, counters and small numbers take differences; the rest what suits it', async () => {
    const of = (cell: (i: number) => bigint): [Kind, Cell[]] => [
      'INT64',
      Array.from({ length: 5000 }, (_, i) => cell(i)),
    ]
    const mixed = (i: number) => BigInt(Math.imul(i + 1, 0x9e3779b1) >>> 0)
    const path = await checkRoundTrip({
      time: of((i) => 1_800_000_000n + BigInt(i >> 5)),
      counter: of((i) => 10_000_000_000n + BigInt(i)),
      size: of((i) => mixed(i) % 100_000n),
      code: of((i) => (i % 30 === 0 ? 404n : 200n)),
      wide: of((i) => BigInt.asIntN(64, (mixed(i) << 32n) + mixed(i + 7))),
      large: of((i) => 2n ** 51n + BigInt(i)),
    })
    const [time, counter, size, code, wide, large] = await encodingsIn(path)
    for (const column of [time, counter, size]) assert.equal(column, 'RLE, DELTA_BINARY_PACKED UNCOMPRESSED')
    assert.match(code!, /RLE_DICTIONARY/)
    assert.equal(wide, 'RLE, PLAIN ZSTD')
    assert.equal(large, 'RLE, PLAIN ZSTD')
    const [counted] = await query(
      `SELECT count(*)::INT AS n FROM read_parquet('${path}') WHERE time >= 1800000010 AND time < 1800000020 AND size < 50000`,
    )
    const expected = Array.from({ length: 320 }, (_, i) => mixed(320 + i) % 100_000n).filter(
      (n) => n < 50_000n,
    )
    assert.equal(counted!.n, expected.length)
  })

  test('a page that cannot be made smaller stays as it is beside a dictionary that was', async () => {
    const random = (i: number) => {
      const once = Math.imul(i + 1, 0x9e3779b1)
      const twice = Math.imul(once ^ (once >>> 15), 0x85ebca6b)
      return (twice ^ (twice >>> 13)) & 511
    }
    const names = Array.from({ length: 6000 }, (_, i) => `/category/electronics/item-${random(i)}`)
    const some = names.map((name, i) => (random(i + 9) % 3 === 0 ? null : name))
    const columns: Record<string, [Kind, Cell[]]> = {
      names: ['BYTE_ARRAY', names],
      some: ['BYTE_ARRAY', some],
      noise: [
        'DOUBLE',
        Array.from({ length: 6000 }, (_, i) => Math.sin(i * 12.9898) * 43758.5453 * (i % 2 ? 1 : -1)),
      ],
    }
    for (const rowGroupRows of [6000, 2500])
      assert.match(
        (await encodingsIn(await checkRoundTrip(columns, { rowGroupRows })))[0]!,
        /DICTIONARY ZSTD/,
      )
    const required = writeParquet([column('n', 'BYTE_ARRAY', names, 7, true)], names.length)
    const [{ n }] = (await query(
      `SELECT count(*)::INT AS n FROM read_parquet('${save(required)}') WHERE n = '${names[17]}'`,
    )) as [{ n: number }]
    assert.equal(n, names.filter((name) => name === names[17]).length)
    assert.deepEqual(
      (await readWithHyparquet(required)).map((row) => row.n),
      names,
    )
    const sorted = writeParquet([column('n', 'BYTE_ARRAY', names.toSorted(), 7, true)], names.length)
    assert.ok(sorted.length < required.length - 4000, 'codes that repeat are still compressed')
    // A header of version 2 (field 1 is 3) whose two sizes are the same.
    const openPage = /\x15\x06\x15([\x80-\xff]*[^\x80-\xff])\x15\1\x15/s
    assert.match(required.toString('latin1'), openPage)
    assert.doesNotMatch(sorted.toString('latin1'), openPage)
  })

  test('a page of nulls only stands between pages of differences', async () => {
    const cells = Array.from({ length: 100_000 }, (_, i) =>
      i < 32_768 || i >= 2 * 32_768 ? BigInt(i) : null,
    )
    const path = await checkRoundTrip({ c: ['INT64', cells] })
    assert.deepEqual(await encodingsIn(path), ['RLE, DELTA_BINARY_PACKED, PLAIN UNCOMPRESSED'])
  })

  test('a thousand columns', async () => {
    const columns = Object.fromEntries(
      Array.from({ length: 1000 }, (_, i): [string, [Kind, Cell[]]] => [
        `column_${i}`,
        i % 2 ? ['INT64', [BigInt(i), null]] : ['BYTE_ARRAY', [null, `v${i}`]],
      ]),
    )
    await checkRoundTrip(columns)
  })

  test('a required column has no levels and says so', async () => {
    const time = column('time', 'INT64', [3n, 1n, 2n], 1000, true)
    const bytes = writeParquet([time], 3)
    const schema = await query(
      `SELECT name, repetition_type AS r, type FROM parquet_schema('${save(bytes)}')`,
    )
    assert.deepEqual(schema.map((row) => ({ ...row }))[1], { name: 'time', r: 'REQUIRED', type: 'INT64' })
    assert.deepEqual(
      (await readWithHyparquet(bytes)).map((row) => row.time),
      [3n, 1n, 2n],
    )
  })

  test('types are BIGINT, DOUBLE, VARCHAR and BOOLEAN to DuckDB', async () => {
    const path = await checkRoundTrip({
      i: ['INT64', [1n]],
      d: ['DOUBLE', [1]],
      s: ['BYTE_ARRAY', ['x']],
      b: ['BOOLEAN', [true]],
    })
    const types = await query(`DESCRIBE SELECT * FROM read_parquet('${path}')`)
    assert.deepEqual(
      types.map(({ column_type }) => column_type),
      ['BIGINT', 'DOUBLE', 'VARCHAR', 'BOOLEAN'],
    )
  })

  test('the footer carries the metadata it was given', async () => {
    const metadata = { 'millrace.table': '17', 'millrace.schema': '[["é","long"]]' }
    const bytes = writeParquet([column('c', 'INT64', [1n])], 1, { metadata })
    const parsed = parquetMetadata(new Uint8Array(bytes).buffer)
    const pairs = parsed.key_value_metadata!.map(({ key, value }) => [key, value])
    assert.deepEqual(Object.fromEntries(pairs), metadata)
  })

  test('statistics are the true bounds and null counts, and pruning by them finds every row', async () => {
    const tables = fc
      .integer({ min: 1, max: 50 })
      .chain((rows) => fc.tuple(cellsFor('INT64', rows), cellsFor('BYTE_ARRAY', rows)))
    await fc.assert(
      fc.asyncProperty(tables, async ([[, integers], [, strings]]) => {
        const bytes = writeParquet(
          [column('i', 'INT64', integers), column('s', 'BYTE_ARRAY', strings, 5)],
          integers.length,
        )
        const parsed = parquetMetadata(new Uint8Array(bytes).buffer)
        const [i, s] = parsed.row_groups[0]!.columns.map(({ meta_data }) => meta_data!.statistics!)
        const numbers = integers.filter((cell) => cell !== null).sort((a, b) => (a < b ? -1 : 1))
        assert.deepEqual([i!.min_value, i!.max_value], [numbers[0], numbers.at(-1)])
        assert.equal(Number(i!.null_count), integers.length - numbers.length)
        const sorted = strings.filter((cell) => cell !== null).map((cell) => Buffer.from(cell as string))
        sorted.sort(Buffer.compare)
        if (sorted.length > 0 && s!.max_value !== undefined) {
          assert.ok(Buffer.compare(Buffer.from(s!.min_value as string), sorted[0]!) <= 0)
          assert.ok(Buffer.compare(Buffer.from(s!.max_value as string), sorted.at(-1)!) >= 0)
        }
        const path = save(bytes)
        for (const cell of new Set(strings.filter((text) => text !== null))) {
          const wanted = strings.filter((text) => text === cell).length
          const escaped = (cell as string).replaceAll("'", "''")
          if (escaped.includes('\0')) continue
          const [found] = await query(
            `SELECT count(*)::INT AS n FROM read_parquet('${path}') WHERE s = '${escaped}'`,
          )
          assert.equal(found!.n, wanted)
        }
      }),
      { numRuns: Math.ceil(numRuns / 2) },
    )
  })

  test('a zero bound of doubles covers both zeros', () => {
    const bytes = writeParquet([column('d', 'DOUBLE', [0, 0])], 2)
    const { min_value, max_value } = parquetMetadata(new Uint8Array(bytes).buffer).row_groups[0]!.columns[0]!
      .meta_data!.statistics!
    assert.ok(Object.is(min_value, -0) && Object.is(max_value, 0))
  })

  test('min and max asked of DuckDB are the values themselves, also where the stored bounds are cut', async () => {
    const long = ['a'.repeat(100), `${'z'.repeat(99)}y`, 'm']
    const path = await checkRoundTrip({ s: ['BYTE_ARRAY', long] })
    const [row] = await query(`SELECT min(s) AS low, max(s) AS high FROM read_parquet('${path}')`)
    assert.deepEqual({ ...row }, { low: long[0], high: long[1] })
  })

  test('texts that stand once make the same bytes as texts that stand for themselves', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }).chain((rows) => cellsFor('BYTE_ARRAY', rows)),
        fc.integer({ min: 1, max: 70 }),
        ([, cells], rowGroupRows) => {
          const plain = column('s', 'BYTE_ARRAY', cells)
          const interned = {
            ...plain,
            values: internedTexts(cells.filter((cell) => cell !== null) as string[]),
          }
          const write = (one: ParquetColumn) => writeParquet([one], cells.length, { rowGroupRows })
          assert.deepEqual(write(interned), write(plain))
        },
      ),
      { numRuns },
    )
  })

  test('the same rows make the same bytes', () => {
    const make = () =>
      writeParquet([column('s', 'BYTE_ARRAY', ['a', 'b', 'a', null])], 4, { metadata: { k: 'v' } })
    assert.deepEqual(make(), make())
  })
})
