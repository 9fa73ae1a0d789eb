import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encode } from '@msgpack/msgpack'
import { createTableBatch, type DecodeLimits, type KnownColumn } from './index.ts'
import { cellsByName, cellsOf, encodeWire, type Wire } from './testing.ts'

/** Numbers of paragraphs and cases are those of the event-collection reference. */
const RECEIVED = 1_795_342_228
type Setup = { known?: KnownColumn[]; limits?: Partial<DecodeLimits>; timeRequired?: boolean }

const pack = (record: unknown): Buffer => Buffer.from(encode(record, { useBigInt64: true }))
const str = (value: string): Wire => ({ kind: 'str', bytes: Buffer.from(value), lengthBytes: 0 })

function importBytes(payload: Buffer, setup: Setup = {}) {
  const batch = createTableBatch({ known: setup.known ?? [], limits: setup.limits })
  const timeRequired = setup.timeRequired ?? false
  const result = batch.addImport(payload, { receivedAtSeconds: RECEIVED, timeRequired })
  const finished = batch.finish()
  const times = cellsOf(finished.columns[0]!, finished.rows).map(Number)
  const types = Object.fromEntries(finished.columns.slice(1).map(({ name, type }) => [name, type]))
  return { ...result, finished, times, types, cells: cellsByName(finished) }
}

const importRecords = (records: unknown[], setup: Setup = {}) =>
  importBytes(Buffer.concat(records.map(pack)), setup)

/** A map whose keys may repeat, which no encoder of objects writes. */
function mapOf(...entries: [Wire, Wire][]): Buffer {
  return encodeWire({ kind: 'map', entries, lengthBytes: 0 })
}

describe('§8.1: the column time', () => {
  const cases: [value: unknown, seconds: number, original: string | null][] = [
    [1_700_000_001, 1_700_000_001, null],
    [0, 0, null],
    [253_402_300_799n, 253_402_300_799, null],
    [1_795_342_228.9, 1_795_342_228, null],
    ['1700000001', 1_700_000_001, null],
    [null, RECEIVED, null],
    [253_402_300_800n, RECEIVED, '253402300800'],
    [1_700_000_001_000n, RECEIVED, '1700000001000'],
    ['1700000001000', RECEIVED, '1700000001000'],
    ['2023-11-14T22:13:21Z', RECEIVED, '2023-11-14T22:13:21Z'],
    ['', RECEIVED, ''],
    [' 7', RECEIVED, ' 7'],
    [-1, RECEIVED, '-1'],
    [-0.5, RECEIVED, '-0.5'],
    [true, RECEIVED, 'true'],
    [{ s: 1 }, RECEIVED, '{"s":1}'],
    [[1], RECEIVED, '[1]'],
    [18_446_744_073_709_551_615n, RECEIVED, '18446744073709551615'],
  ]
  for (const [value, seconds, original] of cases) {
    const text = JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? `${inner}n` : inner))
    test(`${text} gives ${seconds === RECEIVED ? 'the time of receipt' : seconds}, original ${original}`, () => {
      const { times, cells, faults } = importRecords([{ time: value, n: 1 }])
      assert.deepEqual(faults, [])
      assert.deepEqual(times, [seconds])
      assert.deepEqual(cells, original === null ? { n: [1n] } : { n: [1n], time_original: [original] })
    })
  }

  test('is the time of receipt where a record has none, and the file has it in every row', () => {
    const { times, finished } = importRecords([{ n: 1 }, { time: 5 }, {}])
    assert.deepEqual(times, [RECEIVED, 5, RECEIVED])
    assert.equal(finished.columns[0]!.data.required, true)
    assert.deepEqual([finished.timeMin, finished.timeMax], [5, RECEIVED])
  })

  test('takes fluentd EventTime and the timestamp extension', () => {
    const eventTime = Buffer.from('d70065536e4100000001', 'hex')
    const timestamp = Buffer.from('d6ff65536e41', 'hex')
    const key = Buffer.from('81a474696d65', 'hex')
    const { times, cells } = importBytes(Buffer.concat([key, eventTime, key, timestamp]))
    assert.deepEqual(times, [1_699_966_529, 1_699_966_529])
    assert.deepEqual(cells, {})
  })

  test('case 57, §6.2: sent twice, the first integer is the time, the other a column beside it unless it is equal', () => {
    const int = (value: bigint): Wire => ({ kind: 'int', value, format: 0xce })
    const twice = (one: Wire, other: Wire) => mapOf([str('time'), one], [str('time'), other])
    const nil: Wire = { kind: 'nil' }
    const { times, cells, finished } = importBytes(
      Buffer.concat([
        twice(int(1_795_342_228n), str('x')),
        twice(int(7n), int(7n)),
        twice(int(7n), int(8n)),
        twice(str('x'), int(9n)),
        twice(str('7'), int(10n)),
        twice(nil, int(11n)),
        twice(str('x'), str('y')),
      ]),
    )
    assert.deepEqual(times, [1_795_342_228, 7, 7, 9, 10, 11, RECEIVED])
    assert.deepEqual(cells, {
      time_1: ['x', null, '8', 'x', '7', null, 'y'],
      time_original: [null, null, null, null, null, null, 'x'],
    })
    assert.equal(finished.newColumns[0]!.key, 'time')
  })

  test('keeps both the original and a time_original that the sender has', () => {
    const { cells } = importRecords([{ time_original: 'mine', time: 'soon' }])
    assert.deepEqual(cells, { time_original: ['mine'], _overflow: ['{"time":"soon"}'] })
  })

  test('is required by bulk loads: a record without a usable one is refused alone', () => {
    const { rows, faults, cells } = importRecords([{ n: 1 }, { time: 5, n: 2 }, { time: 'x', n: 3 }], {
      timeRequired: true,
    })
    assert.equal(rows, 1)
    assert.deepEqual(
      faults.map(({ reason }) => reason),
      ['time_missing', 'time_invalid'],
    )
    assert.deepEqual(faults[0]!.bytes, pack({ n: 1 }))
    assert.deepEqual(cells, { n: [2n] })
  })
})

describe('§8.5: types of new columns', () => {
  const cases: [values: unknown[], type: string, cells: unknown[]][] = [
    [[1, -5, 2n ** 53n + 1n], 'long', [1n, -5n, 9_007_199_254_740_993n]],
    [[2n ** 63n - 1n, -(2n ** 63n)], 'long', [2n ** 63n - 1n, -(2n ** 63n)]],
    [[2n ** 63n, 1], 'string', ['9223372036854775808', '1']],
    [[2n ** 64n - 1n], 'string', ['18446744073709551615']],
    [['18446744073709551616'], 'string', ['18446744073709551616']],
    [[true, false], 'long', [1n, 0n]],
    [[true, 7], 'long', [1n, 7n]],
    [[true, 'x', 7, 1.5], 'string', ['true', 'x', '7', '1.5']],
    [[1.5, 2, true], 'double', [1.5, 2, 1]],
    [[1.5, 2n ** 53n + 1n], 'string', ['1.5', '9007199254740993']],
    [[1.5, 2n ** 62n], 'double', [1.5, 2 ** 62]],
    [[1e21, 1e-7, 0.1], 'double', [1e21, 1e-7, 0.1]],
    [[1e21, 1e-7, 'x'], 'string', ['1e+21', '1e-7', 'x']],
    [[{ a: 1 }, [2], 'x', 3], 'string', ['{"a":1}', '[2]', 'x', '3']],
    [[null, 4, null], 'long', [null, 4n, null]],
    [[Number.NaN, 1.5, Number.POSITIVE_INFINITY], 'double', [null, 1.5, null]],
    [['', 'é', '日本'], 'string', ['', 'é', '日本']],
    [[new Uint8Array([0x68, 0x69])], 'string', ['hi']],
    [[new Date(1_700_000_000_500)], 'string', ['2023-11-14T22:13:20.5Z']],
    [
      [[new Date(0), null, Number.NaN, 2n ** 64n - 1n]],
      'string',
      ['["1970-01-01T00:00:00Z",null,null,18446744073709551615]'],
    ],
  ]
  for (const [values, type, expected] of cases) {
    const { types, cells, finished } = importRecords(values.map((c) => ({ c })))
    test(`${finished.columns.length} columns: ${String(cells.c).slice(0, 60)} is ${type}`, () => {
      assert.equal(types.c, type)
      assert.deepEqual(cells.c, expected)
    })
  }

  test('a column that is only null does not come to be', () => {
    const { finished } = importRecords([{ a: null, b: Number.NaN }, { a: null }])
    assert.deepEqual(finished.newColumns, [])
    assert.equal(finished.counters.nonFinite, 1)
  })

  test('the last of equal keys counts, null included', () => {
    const one: Wire = { kind: 'int', value: 1n, format: 0 }
    const { cells } = importBytes(
      Buffer.concat([
        mapOf([str('a'), str('x')], [str('a'), one]),
        mapOf([str('a'), one], [str('a'), { kind: 'nil' }]),
      ]),
    )
    assert.deepEqual(cells, { a: [1n, null] })
  })

  test('bytes that are not UTF-8 become U+FFFD and are counted', () => {
    const bad: Wire = { kind: 'str', bytes: Buffer.from([0x61, 0xff, 0x62]), lengthBytes: 0 }
    const { cells, finished } = importBytes(
      mapOf([str('a'), bad], [str('b'), { kind: 'array', items: [bad], lengthBytes: 0 }]),
    )
    assert.deepEqual(cells, { a: ['a\ufffdb'], b: ['["a\ufffdb"]'] })
    assert.equal(finished.counters.invalidUtf8, 2)
  })

  test('keys that are not text go by the text of their JSON', () => {
    const { finished } = importBytes(
      mapOf([{ kind: 'int', value: 7n, format: 0 }, str('x')], [{ kind: 'nil' }, str('y')]),
    )
    assert.deepEqual(
      finished.newColumns.map(({ key, name }) => [key, name]),
      [
        ['7', '_'],
        ['null', 'null'],
      ],
    )
  })
})

describe('§8.5: columns the table has', () => {
  const known = (type: string): KnownColumn[] => [{ name: 'n', key: 'n', type }]
  const kept: [type: string, value: unknown, cell: unknown][] = [
    ['long', '7', 7n],
    ['long', '-9223372036854775808', -(2n ** 63n)],
    ['long', 7.0, 7n],
    ['long', true, 1n],
    ['int', 2 ** 31 - 1, 2n ** 31n - 1n],
    ['double', 7, 7],
    ['double', '1.5', 1.5],
    ['double', true, 1],
    ['float', 0.1, 0.1],
    ['string', 7, '7'],
    ['string', 7.5, '7.5'],
    ['string', true, 'true'],
    ['string', [1], '[1]'],
    ['array<long>', [1], '[1]'],
    ['array<long>', '[1]', '[1]'],
  ]
  for (const [type, value, cell] of kept) {
    test(`${type} keeps its type for ${JSON.stringify(value)}`, () => {
      const { cells, types, finished } = importRecords([{ n: value }], { known: known(type) })
      assert.deepEqual(cells, { n: [cell] })
      assert.equal(types.n, type)
      assert.deepEqual([finished.widened, finished.newColumns], [[], []])
    })
  }

  const widened: [type: string, value: unknown, to: string, cell: unknown][] = [
    ['long', 'abc', 'string', 'abc'],
    ['long', '007', 'string', '007'],
    ['long', '', 'string', ''],
    ['long', '9223372036854775808', 'string', '9223372036854775808'],
    ['long', 2n ** 63n, 'string', '9223372036854775808'],
    ['long', 1.5, 'string', '1.5'],
    ['long', 2 ** 63, 'string', '9223372036854776000'],
    ['long', { a: 1 }, 'string', '{"a":1}'],
    ['int', 2 ** 31, 'long', 2n ** 31n],
    ['double', 'x', 'string', 'x'],
    ['double', '1.50', 'string', '1.50'],
    ['double', 2n ** 53n + 1n, 'string', '9007199254740993'],
    ['array<long>', 5, 'string', '5'],
  ]
  for (const [type, value, to, cell] of widened) {
    const text = typeof value === 'bigint' ? String(value) : JSON.stringify(value)
    test(`${type} becomes ${to} for ${text}, and nothing is lost`, () => {
      const { cells, finished } = importRecords([{ n: value }], { known: known(type) })
      assert.deepEqual(cells, { n: [cell] })
      assert.deepEqual(finished.widened, [{ name: 'n', key: 'n', from: type, to }])
    })
  }

  test('a removed column that is sent again comes back under its name', () => {
    const removed: KnownColumn[] = [{ name: 'a_b', key: 'A-b', type: 'long', removed: true }]
    const { finished } = importRecords([{ a_b: 'x', 'A-b': 5 }], { known: removed })
    assert.deepEqual(finished.newColumns, [
      { name: 'a_b_1', key: 'a_b', type: 'string', revived: false },
      { name: 'a_b', key: 'A-b', type: 'long', revived: true },
    ])
  })

  test('finishing again with columns another loader has added gives other names', () => {
    const batch = createTableBatch({ known: [] })
    batch.addImport(pack({ 'A-b': 1 }), { receivedAtSeconds: RECEIVED })
    assert.deepEqual(
      batch.finish().newColumns.map(({ name }) => name),
      ['a_b'],
    )
    const newer = batch.finish([{ name: 'a_b', key: 'a_b', type: 'string' }])
    assert.deepEqual(
      newer.newColumns.map(({ name }) => name),
      ['a_b_1'],
    )
    assert.equal(newer.columns[1]!.data.name, 'a_b_1')
  })
})

describe('§8.4, §8.9: limits', () => {
  test('keys beyond the column limit go to _overflow as JSON', () => {
    const record = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`k${i}`, i]))
    const { finished, cells } = importRecords([record, { k0: 1, k599: [true] }], {
      limits: { maxColumns: 512 },
    })
    assert.equal(finished.columns.length, 1 + 512 + 1)
    const rest = Object.fromEntries(Object.entries(record).slice(512))
    assert.deepEqual(JSON.parse(String(cells._overflow![0])), rest)
    assert.equal(cells._overflow![1], '{"k599":[true]}')
    assert.equal(finished.overflowed, true)
    assert.equal(finished.counters.overflowedRecords, 2)
  })

  test('columns the table has count towards the limit, removed ones and system columns do not', () => {
    const known = ['a', 'b', '_overflow', 'time_original'].map((name) => ({
      name,
      key: name,
      type: 'string',
    }))
    const gone = { name: 'c', key: 'c', type: 'string', removed: true }
    const { cells } = importRecords([{ a: 'x', c: 'y', d: 'z', time: 'never' }], {
      known: [...known, gone],
      limits: { maxColumns: 3 },
    })
    assert.deepEqual(cells, { a: ['x'], c: ['y'], _overflow: ['{"d":"z"}'], time_original: ['never'] })
  })

  test('nulls of keys without a column do not overflow', () => {
    const { finished } = importRecords([{ a: 1, b: null }], { limits: { maxColumns: 1 } })
    assert.equal(finished.overflowed, false)
  })

  test("a sender's own _overflow is kept inside ours and flags nothing", () => {
    const { cells, finished } = importRecords([{ _overflow: 'mine' }])
    assert.deepEqual(cells, { _overflow: ['{"_overflow":"mine"}'] })
    assert.equal(finished.overflowed, false)
  })

  test('a record nested too deeply is refused alone, however deep it is', () => {
    const deep = (depth: number): unknown => (depth === 0 ? 1 : [deep(depth - 1)])
    const bottomless = Buffer.concat([
      Buffer.from('81a161', 'hex'),
      Buffer.alloc(1_000_000, 0x91),
      Buffer.from([1]),
    ])
    const payload = Buffer.concat([
      pack({ a: deep(64) }),
      pack({ b: 1, a: deep(65) }),
      bottomless,
      pack({ a: 'z' }),
    ])
    const { rows, faults, finished } = importBytes(payload)
    assert.equal(rows, 2)
    assert.deepEqual(
      faults.map(({ reason, length }) => [reason, length]),
      [
        ['record_too_deep', pack({ b: 1, a: deep(65) }).length],
        ['record_too_deep', bottomless.length],
      ],
    )
    assert.equal(faults[1]!.bytes.length, 64 << 10)
    assert.deepEqual(
      finished.newColumns.map(({ key }) => key),
      ['a'],
    )
  })

  test('a record above the size limit is refused alone', () => {
    const { rows, faults } = importRecords([{ a: 'x' }, { a: 'y'.repeat(200) }, { a: 'z' }], {
      limits: { maxRecordBytes: 100 },
    })
    assert.equal(rows, 2)
    assert.deepEqual(
      faults.map(({ reason }) => reason),
      ['record_too_large'],
    )
  })

  test('what is not a map is refused alone', () => {
    const { rows, faults } = importRecords([{ a: 1 }, 7, [1, [2]], 'x', { a: 2 }])
    assert.equal(rows, 2)
    assert.deepEqual(
      faults.map(({ reason, offset, length }) => [reason, offset, length]),
      [
        ['record_not_a_map', 4, 1],
        ['record_not_a_map', 5, 4],
        ['record_not_a_map', 9, 2],
      ],
    )
  })

  test('a count that the payload cannot hold ends at once', () => {
    const { rows, faults } = importBytes(Buffer.from('81a16101dfffffffffa161', 'hex'))
    assert.equal(rows, 1)
    assert.deepEqual(
      faults.map(({ reason, offset }) => [reason, offset]),
      [['msgpack_truncated', 4]],
    )
  })

  test('the byte that MessagePack never uses ends the payload', () => {
    const { rows, faults } = importBytes(
      Buffer.concat([pack({ a: 1 }), Buffer.from('81a161c1', 'hex'), pack({ a: 2 })]),
    )
    assert.equal(rows, 1)
    assert.deepEqual(
      faults.map(({ reason, offset, length }) => [reason, offset, length]),
      [['msgpack_invalid', 4, 8]],
    )
  })

  test('many small payloads and a large one share a batch', () => {
    const batch = createTableBatch({ known: [] })
    const texts = Array.from({ length: 3000 }, (_, i) =>
      i === 1500 ? 'L'.repeat(300_000) : `text ${i} ${'é'.repeat(i % 40)}`,
    )
    for (const s of texts) batch.addImport(pack({ s }), { receivedAtSeconds: RECEIVED })
    const finished = batch.finish()
    assert.deepEqual(cellsOf(finished.columns[1]!, finished.rows), texts)
  })
})
