import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { decodeMulti } from '@msgpack/msgpack'
import { CHUNK_LIMITS, compressed } from './chunks.ts'
import type { Reading } from './formats.ts'
import { beginJournal, type Head, openJournal, readJournal } from './journal.ts'
import { planImport, STEPS, type Wish } from './plan.ts'
import { type RunDeps, runImport } from './run.ts'
import { readSource } from './source.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-import-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const CSV: Reading = {
  format: 'csv',
  encoding: 'utf-8',
  columns: undefined,
  hasHeader: true,
  types: [],
  allString: false,
  emptyAsNullIfNumeric: false,
  nullTexts: ['\\N'],
  delimiter: ',',
  quote: '"',
  timeKey: 'time',
  timeFormat: undefined,
  timeZone: 'UTC',
  timeValue: undefined,
}
const HEAD: Head = {
  version: 1,
  target: { endpoint: 'http://127.0.0.1:1', database: 'shop', table: 'orders' },
  source: '/data/orders.csv',
  fingerprint: { bytes: 1, modifiedMs: 1 },
  reading: 'r',
  salt: '',
  limits: { bytes: 1 << 20, rows: 10 },
  startedMs: 1_714_555_800_000,
}
const text = (rows: number, from = 0) =>
  `time,n\n${Array.from({ length: rows }, (_, i) => `${1_714_555_800 + i},${from + i}\n`).join('')}`

/** A server that stores each id once. */
function server(faults: (attempt: number) => Error | undefined = () => undefined) {
  const stored = new Map<string, Record<string, unknown>[]>()
  let attempts = 0
  return {
    stored,
    get attempts() {
      return attempts
    },
    rows: () => [...stored.values()].flat(),
    async store({ id }: { id: string }, body: Buffer) {
      await new Promise((resolve) => setImmediate(resolve))
      stored.set(id, [...decodeMulti(gunzipSync(body))] as Record<string, unknown>[])
      // The answer may be lost all the same.
      const fault = faults(++attempts)
      if (fault !== undefined) throw fault
    },
  }
}

function run(content: string | Buffer, changes: Partial<RunDeps> = {}) {
  const pieces = (async function* () {
    const bytes = Buffer.from(content)
    for (let at = 0; at < bytes.length; at += 50) yield bytes.subarray(at, at + 50)
  })()
  return runImport({
    head: HEAD,
    reading: CSV,
    acknowledged: new Map(),
    known: [],
    blocks: readSource(pieces, { encoding: changes.reading?.format === 'msgpack' ? undefined : 'utf-8' }),
    sourceBytes: () => 0,
    checkUnchanged: async () => undefined,
    store: async () => undefined,
    journal: { acknowledge: async () => undefined },
    onReject: () => undefined,
    onProgress: () => undefined,
    parallel: 3,
    signal: new AbortController().signal,
    ...changes,
  })
}

describe('sending a source', () => {
  test('stores every row once, in chunks whose ids are the same again', async () => {
    const one = server()
    const tally = await run(text(95), { store: one.store })
    assert.equal(tally.rows, 95)
    assert.equal(one.stored.size, 10)
    assert.deepEqual(one.rows()[94], { n: 94, time: 1_714_555_894 })
    await run(text(95), { store: one.store })
    assert.equal(one.stored.size, 10)
    await run(text(95), { store: one.store, head: { ...HEAD, salt: 'again' } })
    assert.equal(one.stored.size, 20)
  })

  test('ends at the first failure, waits for what is under way, and goes on where it stopped', async () => {
    const path = join(directory, 'failing.journal')
    beginJournal(path, HEAD)
    let left = 4
    const one = server(() => (left-- === 0 ? new Error('cut off') : undefined))
    let runs = 0
    for (; ; runs++) {
      const before = readJournal(path)!
      const journal = await openJournal(path)
      try {
        const tally = await run(text(95), { store: one.store, journal, acknowledged: before.acknowledged })
        await journal.finish({ rows: tally.rows, rejected: 0, atMs: 1 })
        break
      } catch (error) {
        assert.match(String(error), /cut off/)
        left = 3
      } finally {
        await journal.close()
      }
    }
    assert.ok(runs >= 2)
    assert.equal(one.rows().length, 95)
    assert.ok(one.attempts < 10 + runs * 3, 'what was acknowledged is not sent again')
    const done = readJournal(path)!
    assert.deepEqual(done.finished, { rows: 95, rejected: 0, atMs: 1 })
    assert.equal(
      [...done.acknowledged.values()].reduce((sum, { rows }) => sum + rows, 0),
      95,
    )
  })

  test('refuses to go on with other rows than those that were sent', async () => {
    const acknowledged = new Map([[0, { id: 'x'.repeat(32), index: 0, from: 0, rows: 10 }]])
    await assert.rejects(run(text(20), { acknowledged }), /rows 1 to 10 are not those that were sent before/)
  })

  test('that has grown stores only what was added, when it is restarted', async () => {
    const one = server()
    const known: { id: string; index: number; from: number; rows: number }[] = []
    const journal = { acknowledge: async (chunk: (typeof known)[0]) => void known.push(chunk) }
    await run(text(25), { store: one.store, journal })
    await run(text(48), { store: one.store, known })
    assert.deepEqual(
      one
        .rows()
        .map(({ n }) => n)
        .sort((a, b) => Number(a) - Number(b)),
      Array.from({ length: 48 }, (_, i) => i),
    )
  })

  test('counts and reports what it cannot take, and stops when that is everything', async () => {
    const rejected: string[] = []
    const one = server()
    const tally = await run('time,n\n1714555800,1\nsoon,2\n1714555800000,3\n,4\n', {
      store: one.store,
      onReject: ({ line, reason }) => void rejected.push(`${line}: ${reason}`),
    })
    assert.deepEqual([tally.rows, tally.rejected], [1, 3])
    assert.deepEqual(rejected, [
      "3: column 'time': 'soon' is no time",
      "4: column 'time': '1714555800000' is no time in seconds (--time-format '%Q' reads milliseconds)",
      "5: column 'time' is empty",
    ])
    await assert.rejects(run(`time,n\n${'x,1\n'.repeat(2000)}`), /the first 1000 rows were all refused/)
  })

  test('does not send the end of a file that was written to meanwhile', async () => {
    const one = server()
    const changed = run(text(25), {
      store: one.store,
      checkUnchanged: () => Promise.reject(new Error('written to')),
    })
    await assert.rejects(changed, /written to/)
    assert.equal(one.rows().length, 20)
  })

  test('reads gzip of several members, byte order marks and other encodings; says when the data is cut', async () => {
    const one = server()
    const store = one.store
    await run(Buffer.concat([gzipSync(text(5)), gzipSync('1714555900,99\n')]), { store })
    assert.equal(one.rows().length, 6)
    await assert.rejects(run(gzipSync(text(500)).subarray(0, -20)), /gzip data is damaged or cut/)
    const two = server()
    await run(Buffer.from(`\ufefftime,ort\n1714555800,Köln\n`, 'utf16le'), { store: two.store })
    assert.deepEqual(two.rows(), [{ ort: 'Köln', time: 1_714_555_800 }])
    await assert.rejects(run(Buffer.from('504b030414000000', 'hex')), /this is a zip file/)
  })

  test('reads zstd, and says when it is cut', async () => {
    const one = server()
    await run(zstdCompressSync(text(500)), { store: one.store })
    assert.equal(one.rows().length, 500)
    await assert.rejects(run(zstdCompressSync(text(500)).subarray(0, -20)), /zstd data is damaged or cut/)
  })

  test('refuses a table without the column that holds the time before anything is sent', async () => {
    await assert.rejects(run('at,n\n1714555800,1\n'), /there is no column 'time' among at, n \(--time-key/)
  })

  test('keeps another column called time, and takes the moment of the beginning for now', async () => {
    const one = server()
    const store = one.store
    await run('time,at\nx,2024-05-01\n', { store, reading: { ...CSV, timeKey: 'at' } })
    await run('time\nx\n', { store, reading: { ...CSV, timeValue: 'now' } })
    assert.deepEqual(one.rows(), [
      { time_original: 'x', at: '2024-05-01', time: 1_714_521_600 },
      { time_original: 'x', time: 1_714_555_800 },
    ])
  })
})

describe('a chunk', () => {
  test('never expands so far that the server would take it for a bomb', async () => {
    const packed = Buffer.alloc(CHUNK_LIMITS.bytes)
    const body = await compressed(packed)
    assert.ok(packed.length / body.length < 300, `${packed.length / body.length}`)
    assert.deepEqual(gunzipSync(body), packed)
  })
})

describe('a journal', () => {
  test('survives torn lines: what they said is sent again', async () => {
    const path = join(directory, 'torn.journal')
    beginJournal(path, HEAD)
    const first = await openJournal(path)
    await Promise.all(
      [0, 10].map((from) => first.acknowledge({ id: `${from}`, index: from / 10, from, rows: 10 })),
    )
    await first.close()
    writeFileSync(path, '{"id":"20","fro', { flag: 'a' })
    const second = await openJournal(path)
    await second.acknowledge({ id: '30', index: 3, from: 30, rows: 10 })
    await second.close()
    writeFileSync(path, Buffer.alloc(100), { flag: 'a' })
    const read = readJournal(path)!
    assert.deepEqual([...read.acknowledged.keys()], [0, 10, 30])
    assert.deepEqual(read.head, HEAD)
    assert.equal(readJournal(join(directory, 'none.journal')), undefined)
  })
})

describe('an import of a source that was imported before', () => {
  const written = (isFinished: boolean) => ({
    head: { ...HEAD, salt: 'old' },
    acknowledged: new Map([[0, { id: 'a', index: 0, from: 0, rows: 10 }]]),
    finished: isFinished ? { rows: 10, rejected: 0, atMs: 1 } : undefined,
    lastMs: 1,
  })
  const changed = { ...HEAD, fingerprint: { bytes: 2, modifiedMs: 1 }, salt: 'new' }
  const same = { ...HEAD, salt: 'new' }

  test('goes on, is done, or is refused, as the table says', () => {
    const kinds = (head: Head, isFinished: boolean) =>
      Object.fromEntries(
        (['go on', 'restart', 'again'] as Wish[]).map((wish) => {
          const plan = planImport(head, written(isFinished), wish)
          return [wish, plan.kind === 'begin' ? `begin ${plan.head.salt} ${plan.known.length}` : plan.kind]
        }),
      )
    assert.deepEqual(kinds(same, false), { 'go on': 'go on', restart: 'begin old 1', again: 'go on' })
    assert.deepEqual(kinds(changed, false), {
      'go on': 'refuse',
      restart: 'begin old 1',
      again: 'begin new 0',
    })
    assert.deepEqual(kinds(same, true), {
      'go on': 'nothing to do',
      restart: 'begin old 1',
      again: 'begin new 0',
    })
    assert.deepEqual(kinds(changed, true), {
      'go on': 'refuse',
      restart: 'begin old 1',
      again: 'begin new 0',
    })
    assert.equal(planImport(same, undefined, 'restart').kind, 'begin')
    assert.equal(Object.keys(STEPS).length, 5)
  })

  test('keeps the time of its rows where that is the moment it began', () => {
    const startedMs = (isItsOwnTime: boolean) => {
      const before = { ...written(false), head: { ...HEAD, isItsOwnTime } }
      const plan = planImport({ ...changed, isItsOwnTime, startedMs: 7 }, before, 'restart')
      return plan.kind === 'begin' ? plan.head.startedMs : undefined
    }
    assert.equal(startedMs(true), HEAD.startedMs)
    assert.equal(startedMs(false), 7)
  })

  test('begins anew when the table was deleted and made anew', () => {
    const before = { ...written(true), head: { ...HEAD, identity: '7' } }
    assert.equal(planImport({ ...same, identity: '8' }, before, 'go on').kind, 'begin')
    assert.equal(planImport({ ...same, identity: '7' }, before, 'go on').kind, 'nothing to do')
    assert.equal(planImport(same, before, 'go on').kind, 'nothing to do')
  })

  test('says what has changed', () => {
    const reason = (head: Head) => (planImport(head, written(false), 'go on') as { reason: string }).reason
    assert.match(reason(changed), /1 bytes then, 2 now/)
    assert.match(reason({ ...same, fingerprint: { bytes: 1, modifiedMs: 2 } }), /written to since/)
    assert.match(reason({ ...same, reading: 'other' }), /read in another way/)
  })
})
