import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { COMMANDS, helpText, parseCommandLine } from './command-line.ts'

describe('the command line', () => {
  test('turns options into settings, which win over the environment', () => {
    const { command, env } = parseCommandLine(['up', '--port', '9000', '--plain-http'], {
      MILLRACE_PORT: '1',
      HOME: '/h',
    })
    assert.equal(command, 'up')
    assert.deepEqual(env, { MILLRACE_PORT: '9000', MILLRACE_PLAIN_HTTP: 'true', HOME: '/h' })
  })
  test('suggests the command or option that was meant', () => {
    assert.throws(() => parseCommandLine(['upp'], {}), {
      code: 'unknown_option',
      message: /did you mean 'up'\?/,
    })
    assert.throws(() => parseCommandLine(['up', '--prot=1'], {}), { message: /did you mean '--port'\?/ })
  })
  test('refuses a word too many and an option without its value', () => {
    assert.throws(() => parseCommandLine(['up', 'now'], {}), { message: /'now' is one word too many/ })
    assert.throws(() => parseCommandLine(['up', '--port'], {}), { message: /--port needs a value: PORT/ })
  })
  test('explains every command with its options and an example', () => {
    for (const name of Object.keys(COMMANDS)) {
      const text = helpText(name)
      assert.match(text, /usage: millrace/)
      assert.match(text, /examples:\n {2}millrace /)
      assert.deepEqual(parseCommandLine([name, '--help'], {}).words, [name])
    }
    assert.match(helpText(), /millrace COMMAND/)
  })
})
