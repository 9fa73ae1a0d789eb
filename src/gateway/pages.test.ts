import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { describe, test } from 'node:test'
import { legacyTimes } from './legacy-times.ts'
import { createPageReader } from './pages.ts'

const lines = (count: number, width = 1) =>
  Array.from({ length: count }, (_, i) => `[${i},"${'x'.repeat(width)}\\n"]\n`).join('')
/** In pieces that end anywhere. */
const inPieces = (text: string, bytes: number) => {
  const all = Buffer.from(text)
  return Readable.from(
    Array.from({ length: Math.ceil(all.length / bytes) }, (_, i) => all.subarray(i * bytes, (i + 1) * bytes)),
  )
}
const readerOf = (text: string, { pageBytes = 100, pieceBytes = 7 } = {}) => {
  let opened = 0
  const reader = createPageReader({
    open: async () => {
      opened++
      return inPieces(text, pieceBytes)
    },
    pageBytes,
    adjust: undefined,
  })
  return { reader, opened: () => opened }
}
const rowsOf = (data: Buffer) => JSON.parse(data.toString()) as unknown[][]

describe('the pages of a result', () => {
  for (const pieceBytes of [1, 7, 100, 10_000])
    test(`hold every row once, in order, read in pieces of ${pieceBytes} bytes`, async () => {
      const { reader } = readerOf(lines(200), { pieceBytes })
      const seen: unknown[] = []
      for (let i = 0; ; i++) {
        const { data, isLast } = await reader.page(i)
        assert.ok(data.length <= 102)
        seen.push(...rowsOf(data).map(([n]) => n))
        if (isLast) break
      }
      assert.deepEqual(
        seen,
        Array.from({ length: 200 }, (_, i) => i),
      )
    })

  test('say how many rows they hold, and how many stand before them', async () => {
    const { reader } = readerOf(lines(200))
    let before = 0
    for (let i = 0; ; i++) {
      const { data, rows, firstRow, isLast } = await reader.page(i)
      assert.deepEqual([firstRow, rows], [before, rowsOf(data).length])
      before += rows
      if (isLast) break
    }
    assert.equal(before, 200)
  })

  test('are made anew after a fault of the source, also one that came before anybody asked', async () => {
    let opened = 0
    const reader = createPageReader({
      open: async () =>
        opened++ > 0
          ? inPieces(lines(50), 7)
          : Readable.from(
              (async function* () {
                yield Buffer.from(lines(15))
                throw new Error('the disk is gone')
              })(),
            ),
      pageBytes: 100,
      adjust: undefined,
    })
    const first = await reader.page(0)
    await new Promise((resolve) => setImmediate(resolve))
    await assert.rejects(reader.page(1), /the disk is gone/)
    assert.deepEqual(rowsOf((await reader.page(1)).data)[0]![0], first.rows)
    assert.equal(opened, 2)
  })

  test('are the same when they are read again, and reading on opens nothing', async () => {
    const { reader, opened } = readerOf(lines(50))
    const first = await reader.page(0)
    const second = await reader.page(1)
    assert.equal(opened(), 1)
    assert.deepEqual(await reader.page(1), second)
    assert.deepEqual(await reader.page(0), first)
    assert.equal(opened(), 3)
  })

  test('end with the last row, also when it fills its page', async () => {
    const { reader } = readerOf('[1]\n[2]\n', { pageBytes: 4, pieceBytes: 4 })
    assert.deepEqual(
      [await reader.page(0), await reader.page(1)].map(({ data, isLast }) => [data.toString(), isLast]),
      [
        ['[[1]]', false],
        ['[[2]]', true],
      ],
    )
  })

  test('are one empty page when there are no rows', async () => {
    const { data, isLast } = await readerOf('').reader.page(0)
    assert.deepEqual([data.toString(), isLast], ['[]', true])
  })

  test('hold a row that is longer than a page whole', async () => {
    const { reader } = readerOf(`[1]\n${lines(1, 1000)}[3]\n`)
    const pages = [await reader.page(0), await reader.page(1), await reader.page(2)]
    assert.deepEqual(
      pages.map(({ data }) => rowsOf(data).length),
      [1, 1, 1],
    )
  })
})

describe('times for clients from before precisions', () => {
  const shown = (type: string, value: unknown) => legacyTimes([type]).adjust?.([value])[0] ?? value
  const cases: [type: string, value: unknown, shown: unknown][] = [
    ['timestamp(0)', '2020-01-01 00:00:00', '2020-01-01 00:00:00.000'],
    ['timestamp(3)', '2020-01-01 00:00:00.123', '2020-01-01 00:00:00.123'],
    ['timestamp(6)', '2020-12-31 23:59:59.999500', '2021-01-01 00:00:00.000'],
    ['timestamp(6)', '2020-01-01 00:00:00.123499', '2020-01-01 00:00:00.123'],
    [
      'timestamp(6) with time zone',
      '2020-01-01 00:00:00.123999 Asia/Tokyo',
      '2020-01-01 00:00:00.124 Asia/Tokyo',
    ],
    ['time(6)', '23:59:59.999999', '00:00:00.000'],
    ['time(0) with time zone', '01:02:03+09:00', '01:02:03.000+09:00'],
    ['array(timestamp(0))', ['2020-01-01 00:00:00', null], ['2020-01-01 00:00:00.000', null]],
    ['map(varchar, row(x time(0), y bigint))', { a: ['00:00:01', 1] }, { a: ['00:00:01.000', 1] }],
  ]
  for (const [type, value, expected] of cases)
    test(`${type} ${JSON.stringify(value)}`, () => assert.deepEqual(shown(type, value), expected))

  test('types have none', () => {
    const { types, adjust } = legacyTimes(['timestamp(3)', 'map(time(3), varchar(3))', 'bigint'])
    assert.deepEqual(types, ['timestamp', 'map(time, varchar(3))', 'bigint'])
    assert.notEqual(adjust, undefined)
    assert.equal(legacyTimes(['timestamp(3)', 'bigint']).adjust, undefined)
  })

  test('leave whole numbers beyond 2^53 as they are', async () => {
    const reader = createPageReader({
      open: async () => Readable.from([Buffer.from('[9007199254740993,"2020-01-01 00:00:00",1.5e300]\n')]),
      pageBytes: 1000,
      adjust: legacyTimes(['bigint', 'timestamp(0)', 'double']).adjust,
    })
    assert.equal(
      (await reader.page(0)).data.toString(),
      '[[9007199254740993,"2020-01-01 00:00:00.000",1.5e300]]',
    )
  })
})
