import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import type { ServerResponse } from 'node:http'
import net from 'node:net'
import { describe, test } from 'node:test'
import type { SpoolWriter } from '../../spool/index.ts'
import { KEY, testDirectory, withEdge } from '../testing.ts'
import { createRepeats, type Mark } from './repeats.ts'
import { bearer, postRecords, RECORDS, send, spooled } from './testing.ts'

/** As much of a response as matters: whether its answer got out before its connection was closed. */
function response() {
  const events = new EventEmitter() as EventEmitter & { closed: boolean; writableFinished: boolean }
  events.closed = false
  events.writableFinished = false
  return Object.assign(events, {
    as: events as unknown as ServerResponse,
    end(finished: boolean) {
      events.closed = true
      events.writableFinished = finished
      events.emit('close')
    },
  })
}

function scene({ alone = true } = {}) {
  const clock = { nowMs: 0, monotonicMs: () => clock.nowMs }
  const repeats = createRepeats(clock, { alone, mostRemembered: 100 })
  let stored = 0
  const store = async () => {
    stored++
  }
  return { clock, repeats, store, stored: () => stored }
}

describe("a browser's own repeat", () => {
  test('of a request that was stored and never answered is answered without storing it again', async () => {
    const { repeats, store, stored } = scene()
    const [first, second, third] = [response(), response(), response()]
    assert.equal(await repeats.once('a', first.as, store), false)
    first.end(false)
    assert.equal(await repeats.once('a', second.as, store), true)
    second.end(false)
    assert.equal(await repeats.once('a', third.as, store), true, 'also when the repeat was cut in its turn')
    third.end(true)
    assert.equal(stored(), 1)
    assert.equal(await repeats.once('a', response().as, store), false, 'after an answer it is a new event')
    assert.equal(stored(), 2)
  })

  test('is told from a second event by the answer of the first: that one is waited for', async () => {
    const { repeats, store, stored } = scene()
    for (const answered of [true, false]) {
      const first = response()
      await repeats.once('a', first.as, store)
      const second = response()
      const fate = repeats.once('a', second.as, store)
      first.end(answered)
      assert.equal(await fate, !answered)
      second.end(true)
    }
    assert.equal(stored(), 3)
  })

  test('of one that was refused is stored, also when nobody heard the refusal', async () => {
    const { repeats, store, stored } = scene()
    const first = response()
    await assert.rejects(repeats.once('a', first.as, () => Promise.reject(new Error('full'))))
    first.end(false)
    assert.equal(await repeats.once('a', response().as, store), false)
    assert.equal(stored(), 1)
  })

  test('comes within a minute; later it is an event', async () => {
    const { clock, repeats, store, stored } = scene()
    const first = response()
    await repeats.once('a', first.as, store)
    first.end(false)
    clock.nowMs = 60_001
    assert.equal(await repeats.once('a', response().as, store), false)
    assert.equal(stored(), 2)
  })

  test('of a connection that was gone before anything was stored counts as one too', async () => {
    const { repeats, store } = scene()
    const first = response()
    first.end(false)
    await repeats.once('a', first.as, store)
    assert.equal(await repeats.once('a', response().as, store), true)
  })

  test('may be of a request this process does not know: in its first minute, beside others, after forgetting', async () => {
    const markOf = async ({ repeats }: ReturnType<typeof scene>, same: string) => {
      let given: Mark | undefined
      const answer = response()
      await repeats.once(same, answer.as, async (mark) => {
        given = mark
      })
      answer.end(true)
      return given
    }
    const one = scene()
    assert.equal(await markOf(one, 'a'), 'suspect')
    await settled()
    assert.equal(await markOf(one, 'a'), 'distinct', 'it has answered the first itself')
    one.clock.nowMs = 60_000
    assert.equal(await markOf(one, 'b'), 'first')
    assert.equal(await markOf(one, 'a'), 'distinct')
    for (let i = 0; i < 101; i++) {
      const cut = response()
      await one.repeats.once(`${i}`, cut.as, one.store)
      cut.end(false)
    }
    assert.equal(await markOf(one, 'c'), 'suspect')
    const beside = scene({ alone: false })
    beside.clock.nowMs = 1e9
    assert.equal(await markOf(beside, 'a'), 'suspect')
    await settled()
    assert.equal(await markOf(beside, 'a'), 'distinct')
  })
})

const settled = () => new Promise((resolve) => setImmediate(resolve))

const PATH = `${RECORDS}?modified=1795341805964`
const BODY = '{"events":[{"n":1}]}'

function rawPost(port: number): net.Socket {
  const socket = net.connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write(
    `POST ${PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: TD1 ${KEY}\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`,
  )
  return socket
}

/** A spool that holds back what it is given until it is let go. */
function heldSpool(spool: SpoolWriter) {
  const gate = Promise.withResolvers<void>()
  const arrived = Promise.withResolvers<void>()
  const append: SpoolWriter['append'] = async (record) => {
    arrived.resolve()
    await gate.promise
    return spool.append(record)
  }
  return { spool: { ...spool, append }, arrived: arrived.promise, letGo: gate.resolve }
}

describe('through the edge', () => {
  test('a POST whose connection was cut before the answer, and sent again, is one record; after an answer it is two', async () => {
    let held: ReturnType<typeof heldSpool> | undefined
    await withEdge(
      {},
      async (edge) => {
        const first = rawPost(edge.port)
        await held!.arrived
        first.destroy()
        await once(first, 'close')
        const again = send(edge.port, 'POST', PATH, { headers: bearer, body: BODY })
        held!.letGo()
        assert.equal((await again).status, 200)
        assert.equal((await spooled(edge)).length, 1)
        assert.match(await edge.registry.metrics(), /millrace_ingest_repeats_total\{channel="browser"\} 1/)

        assert.equal((await send(edge.port, 'POST', PATH, { headers: bearer, body: BODY })).status, 200)
        const records = await spooled(edge)
        assert.equal(records.length, 2)
        assert.match(records[0]!.facts.same!, /^[0-9a-f]{32}$/)
        assert.equal(records[0]!.facts.suspect, '1', 'in the first minute of a process')
        assert.deepEqual(records[1]!.facts, { channel: 'records' }, 'known to be an event of its own')
      },
      (spool) => {
        held = heldSpool(spool)
        return held.spool
      },
    )
  })

  test('nor does it matter how early the connection was cut: the address is taken with the request', async () => {
    const asked = Promise.withResolvers<void>()
    const gate = Promise.withResolvers<void>()
    const known = testDirectory()
    const findKey: typeof known.findKey = async (sha256) => {
      asked.resolve()
      await gate.promise
      return known.findKey(sha256)
    }
    await withEdge({ directory: { ...known, findKey } }, async (edge) => {
      const first = rawPost(edge.port)
      await asked.promise
      first.resetAndDestroy()
      await once(first, 'close')
      const again = send(edge.port, 'POST', PATH, { headers: bearer, body: BODY })
      gate.resolve()
      assert.equal((await again).status, 200)
      assert.equal(new Set((await spooled(edge)).map(({ facts }) => facts.same)).size, 1)
      assert.match(
        await edge.registry.metrics(),
        /millrace_ingest_(refused_total\{code="body_cut"\}|repeats_total\{channel="browser"\}) 1/,
      )
    })
  })

  test('what no browser sent carries no such mark', () =>
    withEdge({}, async (edge) => {
      await postRecords(edge.port, BODY)
      assert.deepEqual((await spooled(edge))[0]!.facts, { channel: 'records' })
    }))
})
