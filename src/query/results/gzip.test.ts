import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as later } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { gzipWriter } from './gzip.ts'

describe('a gzip file compressed in parts', () => {
  for (const sizes of [[], [0], [1], [1000, 3], Array.from({ length: 20 }, (_, i) => i * 7919)]) {
    test(`of ${sizes.length} parts is one member that holds them in order`, async () => {
      const parts = sizes.map((size, i) => Buffer.alloc(size, `part ${i} of them,`))
      const written: Buffer[] = []
      const gzip = gzipWriter(async (bytes) => {
        await later()
        written.push(bytes)
      })
      for (const part of parts) await gzip.push(part)
      await gzip.end()
      const file = Buffer.concat(written)
      assert.deepEqual(gunzipSync(file), Buffer.concat(parts))
      assert.equal(file.indexOf(Buffer.from([0x1f, 0x8b, 8]), 1), -1)
    })
  }

  test('tells of a write that fails, also when nothing is pushed, and writes nothing behind it', async () => {
    let writes = 0
    const gzip = gzipWriter(async () => {
      writes += 1
      throw new Error('disk full')
    })
    await assert.rejects(gzip.failed, /disk full/)
    await gzip.push(Buffer.from('a'))
    await assert.rejects(gzip.end(), /disk full/)
    await gzip.settled()
    assert.equal(writes, 1)
  })
})
