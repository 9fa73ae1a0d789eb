import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { describe, test } from 'node:test'
import type { Job } from '../jobs/index.ts'
import type { Principal } from '../kernel/http/index.ts'
import { AppError, type Clock, silentLog } from '../kernel/index.ts'
import { readClientSession } from './client-session.ts'
import type { OpenStatement } from './open-statements.ts'
import { createQueries, type GatewayOptions } from './queries.ts'
import type { Place } from './query.ts'
import type { SegmentStore } from './segments.ts'

const MINUTE = 60_000
const PRINCIPAL = {
  accountId: 1n,
  userId: 7n,
  userName: 'ann',
  keyKind: 'master',
  role: 'member',
} as unknown as Principal
const AWAY = new AppError(
  'identity_unknown',
  { status: 503, advice: 'retry', message: () => 'away' } as never,
  '',
)

/** A gateway over jobs that are told what becomes of them. */
function startGateway(given: Partial<GatewayOptions> & { files?: Map<string, Buffer> } = {}) {
  const jobs = new Map<bigint, Job>()
  let nowMs = Date.UTC(2024, 0, 1)
  let lastId = 0n
  const killed: bigint[] = []
  const lines = { text: '[1]\n' }
  const hooks = { beforeKill: () => {} }
  const away = { is: false, planned: false }
  const added: OpenStatement[] = []
  const clock: Clock = {
    now: () => new Date(nowMs),
    monotonicMs: () => nowMs,
    sleep: async (ms: number) => {
      nowMs += ms
    },
  } as Clock
  const files = given.files ?? new Map<string, Buffer>()
  const segments = {
    put: async (query, index, bytes) => files.set(`${query}/${index}`, bytes) !== undefined,
    open: async (query, index) => {
      const bytes = files.get(`${query}/${index}`)
      return bytes && { bytes: bytes.length, body: Readable.from([bytes]) }
    },
    remove: async (query, index) => void files.delete(`${query}/${index}`),
    removeAll: async (query) => {
      for (const name of [...files.keys()]) if (name.startsWith(`${query}/`)) files.delete(name)
    },
    sweep: async () => undefined,
    bytes: 0,
  } satisfies SegmentStore
  const queries = createQueries({
    jobs: {
      issue: async (_principal, { query, priority }) => {
        const id = ++lastId
        jobs.set(id, { ...QUEUED, id, query, priority, createdAt: new Date(nowMs) })
        return { id, createdAt: new Date(nowMs) }
      },
      look: async (_account, id) => ({ value: jobs.get(id)! }) as never,
      kill: async (_account, id) => {
        hooks.beforeKill()
        const job = jobs.get(id)!
        if (job.status === 'success') return false
        killed.push(id)
        Object.assign(job, { status: 'killed' })
        return true
      },
      ended: (_id, withinMs) => clock.sleep(withinMs),
      rows: async () => Readable.from([Buffer.from(lines.text)]),
    },
    absence: {
      isAway: () => away.is,
      isPlanned: () => away.planned,
      expectedBack: () => new Date(Date.UTC(2024, 0, 1, 14, 35)),
    },
    segments,
    open: {
      left: [],
      add: async (one) => void added.push(one),
      tidy: async () => undefined,
      close: async () => undefined,
    },
    clock,
    log: silentLog,
    secret: Buffer.alloc(32, 1),
    pageBytes: 100,
    segmentBytes: 200,
    inlineBytes: 100,
    abandonedMs: 5 * MINUTE,
    holdMs: 30 * MINUTE,
    mostOpen: 3,
    ...given,
  })
  const submit = async (
    text = 'SELECT 1',
    {
      headers = {},
      identify = async () => PRINCIPAL,
    }: { headers?: Record<string, string>; identify?: () => Promise<Principal> } = {},
  ) =>
    read(
      (await queries.submit(identify, text, readClientSession({ 'x-trino-user': 'u', ...headers }), BASE))
        .body,
    )
  const ask = async (answer: Answer) =>
    read((await queries.next(placeOf(answer.nextUri!), { baseUrl: BASE, maxWaitMs: 0 })).body)
  const succeed = (id = lastId) =>
    Object.assign(jobs.get(id)!, { status: 'success', resultSchema: [['a', 'bigint']], resultRows: 1n })
  return {
    queries,
    jobs,
    hooks,
    killed,
    lines,
    away,
    added,
    files,
    submit,
    ask,
    succeed,
    pass: (ms: number) => (nowMs += ms),
  }
}

const BASE = 'http://here'
const QUEUED = {
  accountId: 1n,
  userId: 7n,
  type: 'trino',
  status: 'queued',
  resultSchema: null,
} as unknown as Job
type Answer = {
  id: string
  nextUri?: string
  stats: { state: string }
  data?: unknown
  error?: { errorName: string; message: string; errorType: string }
}
const read = (body: Buffer) => JSON.parse(body.toString()) as Answer
function placeOf(uri: string): Place {
  const [, phase, queryId, slug, token] = /statement\/(\w+)\/(\w+)\/(\w+)\/(\d+)$/.exec(uri)!
  return { phase, queryId, slug, token: Number(token) } as Place
}

describe('a statement of the gateway', () => {
  test('is QUEUED, and then its rows', async () => {
    const { submit, ask, succeed } = startGateway()
    const first = await submit()
    assert.equal(first.stats.state, 'QUEUED')
    succeed()
    const { data, nextUri, stats } = await ask(first)
    assert.deepEqual([data, nextUri, stats.state], [[[1]], undefined, 'FINISHED'])
  })

  test('that finished by itself just before it was to be ended is told with its rows', async () => {
    const { submit, ask, succeed, hooks, away, pass, killed } = startGateway()
    const first = await submit('CREATE TABLE t AS SELECT 1 AS a')
    Object.assign(away, { is: true })
    pass(31 * MINUTE)
    let tries = 0
    hooks.beforeKill = () => {
      tries++
      succeed()
    }
    const { error, data } = await ask(first)
    assert.deepEqual([tries, error, data, killed], [1, undefined, [[1]], []])
  })

  test('whose key was checked late can be cancelled', async () => {
    const { queries, submit, ask, killed, jobs } = startGateway()
    let isKnown = false
    const identify = async () => {
      if (!isKnown) throw AWAY
      return PRINCIPAL
    }
    const first = await submit('SELECT 1', { identify })
    const second = await ask(first)
    assert.deepEqual([second.stats.state, jobs.size], ['QUEUED', 0])
    isKnown = true
    const third = await ask(second)
    assert.equal(jobs.size, 1)
    await queries.cancel(third.id, { slug: placeOf(third.nextUri!).slug })
    assert.deepEqual(killed, [1n])
    assert.equal((await ask(third)).error!.errorName, 'USER_CANCELED')
  })

  test('whose key nobody can check can be cancelled, and never runs', async () => {
    const { queries, submit, ask, jobs } = startGateway()
    const identify = () => Promise.reject(AWAY)
    const first = await submit('SELECT 1', { identify })
    await queries.cancel(first.id, { slug: placeOf(first.nextUri!).slug })
    assert.equal((await ask(first)).error!.errorName, 'USER_CANCELED')
    assert.equal(jobs.size, 0)
  })

  test('that is cancelled while it is being issued does not go on', async () => {
    const begun = Promise.withResolvers<void>()
    const issuing = Promise.withResolvers<void>()
    let isKnown = false
    const { queries, submit, ask, jobs, killed } = startGateway()
    const identify = async () => {
      if (!isKnown) throw AWAY
      begun.resolve()
      await issuing.promise
      return PRINCIPAL
    }
    const first = await submit('DELETE FROM t', { identify })
    isKnown = true
    const asked = ask(first)
    await begun.promise
    await queries.cancel(first.id, { slug: placeOf(first.nextUri!).slug })
    issuing.resolve()
    assert.equal((await asked).error!.errorName, 'USER_CANCELED')
    assert.deepEqual([jobs.size, killed], [1, [1n]])
  })

  test('whose key turns out to be wrong is refused, and never runs', async () => {
    const { submit, ask, jobs } = startGateway()
    let error = AWAY
    const identify = async () => {
      throw error
    }
    const first = await submit('SELECT 1', { identify })
    error = new AppError(
      'failed_to_login',
      { status: 401, advice: 'final', message: () => 'wrong' } as never,
      '',
    )
    for (let times = 0; times < 2; times++) await assert.rejects(ask(first), { status: 401 })
    assert.equal(jobs.size, 0)
  })

  test('is answered once, however often and at once its page is asked for', async () => {
    const { submit, ask, succeed, lines } = startGateway()
    const first = await submit()
    lines.text = Array.from({ length: 100 }, (_, n) => `[${n}]\n`).join('')
    succeed()
    const [one, other] = await Promise.all([ask(first), ask(first)])
    assert.deepEqual(one, other)
    const [two, again] = await Promise.all([ask(one!), ask(one!)])
    assert.deepEqual(two, again)
    assert.notDeepEqual(one!.data, two!.data)
  })

  test('has the priority its session says', async () => {
    const { submit, jobs } = startGateway()
    for (const query_priority of ['1', '3', '100', '0', '-9'])
      await submit('SELECT 1', { headers: { 'x-trino-session': `query_priority=${query_priority}` } }).catch(
        () => undefined,
      )
    assert.deepEqual(
      [...jobs.values()].map(({ priority }) => priority),
      [0, 2, 2],
    )
  })

  test('beyond what one user may have open is told so, and others are not', async () => {
    const { submit, ask, succeed } = startGateway()
    const three = [await submit(), await submit(), await submit()]
    const { error } = await ask(await submit())
    assert.deepEqual([error!.errorName, error!.errorType], ['QUERY_QUEUE_FULL', 'INSUFFICIENT_RESOURCES'])
    const atOnce = await Promise.all(
      Array.from({ length: 9 }, () =>
        submit('SELECT 2', { identify: async () => ({ ...PRINCIPAL, userId: 9n }) }),
      ),
    )
    const ends = await Promise.all(atOnce.map((first) => ask(first)))
    assert.equal(ends.filter((end) => end.error === undefined).length, 3)
    const bob = { ...PRINCIPAL, userId: 8n }
    assert.equal((await ask(await submit('SELECT 1', { identify: async () => bob }))).error, undefined)
    succeed(1n)
    await ask(three[0]!)
    assert.equal((await ask(await submit())).error, undefined)
  })
})

describe('a statement for whose job there is no room', () => {
  test('is told so in Trino’s words, at once', async () => {
    const full = new AppError(
      'account_queue_full',
      { status: 429, advice: 'retry', message: () => 'many wait' } as never,
      '',
    )
    const { submit, ask } = startGateway({ jobs: { issue: () => Promise.reject(full) } as never })
    const { error } = await ask(await submit())
    assert.deepEqual([error!.errorName, error!.message], ['QUERY_QUEUE_FULL', 'many wait'])
  })
})

describe('while the main database is away for a maintenance', () => {
  test('a statement that waited as long as it may is ended, and is told when to come again', async () => {
    const { submit, ask, away, pass, killed } = startGateway()
    const first = await submit('DELETE FROM t')
    Object.assign(away, { is: true, planned: true })
    pass(29 * MINUTE)
    const second = await ask(first)
    assert.equal(second.stats.state, 'QUEUED')
    pass(2 * MINUTE)
    const { error } = await ask(second)
    assert.deepEqual([error!.errorName, killed], ['GENERIC_INSUFFICIENT_RESOURCES', [1n]])
    assert.match(error!.message, /away for maintenance; .* was not run\. Send it again after 14:35 UTC/)
  })
})

describe('a statement nobody asks for', () => {
  test('is ended, and its client is told when it comes back', async () => {
    const { queries, submit, ask, killed, pass } = startGateway()
    const first = await submit()
    pass(4 * MINUTE)
    await queries.sweep()
    assert.deepEqual(killed, [])
    pass(2 * MINUTE)
    await queries.sweep()
    assert.deepEqual(killed, [1n])
    assert.equal((await ask(first)).error!.errorName, 'ABANDONED_QUERY')
  })

  test('is ended by the process after the one that took it, too', async () => {
    const before = startGateway()
    await before.submit()
    const kept = await before.submit()
    await before.submit()
    before.succeed(3n)
    const left = {
      left: before.added,
      add: async () => undefined,
      tidy: async () => undefined,
      close: async () => undefined,
    }
    const { queries, jobs, killed, pass, ask } = startGateway({ open: left })
    for (const [id, job] of before.jobs) jobs.set(id, job)
    pass(4 * MINUTE)
    await queries.sweep()
    const later = await ask(kept)
    pass(2 * MINUTE)
    await queries.sweep()
    await queries.sweep()
    assert.deepEqual(killed, [1n], 'not the one that is asked for, nor the one that has ended')
    assert.equal((await ask(later)).stats.state, 'QUEUED')
  })

  test('whose key nobody could check before core was started again is told to be sent again', async () => {
    const identify = async () => {
      throw AWAY
    }
    const first = await startGateway().submit('SELECT 1', { identify })
    const { error } = await startGateway().ask(first)
    assert.deepEqual([error!.errorName, error!.message.includes('was not run')], ['SERVER_STARTING_UP', true])
  })
})

describe('rows for clients that ask for them encoded', () => {
  const ENCODED = { headers: { 'x-trino-query-data-encoding': 'json+zstd,json' } }
  type Encoded = {
    encoding: string
    segments: {
      type: string
      data?: string
      uri?: string
      ackUri?: string
      metadata: Record<string, number>
    }[]
  }
  const many = (rows: number) => Array.from({ length: rows }, (_, n) => `[${n}]\n`).join('')

  test('go with the answer when they are few', async () => {
    const { submit, ask, succeed, files } = startGateway()
    const first = await submit('SELECT 1', ENCODED)
    succeed()
    const { encoding, segments } = (await ask(first)).data as Encoded
    assert.deepEqual([encoding, segments[0]!.type, files.size], ['json+zstd', 'inline', 0])
    assert.equal(Buffer.from(segments[0]!.data!, 'base64').toString(), '[[1]]')
    assert.deepEqual(segments[0]!.metadata, { rowOffset: 0, rowsCount: 1, segmentSize: 5 })
  })

  test('are fetched beside it when they are many, once and in order, until they are acknowledged', async () => {
    const { queries, submit, ask, succeed, lines, files } = startGateway()
    const first = await submit('SELECT 1', ENCODED)
    lines.text = many(200)
    succeed()
    const rows: unknown[][] = []
    for (let answer = await ask(first); ; answer = await ask(answer)) {
      const [segment] = (answer.data as Encoded).segments
      assert.equal(segment!.metadata.rowOffset, rows.length)
      if (segment!.type === 'inline')
        rows.push(...JSON.parse(Buffer.from(segment!.data!, 'base64').toString()))
      else {
        const [, queryId, index, mac] = /download\/(\w+)\/(\d+)\/(\w+)$/.exec(segment!.uri!)!
        const place = { queryId: queryId!, index: Number(index), mac: mac! }
        const { body } = await queries.segment(place)
        rows.push(...JSON.parse(String((await body.toArray())[0])))
        await assert.rejects(queries.segment({ ...place, index: place.index + 1 }), { status: 404 })
        await queries.acknowledge(place)
        await assert.rejects(queries.segment(place), { status: 410 })
      }
      if (answer.nextUri === undefined) break
    }
    assert.deepEqual(
      rows.flat(),
      Array.from({ length: 200 }, (_, n) => n),
    )
    assert.equal(files.size, 0)
  })

  test('go with the answer when there is no room for them', async () => {
    const { submit, ask, succeed, lines } = startGateway({
      segments: { put: async () => false, sweep: async () => undefined } as never,
    })
    const first = await submit('SELECT 1', ENCODED)
    lines.text = many(200)
    succeed()
    assert.equal(((await ask(first)).data as Encoded).segments[0]!.type, 'inline')
  })

  test('are encoded also by a core that was started in between', async () => {
    const before = startGateway()
    const first = await before.submit('SELECT 1', ENCODED)
    before.succeed()
    const after = startGateway()
    after.jobs.set(1n, before.jobs.get(1n)!)
    assert.equal(((await after.ask(first)).data as Encoded).encoding, 'json+zstd')
  })

  test('go when the client cancels', async () => {
    const { queries, submit, ask, succeed, lines, files } = startGateway()
    const first = await submit('SELECT 1', ENCODED)
    lines.text = many(200)
    succeed()
    await ask(first)
    assert.equal(files.size, 1)
    await queries.cancel(first.id, { slug: placeOf(first.nextUri!).slug })
    assert.equal(files.size, 0)
  })
})
