import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Packer, type Value } from './packer.ts'
import { jsonOfPacked } from './unpack.ts'

const packed = (value: Value) => {
  const packer = new Packer()
  packer.value(value)
  return packer.take()
}

describe('MessagePack as JSON', () => {
  test('gives back any JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const plain = JSON.parse(JSON.stringify(value)) as Value
        assert.deepEqual(JSON.parse(jsonOfPacked(packed(plain)).json), plain)
      }),
    )
  })
  test('keeps all digits of integers', () => {
    assert.equal(
      jsonOfPacked(packed({ a: 2n ** 64n - 1n, b: [-(2n ** 63n)] })).json,
      '{"a":18446744073709551615,"b":[-9223372036854775808]}',
    )
  })
})
