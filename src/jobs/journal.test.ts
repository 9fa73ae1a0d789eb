import assert from 'node:assert/strict'
import { appendFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import fc from 'fast-check'
import { silentLog } from '../kernel/index.ts'
import { openJournal, readJournal } from './journal.ts'

describe('a journal of lines', () => {
  let room: string
  let path: string
  beforeEach(async () => {
    room = await mkdtemp(join(tmpdir(), 'millrace-journal-'))
    path = join(room, 'a.jsonl')
  })
  afterEach(() => rm(room, { recursive: true }))
  const open = () => openJournal<{ n: number }>(path, { log: silentLog })

  test('gives back what was appended, in order, also what was appended at the same time', async () => {
    const { journal } = await open()
    await Promise.all([1, 2, 3].map((n) => journal.append({ n })))
    await journal.append({ n: 4 })
    await journal.close()
    assert.deepEqual((await open()).bodies, [{ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }])
  })

  test('cut anywhere still gives every complete line, and goes on behind them', async () => {
    const { journal } = await open()
    for (let n = 0; n < 5; n++) await journal.append({ n })
    await journal.close()
    const whole = await readFile(path)
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: whole.length }), async (length) => {
        await writeFile(path, whole.subarray(0, length))
        const complete = whole.subarray(0, length).filter((byte) => byte === 10).length
        const again = await open()
        assert.equal(again.bodies.length, complete)
        await again.journal.append({ n: 99 })
        await again.journal.close()
        const bodies = await readJournal<{ n: number }>(path)
        assert.deepEqual(
          bodies.map(({ n }) => n),
          [...Array(complete).keys(), 99],
        )
      }),
      { numRuns: 60 },
    )
  })

  test('skips a line damaged in the middle, and keeps a copy for whoever looks', async () => {
    const { journal } = await open()
    for (let n = 0; n < 3; n++) await journal.append({ n })
    await journal.close()
    const text = await readFile(path, 'utf8')
    await writeFile(path, text.replace('{"n":1}', '{"n":7}'))
    const again = await open()
    assert.deepEqual(again.bodies, [{ n: 0 }, { n: 2 }])
    assert.equal((await stat(`${path}.damaged`)).size, text.length)
  })

  test('can be read while another process is in the middle of a line', async () => {
    const { journal } = await open()
    await journal.append({ n: 1 })
    await appendFile(path, '{"crc":12,"bo')
    assert.deepEqual(await readJournal(path), [{ n: 1 }])
    await journal.close()
  })

  test('is rewritten as a whole, and what is appended meanwhile comes behind', async () => {
    const { journal } = await open()
    await journal.append({ n: 1 })
    const rewritten = journal.rewrite((bodies) => bodies.map(({ n }) => ({ n: n * 10 })))
    await Promise.all([rewritten, journal.append({ n: 2 })])
    await journal.close()
    assert.deepEqual(await readJournal(path), [{ n: 10 }, { n: 2 }])
  })

  test('refuses what the disk refuses, keeps nothing of it, and works again afterwards', async () => {
    const { journal } = await open()
    await mkdir(path)
    await assert.rejects(journal.append({ n: 1 }), { code: 'EISDIR' })
    await rm(path, { recursive: true })
    await journal.append({ n: 2 })
    await journal.close()
    assert.deepEqual(await readJournal(path), [{ n: 2 }])
  })
})
