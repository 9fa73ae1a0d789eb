import assert from 'node:assert/strict'
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { systemClock } from '../kernel/index.ts'
import { openJournal, readJournal } from './journal.ts'

describe('the journal of a maintenance', () => {
  let room: string
  let path: string
  let made = 0
  before(async () => {
    room = await mkdtemp(join(tmpdir(), 'millrace-journal-'))
  })
  after(() => rm(room, { recursive: true, force: true }))
  beforeEach(() => {
    made += 1
    path = join(room, `m-${made}`, 'journal.jsonl')
  })
  const opened = (run = 'r1') => openJournal(path, { clock: systemClock, run })

  async function threeLines(): Promise<void> {
    const journal = await opened()
    await journal.append({ kind: 'intent', what: 'drain' })
    await journal.append({ kind: 'done', what: 'drain', detail: { waitedMs: 12 } })
    await journal.append({ kind: 'note', what: 'clock', detail: { text: 'line\nbreak' } })
    await journal.close()
  }

  test('holds what was appended, in order, also after another process opened it', async () => {
    await threeLines()
    const journal = await opened('r2')
    await journal.append({ kind: 'intent', what: 'hold' })
    await journal.close()
    const lines = await readJournal(path)
    assert.deepEqual(
      lines.map(({ n, run, kind, what }) => [n, run, kind, what]),
      [
        [1, 'r1', 'intent', 'drain'],
        [2, 'r1', 'done', 'drain'],
        [3, 'r1', 'note', 'clock'],
        [4, 'r2', 'intent', 'hold'],
      ],
    )
  })

  test('keeps the order of what was appended at the same time', async () => {
    const journal = await opened()
    await Promise.all(['a', 'b', 'c'].map((what) => journal.append({ kind: 'note', what })))
    await journal.close()
    assert.deepEqual(
      (await readJournal(path)).map(({ what }) => what),
      ['a', 'b', 'c'],
    )
  })

  test('loses only the last line when power goes in the middle of writing it, wherever that was', async () => {
    await threeLines()
    const whole = await readFile(path)
    const secondEnds = whole.indexOf(10, whole.indexOf(10) + 1) + 1
    for (let cut = secondEnds; cut < whole.length; cut += 7) {
      await writeFile(path, whole.subarray(0, cut))
      const journal = await opened()
      assert.equal(journal.lines.length, 2, `cut at ${cut}`)
      await journal.append({ kind: 'note', what: 'after' })
      await journal.close()
      assert.deepEqual(
        (await readJournal(path)).map(({ what }) => what),
        ['drain', 'drain', 'after'],
      )
    }
  })

  test('takes a last line that is a mixture for torn', async () => {
    await threeLines()
    await appendFile(path, '{"n":4,"at":"2026\0\0\0\0\n')
    assert.equal((await readJournal(path)).length, 3)
  })

  const DAMAGE: [how: string, change: (lines: string[]) => string[]][] = [
    ['a line was changed', ([a, b, c]) => [a!, b!.replace('12', '13'), c!]],
    ['a line was taken out', ([a, , c]) => [a!, c!, c!]],
    ['lines changed places', ([a, b, c]) => [b!, a!, c!]],
    ['a line was put in', ([a, b, c]) => [a!, a!, b!, c!]],
  ]
  for (const [how, change] of DAMAGE) {
    test(`is refused when ${how}: nobody knows how far the maintenance came`, async () => {
      await threeLines()
      const lines = (await readFile(path, 'utf8')).split('\n').slice(0, -1)
      await writeFile(path, `${change(lines).join('\n')}\n`)
      await assert.rejects(opened(), { code: 'journal_damaged' })
    })
  }

  test('takes no step after a line that could not be written', async () => {
    const journal = await opened()
    await journal.close()
    await assert.rejects(journal.append({ kind: 'intent', what: 'drain' }), { code: 'journal_refused' })
    await assert.rejects(journal.append({ kind: 'intent', what: 'drain' }), { code: 'journal_refused' })
    assert.deepEqual(journal.lines, [])
  })
})
