import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { EngineMessage, RunMessage } from './messages.ts'

/** Runs for minutes unless stopped, in native code, on threads that process.exit would wait for. */
const ENDLESS = 'SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range % 7 = 3'

test('an engine in the middle of a query ends at once when its owner is gone', {
  timeout: 60_000,
}, async () => {
  const room = await mkdtemp(join(tmpdir(), 'millrace-orphan-'))
  const engine = fork(fileURLToPath(new URL('process.ts', import.meta.url)), ['{"prelude":[]}'], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  try {
    const ended = once(engine, 'exit')
    const heard = async (kind: EngineMessage['kind']) => {
      for (;;) {
        const [message] = (await once(engine, 'message')) as [EngineMessage]
        if (message.kind === kind) return
      }
    }
    await heard('ready')
    const message: RunMessage = {
      kind: 'run',
      setup: [],
      sql: ENDLESS,
      lists: [],
      types: [{ kind: 'bigint' }],
      resultPath: join(room, 'result'),
      configuration: ['SET threads = 2'],
    }
    engine.send(message)
    await heard('progress')
    engine.disconnect()
    const [, signal] = await ended
    assert.equal(signal, 'SIGKILL')
  } finally {
    engine.kill('SIGKILL')
    await rm(room, { recursive: true })
  }
})
