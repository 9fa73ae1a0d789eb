import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { describe, test } from 'node:test'
import { type CallDeps, createCall, path, type Waiting, type Write } from './call.ts'
import type { Message, Sent } from './transport.ts'

type Script = (Sent | ((message: Message) => Sent))[]

/** A server that answers by a script, and a clock that jumps over every pause. */
function against(script: Script, more: Partial<CallDeps> = {}) {
  const asked: Message[] = []
  const pausesMs: number[] = []
  const waited: Waiting[] = []
  const ages: number[] = []
  let nowMs = 0
  const call = createCall({
    transport: async (message) => {
      asked.push(message)
      const next = script[Math.min(asked.length, script.length) - 1]!
      return typeof next === 'function' ? next(message) : next
    },
    endpoint: new URL('http://127.0.0.1:8080'),
    importEndpoint: new URL('http://127.0.0.1:9090'),
    headers: { authorization: 'TD1 1/x' },
    waitMs: undefined,
    nowMs: () => nowMs,
    sleep: async (ms) => {
      pausesMs.push(ms)
      nowMs += ms
    },
    signal: new AbortController().signal,
    onWaiting: (waiting) => void waited.push(waiting),
    onWaitingOver: () => undefined,
    onSnapshot: (age) => void ages.push(age),
    trace: () => undefined,
    ...more,
  })
  return { call, asked, pausesMs, waited, ages, elapsedMs: () => nowMs }
}

const answer =
  (status: number, body: unknown, headers: Record<string, string> = {}) =>
  (): Sent => ({
    kind: 'answered',
    status,
    headers,
    body: Readable.from([Buffer.from(JSON.stringify(body))]),
  })
const cutAnswer = (): Sent => ({
  kind: 'answered',
  status: 200,
  headers: {},
  body: new Readable({
    read() {
      this.destroy(new Error('cut'))
    },
  }),
})
const held = (seconds: number, more: Record<string, string> = {}) =>
  answer(
    503,
    { message: 'the main database is not available', error_code: 'database_away' },
    { 'retry-after': String(seconds), ...more },
  )
const lost: Sent = { kind: 'unanswered', reason: 'socket hang up' }
const refused: Sent = { kind: 'unsent', reason: 'nothing listens', permanent: false }
const write = (repeat: Write['repeat']): Write => ({
  does: 'do it',
  path: '/v3/do',
  repeat,
  look: 'millrace look',
})
const read = { does: 'read it', path: '/v3/it' }

describe('a write', () => {
  test('waits as long as the server says, and carries on', async () => {
    const { call, pausesMs, asked } = against([held(7), held(129), answer(200, { ok: true })])
    assert.deepEqual((await call.write(write('never'))).body, { ok: true })
    assert.deepEqual(pausesMs, [7_000, 129_000])
    assert.equal(asked.length, 3)
  })
  test('gives up after 15 minutes when no end was announced, and says that nothing was changed', async () => {
    const { call, elapsedMs } = against([held(100)])
    await assert.rejects(call.write(write('same')), { code: 'away', exitCode: 3, message: /could not do it/ })
    assert.equal(elapsedMs(), 900_000)
  })
  test('waits until the announced end, and two minutes more', async () => {
    const until = { 'x-maintenance': `id=x; until=${new Date(3_600_000).toISOString()}` }
    const { call, elapsedMs } = against([held(300, until)])
    await assert.rejects(call.write(write('same')), { code: 'away' })
    assert.equal(elapsedMs(), 3_720_000)
  })
  test('waits as long as it was told to, and tries once more at the end', async () => {
    const { call, elapsedMs, asked } = against([held(60)], { waitMs: 90_000 })
    await assert.rejects(call.write(write('same')), { code: 'away' })
    assert.deepEqual([elapsedMs(), asked.length], [90_000, 3])
    const impatient = against([held(60)], { waitMs: 0 })
    await assert.rejects(impatient.call.write(write('same')), { code: 'away' })
    assert.equal(impatient.asked.length, 1)
  })
  test('is not sent again when a second one would do something else', async () => {
    const { call, asked } = against([lost])
    await assert.rejects(call.write(write('never')), {
      code: 'outcome_unknown',
      exitCode: 4,
      help: /millrace look/,
    })
    assert.equal(asked.length, 1)
  })
  test('whose answer was cut may have taken effect', async () => {
    const { call } = against([cutAnswer])
    await assert.rejects(call.write(write('never')), { code: 'outcome_unknown' })
  })
  test('that has a key of its own is sent again until it is answered', async () => {
    const { call, asked } = against([lost, held(1), lost, answer(200, { job_id: '19' })])
    assert.deepEqual((await call.write(write('same'))).body, { job_id: '19' })
    assert.equal(asked.length, 4)
  })
  test('was done when its repetition is refused as such', async () => {
    const { call } = against([lost, answer(409, { message: 'exists', details: { conflicts_with: '19' } })])
    const { body, settledBy } = await call.write(write(409))
    assert.equal(body, undefined)
    assert.deepEqual(settledBy?.bodyDetails, { conflicts_with: '19' })
  })
  test('was not done when its first attempt is refused so', async () => {
    const { call } = against([held(1), answer(409, { message: 'exists' })])
    await assert.rejects(call.write(write(409)), { name: 'Refused', status: 409, exitCode: 1 })
  })
  test('stays unknown when its repetition is refused for another reason', async () => {
    const { call } = against([lost, answer(403, { message: 'not authorized' })])
    await assert.rejects(call.write(write(409)), { code: 'outcome_unknown', message: /not authorized/ })
  })
  test('stays unknown when the server does not come back', async () => {
    const { call } = against([lost, held(100)])
    await assert.rejects(call.write(write('same')), { code: 'outcome_unknown', exitCode: 4 })
  })
  test('finds out within ten seconds that nothing listens', async () => {
    const { call, elapsedMs } = against([refused])
    await assert.rejects(call.write(write('never')), { code: 'away' })
    assert.ok(elapsedMs() <= 10_000)
    const wrong = against([{ kind: 'unsent', reason: 'no such machine', permanent: true }])
    await assert.rejects(wrong.call.write(write('never')), { code: 'away' })
    assert.equal(wrong.elapsedMs(), 0)
  })
  test('waits for a server that has answered and is being started again', async () => {
    const { call } = against([
      held(1),
      ...Array.from({ length: 20 }, () => refused),
      answer(200, { ok: true }),
    ])
    assert.deepEqual((await call.write(write('never'))).body, { ok: true })
  })
  test('answered by something that is no Millrace is not taken for done', async () => {
    const page = { kind: 'answered' as const, status: 200, headers: {} }
    const { call } = against([() => ({ ...page, body: Readable.from([Buffer.from('<html>')]) })])
    await assert.rejects(call.write(write('same')), { code: 'outcome_unknown' })
    await assert.rejects(call.json(read), { code: 'failed', message: /is no JSON/ })
  })
})

describe('Ctrl-C', () => {
  const interruptedAt = (script: (abort: () => void) => Script, repeat: Write['repeat'] = 'same') => {
    const stopping = new AbortController()
    const { call } = against(
      script(() => stopping.abort()),
      { signal: stopping.signal },
    )
    return call.write(write(repeat))
  }
  test('while waiting says that it was not done', async () => {
    const waiting = interruptedAt((abort) => [
      () => {
        abort()
        return held(60)()
      },
    ])
    await assert.rejects(waiting, { exitCode: 130, details: { outcome: 'not done' } })
  })
  test('after the request was sent says that it is unknown, and how to find out', async () => {
    const sent = interruptedAt((abort) => [
      () => {
        abort()
        return lost
      },
    ])
    await assert.rejects(sent, { exitCode: 130, details: { outcome: 'unknown' }, help: /millrace look/ })
  })
  test('while waiting after a lost answer stays unknown', async () => {
    const later = interruptedAt((abort) => [
      lost,
      () => {
        abort()
        return held(60)()
      },
    ])
    await assert.rejects(later, { details: { outcome: 'unknown' } })
  })
  test('when the answer is there already changes nothing about it', async () => {
    const done = interruptedAt((abort) => [
      () => {
        abort()
        return answer(200, { ok: true })()
      },
    ])
    assert.deepEqual((await done).body, { ok: true })
  })
})

describe('a read', () => {
  test('is tried for half a minute', async () => {
    const { call, elapsedMs } = against([held(5)])
    await assert.rejects(call.json(read), { code: 'away' })
    assert.equal(elapsedMs(), 30_000)
  })
  test('that was cut in the middle is asked for again', async () => {
    const { call } = against([cutAnswer, lost, answer(200, { rows: 3 })])
    assert.deepEqual(await call.json(read), { rows: 3 })
  })
  test('says how old the snapshot is that answers it', async () => {
    const { call, ages } = against([
      answer(200, {}, { age: '12', warning: '110 - "answered from a snapshot"' }),
      answer(200, {}, { 'x-millrace-snapshot-age': '13' }),
      answer(200, {}, { age: '14' }),
    ])
    for (let n = 0; n < 3; n++) await call.json(read)
    assert.deepEqual(ages, [12, 13], 'an Age alone may be that of a proxy')
  })
  test('is refused at once by a 4xx', async () => {
    const { call, asked } = against([answer(404, { message: 'no' })])
    await assert.rejects(call.json(read), { status: 404 })
    assert.equal(asked.length, 1)
  })
})

describe('a path', () => {
  test('keeps every name one segment, whatever is in it', () => {
    assert.equal(path`/v3/schedule/delete/${'a/b ü.c'}`, '/v3/schedule/delete/a%2Fb%20%C3%BC%2Ec')
    assert.equal(path`/v3/database/delete/${'..'}`, '/v3/database/delete/%2E%2E')
  })
})
