import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encode } from '@msgpack/msgpack'
import { jsonRows, renderRows, separatedRows } from './read.ts'

const NUMBERS = [
  0, 9, 10, 99, 100, 127, 128, 255, 256, 65_535, 65_536, 999_999_999, 4_294_967_295, 4_294_967_296, -1,
]
const LENGTHS = [0, 1, 31, 32, 33, 255, 256, 70_000]
const TEXTS = LENGTHS.flatMap((length) => [
  'x'.repeat(length),
  `${'x'.repeat(length)}"`,
  `,${'x'.repeat(length)}`,
  `${'x'.repeat(length)}\ty\\`,
  `${'é'.repeat(length >> 1)}\n`,
])
const ROWS = [...NUMBERS, ...TEXTS].map((value) => [value, null, 'end'])

/** The rows as they come when the stream is cut into pieces of that many bytes. */
async function rendered(
  rows: unknown[][],
  piece: number,
  render: Parameters<typeof renderRows>[1],
): Promise<string> {
  const bytes = Buffer.concat(rows.map((row) => encode(row)))
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece)
  }
  const texts: Buffer[] = []
  for await (const text of renderRows(pieces(), render)) texts.push(text)
  return Buffer.concat(texts).toString()
}

describe('short values, wherever the stream is cut', () => {
  for (const piece of [1, 2, 7, 64, 1_000_000]) {
    test(`into pieces of ${piece} bytes, are JSON's own`, async () => {
      const rows = piece < 7 ? ROWS.filter(([value]) => String(value).length < 1000) : ROWS
      const lines = (await rendered(rows, piece, jsonRows({ nullifySpecial: false }))).trimEnd().split('\n')
      assert.deepEqual(
        lines.map((line) => JSON.parse(line)),
        rows,
      )
    })

    for (const separator of [',', '\t'] as const) {
      test(`into pieces of ${piece} bytes, are quoted where ${JSON.stringify(separator)} needs it`, async () => {
        const rows = piece < 7 ? ROWS.filter(([value]) => String(value).length < 1000) : ROWS
        const text = await rendered(rows, piece, separatedRows(separator, { nullifySpecial: false }))
        const wanted = rows.map(
          ([value]) => `${field(String(value), separator)}${separator}${separator}end\n`,
        )
        assert.equal(text, wanted.join(''))
      })
    }
  }
})

function field(text: string, separator: string): string {
  const isPlain = text !== '' && ![separator, '"', '\n', '\r'].some((special) => text.includes(special))
  return isPlain ? text : `"${text.replaceAll('"', '""')}"`
}
