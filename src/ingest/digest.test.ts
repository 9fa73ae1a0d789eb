import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { silentLog } from '../kernel/index.ts'
import { createDigester } from './digest.ts'
import { createSlabs } from './slabs.ts'

describe('digesting on another thread', () => {
  test('tells the MD5 of each body, and of those that were left when the thread ended', async () => {
    const digester = createDigester({ log: silentLog })
    const slabs = createSlabs()
    const check = async (bytes: number) => {
      const body = slabs.take(bytes)
      randomBytes(bytes).copy(body)
      const md5 = await new Promise<string>((told) => digester.start(body, told))
      assert.equal(md5, createHash('md5').update(body).digest('hex'))
    }
    await Promise.all([check(70_000), check(300_000)])
    const left = [check(4_000_000), check(100_000)]
    digester.close()
    await Promise.all(left)
    await check(70_000)
    digester.close()
  })
})

describe('slabs', () => {
  test('are used again once given back, and never by two at a time', () => {
    const slabs = createSlabs()
    const first = slabs.take(100_000)
    assert.equal(first.length, 100_000)
    assert.notEqual(slabs.take(100_000).buffer, first.buffer)
    slabs.giveBack(first)
    const again = slabs.take(120_000)
    assert.equal(again.buffer, first.buffer)
    assert.equal(again.length, 120_000)
    assert.notEqual(slabs.take(100_000).buffer, first.buffer)
  })

  test('are kept up to a limit', () => {
    const slabs = createSlabs({ keepBytes: 200_000 })
    const [a, b] = [slabs.take(100_000), slabs.take(100_000)]
    slabs.giveBack(a)
    slabs.giveBack(b)
    const taken = [slabs.take(100_000).buffer, slabs.take(100_000).buffer]
    assert.ok(taken.includes(a.buffer))
    assert.ok(!taken.includes(b.buffer))
  })
})
