import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { gunzipLimited } from './index.ts'

const limits = { maxExpandedBytes: 8 << 20, maxRatio: 1032 }

describe('expanding gzip bodies', () => {
  test('gives back what was compressed, in one member or several', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 5000 }), { minLength: 1, maxLength: 4 }), (pieces) => {
        const body = Buffer.concat(pieces.map((piece) => gzipSync(piece)))
        const bytes = Buffer.concat(pieces)
        assert.deepEqual(gunzipLimited(body, limits), { kind: 'expanded', bytes, trailing: null })
      }),
    )
  })

  test('gzip of nothing is nothing, not a fault', () => {
    assert.deepEqual(gunzipLimited(gzipSync(''), limits), {
      kind: 'expanded',
      bytes: Buffer.alloc(0),
      trailing: null,
    })
  })

  test('a body cut anywhere but between members is a fault as a whole', () => {
    const first = gzipSync('first member')
    const body = Buffer.concat([first, gzipSync('second member')])
    for (let length = 0; length < body.length; length++) {
      const result = gunzipLimited(body.subarray(0, length), limits)
      if (length === first.length)
        assert.deepEqual(result, { kind: 'expanded', bytes: Buffer.from('first member'), trailing: null })
      else assert.deepEqual(result, { kind: 'fault', reason: 'gzip_truncated' }, `${length} bytes`)
    }
  })

  test('what is not gzip, and a wrong checksum, are faults', () => {
    assert.deepEqual(gunzipLimited(Buffer.from('{"a":1} is not gzip'), limits), {
      kind: 'fault',
      reason: 'gzip_invalid',
    })
    const body = gzipSync('some text')
    body[body.length - 6]! ^= 1
    assert.deepEqual(gunzipLimited(body, limits), { kind: 'fault', reason: 'gzip_invalid' })
  })

  test('zeros behind the last member are padding; what stands behind them is handed out', () => {
    const body = gzipSync('text')
    const bytes = Buffer.from('text')
    const padded = gunzipLimited(Buffer.concat([body, Buffer.alloc(512)]), limits)
    assert.deepEqual(padded, { kind: 'expanded', bytes, trailing: null })
    const followed = gunzipLimited(Buffer.concat([body, Buffer.from('\0more')]), limits)
    assert.deepEqual(followed, { kind: 'expanded', bytes, trailing: Buffer.from('\0more') })
    const touching = gunzipLimited(Buffer.concat([body, Buffer.from('more')]), limits)
    assert.deepEqual(touching, { kind: 'fault', reason: 'gzip_invalid' })
  })

  test('a bomb is refused at the limit, by size and by ratio', () => {
    const bomb = gzipSync(Buffer.alloc(16 << 20))
    assert.deepEqual(gunzipLimited(bomb, limits), { kind: 'fault', reason: 'expands_too_far' })
    const mild = gzipSync(Buffer.alloc(2 << 20))
    assert.equal(gunzipLimited(mild, limits).kind, 'expanded')
    assert.deepEqual(gunzipLimited(mild, { ...limits, maxRatio: 100 }), {
      kind: 'fault',
      reason: 'expands_too_far',
    })
  })

  test('a body that lies about its size in its last bytes is still expanded', () => {
    const body = Buffer.concat([gzipSync(Buffer.alloc(300_000, 'ab')), gzipSync('x')])
    const result = gunzipLimited(body, limits)
    assert.equal(result.kind === 'expanded' && result.bytes.length, 300_001)
  })
})
