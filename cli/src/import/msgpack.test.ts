import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encode } from '@msgpack/msgpack'
import fc from 'fast-check'
import { createMsgpackReader, type MsgpackOptions, scalarOf } from './msgpack.ts'
import { Packer } from './packer.ts'
import { collected } from './testing.ts'

function read(bytes: Buffer, options: Partial<MsgpackOptions> = {}, pieceBytes = 1 << 20) {
  const { sink, found } = collected()
  const packer = new Packer()
  const reader = createMsgpackReader(
    { columns: undefined, hasHeader: false, ...options },
    {
      ...sink,
      row: (row) => {
        sink.row(row)
        packer.mapHeader(row.keys.length)
        row.keys.forEach(({ packed }, i) => {
          packer.raw(packed)
          packer.value(row.values[i]!)
        })
      },
    },
  )
  for (let at = 0; at < bytes.length; at += pieceBytes) reader.push(bytes.subarray(at, at + pieceBytes))
  reader.end()
  return { ...found, packed: packer.take() }
}

describe('a MessagePack file', () => {
  test('is passed on byte by byte, wherever it is cut into pieces', () => {
    const record = fc.dictionary(
      fc.string(),
      fc.oneof(fc.jsonValue(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.uint8Array()),
    )
    fc.assert(
      fc.property(fc.array(record), fc.integer({ min: 1, max: 50 }), (records, piece) => {
        const bytes = Buffer.concat(records.map((one) => encode(one, { useBigInt64: true })))
        const { packed, rejected } = read(bytes, {}, piece)
        assert.deepEqual(rejected, [])
        assert.deepEqual(packed, bytes)
      }),
    )
  })

  test('may hold records that are arrays, with names from the first or from outside', () => {
    const bytes = Buffer.concat([encode(['a', 'b']), encode([1, 'x']), encode([1])])
    assert.deepEqual(read(bytes, { hasHeader: true }).rows, [
      { line: 2, a: { packed: '01' }, b: { packed: 'a178' } },
    ])
    assert.equal(read(bytes, { columns: ['a', 'b'] }).rejected[0]!.reason, '1 values instead of 2')
  })

  test('loses what is no map, and ends where it is no MessagePack or cut', () => {
    const { rows, rejected } = read(
      Buffer.concat([encode({ a: 1 }), encode([1]), encode({ 1: 1 }), encode({ a: 2 })]),
    )
    assert.equal(rows.length, 3)
    assert.deepEqual(
      rejected.map(({ line, reason }) => [line, reason]),
      [[2, 'a record is a map']],
    )
    assert.throws(() => read(Buffer.from('8101c1', 'hex')), /record 1: no MessagePack/)
    assert.throws(() => read(Buffer.from('81a16101' + '81a1', 'hex')), /record 2 does not end/)
    assert.throws(() => read(Buffer.alloc(1000, 0x91)), /record 1: no MessagePack/)
  })

  test('has numbers and texts that times can be read from', () => {
    for (const value of [0, 127, 200, 70_000, 2 ** 32 - 1, -5, -200, -70_000, 1.5, 'text', 'x'.repeat(300)])
      assert.equal(scalarOf(Buffer.from(encode(value))), value)
    assert.equal(scalarOf(Buffer.from(encode(2n ** 63n, { useBigInt64: true }))), 2n ** 63n)
    assert.equal(scalarOf(Buffer.from(encode(null))), undefined)
  })
})
