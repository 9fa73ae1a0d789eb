import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decode } from '@msgpack/msgpack'
import fc from 'fast-check'
import { Double, Packer, Utf8, type Value } from './packer.ts'

const pack = (value: Value) => {
  const packer = new Packer()
  packer.value(value)
  return packer.take()
}
const back = (value: Value) => decode(pack(value), { useBigInt64: true })

describe('packing', () => {
  test('keeps every integer of 64 bits, signed and unsigned', () => {
    const edges = [
      0n,
      127n,
      128n,
      255n,
      256n,
      65535n,
      65536n,
      2n ** 32n - 1n,
      2n ** 32n,
      2n ** 63n,
      2n ** 64n - 1n,
    ]
    for (const edge of [
      ...edges,
      ...edges.map((n) => (n > 2n ** 63n ? -(2n ** 63n) : -n)),
      -32n,
      -33n,
      -129n,
      -32769n,
    ])
      assert.equal(BigInt(back(edge) as bigint), edge)
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
        (n) => BigInt(back(n) as bigint) === n,
      ),
    )
  })

  test('writes integers in their shortest form', () => {
    assert.equal(pack(127).toString('hex'), '7f')
    assert.equal(pack(-32).toString('hex'), 'e0')
    assert.equal(pack(200).toString('hex'), 'ccc8')
    assert.equal(pack(1_714_555_800).toString('hex'), 'ce66320b98')
    assert.equal(pack(2 ** 33).toString('hex'), 'd30000000200000000')
  })

  test('sends an integer beyond 64 bits as the text of its digits', () => {
    assert.equal(back(2n ** 64n), '18446744073709551616')
    assert.equal(back(-(2n ** 63n) - 1n), '-9223372036854775809')
  })

  test('keeps a double a double, also where its value is whole', () => {
    assert.equal(pack(new Double(1))[0], 0xcb)
    assert.equal(pack(-0)[0], 0xcb)
    assert.equal(pack(1e300)[0], 0xcb)
    fc.assert(fc.property(fc.double({ noNaN: true }), (n) => Object.is(back(new Double(n)), n)))
  })

  test('gives back any JSON value', () => {
    fc.assert(
      // The decoder of this test refuses the key __proto__.
      fc.property(fc.jsonValue({ stringUnit: fc.constantFrom('a', 'é', '日', '😀', '"', '\n') }), (value) => {
        const plain = JSON.parse(JSON.stringify(value)) as Value
        assert.deepEqual(decode(pack(plain)), plain)
      }),
    )
  })

  test('writes texts of every length, and bytes that are text already', () => {
    for (const length of [0, 31, 32, 255, 256, 65535, 65536, 300_000]) {
      const text = 'é'.repeat(length >> 1) + 'x'.repeat(length & 1)
      assert.equal(back(text), text)
      assert.deepEqual(pack(new Utf8(Buffer.from(text))), pack(text))
    }
  })
})
