import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decodeMulti, encode } from '@msgpack/msgpack'
import { rowsToJson, rowsToMaps } from './records.ts'

const columns = ['item', 'amount', 'tags', 'time']
const rows = Buffer.concat([
  encode(['pen', 1.5, ['a', 'b'], 1_700_000_001]),
  encode(['ink', null, null, 1_700_000_000]),
])

describe('rows as records', () => {
  test('become maps one after another, without what is null', () => {
    assert.deepEqual(
      [...decodeMulti(rowsToMaps(rows, columns))],
      [
        { item: 'pen', amount: 1.5, tags: ['a', 'b'], time: 1_700_000_001 },
        { item: 'ink', time: 1_700_000_000 },
      ],
    )
  })
  test('become one JSON array, without what is null', () => {
    assert.deepEqual(JSON.parse(rowsToJson(rows, columns).toString()), [
      { item: 'pen', amount: 1.5, tags: ['a', 'b'], time: 1_700_000_001 },
      { item: 'ink', time: 1_700_000_000 },
    ])
  })
  test('of an empty table are nothing', () => {
    assert.equal(rowsToMaps(Buffer.alloc(0), columns).length, 0)
    assert.equal(rowsToJson(Buffer.alloc(0), columns).toString(), '[]')
  })
})
