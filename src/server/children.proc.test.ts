import assert from 'node:assert/strict'
import { join } from 'node:path'
import { afterEach, describe, test } from 'node:test'
import { silentLog, systemClock } from '../kernel/index.ts'
import { type Children, createChildren } from './children.ts'
import { holdSocket } from './listeners.ts'
import { createLogStream } from './log-stream.ts'

const until = async (fact: () => boolean | Promise<boolean>, withinMs = 10_000) => {
  const endMs = performance.now() + withinMs
  while (!(await fact())) {
    if (performance.now() > endMs) throw new Error('it did not come true in time')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe('children of the supervisor', () => {
  let children: Children
  let lines: string[]
  afterEach(() => children.killAll())
  function create() {
    lines = []
    const stream = createLogStream({ format: 'json', colours: false, write: (text) => lines.push(text) })
    children = createChildren({
      entry: join(import.meta.dirname, 'testing', 'echo-child.ts'),
      clock: systemClock,
      log: silentLog,
      stream,
      onMessage: () => undefined,
      onReady: () => undefined,
      onEnd: () => undefined,
    })
  }
  const start = (name: string, behaviour: string, socketFd?: number) =>
    children.start({
      name,
      args: [name, behaviour],
      env: process.env,
      socketFds: socketFd === undefined ? [] : [socketFd],
    })
  const view = (name: string) => children.views().find((one) => one.name === name)!
  const isReady = (name: string) => () => view(name).state === 'ready'

  test('are started again after kill -9, and no connection is refused meanwhile', async () => {
    create()
    const socket = await holdSocket('127.0.0.1', 0)
    const get = async () =>
      (await fetch(`http://127.0.0.1:${socket.port}/`, { headers: { connection: 'close' } })).text()
    start('ingest-0', 'serves', socket.fd)
    await until(isReady('ingest-0'))
    const first = await get()
    let answered = 0
    for (let round = 0; round < 5; round++) {
      await until(isReady('ingest-0'))
      process.kill(view('ingest-0').pid!, 'SIGKILL')
      for (let i = 0; i < 20; i++) {
        // A connection that the killed process had already accepted dies with it; a new one never does.
        await get().then(
          () => answered++,
          (error: unknown) => assert.doesNotMatch(String((error as Error).cause), /ECONNREFUSED/),
        )
      }
    }
    assert.ok(answered >= 95, `${answered} of 100 requests were answered`)
    assert.notEqual(await get(), first)
    assert.equal(view('ingest-0').restarts, 5)
    socket.close()
  })

  test('talk to each other by name and by role through the supervisor', async () => {
    create()
    for (const name of ['core-0', 'ingest-0', 'ingest-1']) start(name, 'talks')
    for (const name of ['core-0', 'ingest-0', 'ingest-1']) await until(isReady(name))
    assert.equal(
      await children.ask('core-0', 'ask-other', 'ingest-0', 2_000),
      'ingest-0 heard a question from core-0',
    )
    assert.deepEqual(await children.ask('core-0', 'ask-other', 'ingest', 2_000), [
      'ingest-0 heard a question from core-0',
      'ingest-1 heard a question from core-0',
    ])
  })

  test('that are asked while they are gone refuse with "try again"', async () => {
    create()
    start('core-0', 'talks')
    await until(isReady('core-0'))
    await assert.rejects(
      children.ask('core-0', 'ask-other', 'ingest-7', 2_000),
      /ingest-7 is not running at the moment/,
    )
    await assert.rejects(children.ask('worker-0', 'hello', '', 100), { code: 'child_gone', advice: 'retry' })
  })

  test('that die at once are started again with growing waits, not in a busy loop', async () => {
    create()
    start('core-0', 'dies-at-start')
    await until(() => view('core-0').restarts >= 3)
    assert.equal(view('core-0').state, 'waiting')
  })

  test('are replaced when asked to, which is no failure; what hangs is killed and replaced all the same', async () => {
    create()
    start('core-0', 'talks')
    start('loader-0', 'never-drains')
    for (const [name, seconds] of [
      ['core-0', 10],
      ['loader-0', 0.2],
    ] as const) {
      await until(isReady(name))
      const { pid } = view(name)
      await children.restart(name, seconds)
      await until(isReady(name))
      assert.notEqual(view(name).pid, pid)
      assert.deepEqual([view(name).restarts, view(name).planned], [0, 1])
    }
    await assert.rejects(children.restart('worker-7', 1), { code: 'child_gone' })
  })

  test('that are ended while they are being replaced have no successor', async () => {
    create()
    start('loader-0', 'never-drains')
    await until(isReady('loader-0'))
    await Promise.all([children.restart('loader-0', 0.2), children.stop('loader-0', 0.4)])
    assert.deepEqual([view('loader-0').state, view('loader-0').pid], ['stopped', undefined])
  })

  test('drain rank by rank, and one that does not drain in time is killed', async () => {
    create()
    start('ingest-0', 'talks')
    start('core-0', 'talks')
    await until(isReady('ingest-0'))
    await until(isReady('core-0'))
    await children.drainInOrder()
    assert.deepEqual(
      lines
        .map((line) => JSON.parse(line))
        .filter(({ msg }) => msg === 'drained')
        .map(({ process: name }) => name),
      ['ingest-0', 'core-0'],
    )
    start('loader-0', 'never-drains')
    await until(isReady('loader-0'))
    await children.stop('loader-0', 0.2)
    assert.equal(view('loader-0').state, 'stopped')
  })
})
