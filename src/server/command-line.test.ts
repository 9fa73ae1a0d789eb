import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { describe, test } from 'node:test'
import { COMMANDS as CLIENT_COMMANDS, runCommandLine } from '../../cli/src/index.ts'
import { COMMANDS, serverCommands } from './command-line.ts'

/** Runs a command line with nothing behind it. */
async function run(...args: string[]) {
  const ran: { name: string; words: string[]; env: Record<string, string | undefined> }[] = []
  const said = { out: '', err: '' }
  const stream = (which: 'out' | 'err') =>
    new Writable({
      write(part, _encoding, done) {
        said[which] += part
        done()
      },
    })
  const commands = serverCommands(async (name, words, env) => {
    ran.push({ name, words, env })
    return 7
  })
  const exitCode = await runCommandLine(args, [...CLIENT_COMMANDS, ...commands], {
    env: { MILLRACE_PORT: '1', HOME: '/h' },
    version: '0.0.0',
    stdout: stream('out'),
    stderr: stream('err'),
  })
  return { exitCode, ran, ...said }
}

describe('the commands of the server’s machine', () => {
  test('turn options into settings, which win over the environment', async () => {
    const { exitCode, ran } = await run('up', '--port', '9000', '--plain-http')
    assert.equal(exitCode, 7)
    assert.deepEqual(ran, [
      { name: 'up', words: [], env: { MILLRACE_PORT: '9000', MILLRACE_PLAIN_HTTP: 'true', HOME: '/h' } },
    ])
  })
  test('get their words in order, as many as were given', async () => {
    assert.deepEqual((await run('restart', 'a', 'b', '--json')).ran[0]!.words, ['a', 'b'])
    assert.deepEqual((await run('restart')).ran[0]!.words, [])
    assert.deepEqual((await run('spool', 'show', 'ingest-0')).ran[0]!.words, ['show', 'ingest-0'])
    assert.deepEqual((await run('verify', '/b')).ran[0]!.words, ['/b'])
  })
  test('are refused with exit code 2 and what was probably meant', async () => {
    for (const [args, message] of [
      [['upp'], /did you mean 'up'\?/],
      [['up', '--prot=1'], /did you mean '--port'\?/],
      [['up', 'now'], /usage: millrace up/],
      [['up', '--port'], /--port needs a value: PORT/],
      [['spool'], /usage: millrace spool ls/],
    ] as [string[], RegExp][]) {
      const { exitCode, ran, err } = await run(...args)
      assert.equal(exitCode, 2)
      assert.deepEqual(ran, [])
      assert.match(err, message)
    }
  })
  test('are explained with their options and an example each', async () => {
    for (const name of Object.keys(COMMANDS)) {
      const { out } = await run('help', name)
      assert.match(out, /usage: millrace/)
      assert.match(out, /examples:\n {2}millrace /)
      assert.equal((await run(name, '--help')).out, out)
    }
  })
})
