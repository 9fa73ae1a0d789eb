import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseAgent, readPatterns } from './user-agents.ts'

describe('the patterns of User-Agents', () => {
  test('are read from the YAML they come in', () => {
    const text = `# comment
user_agent_parsers:
  #### section
  - regex: '(It''s) (\\d+)' # why
    family_replacement: "A \\"b\\""
  - regex: 'x'
    regex_flag: i

os_parsers:
  - regex: 'y'
`
    assert.deepEqual(Object.fromEntries(readPatterns(text)), {
      user_agent_parsers: [
        { regex: "(It's) (\\d+)", family_replacement: 'A "b"' },
        { regex: 'x', regex_flag: 'i' },
      ],
      os_parsers: [{ regex: 'y' }],
    })
  })

  test('refuse a line of another form', () => {
    for (const line of ['  - regex: [a]\n   next', '  - {regex: x}', 'a: b: c', '  - regex:\n'])
      assert.throws(() => readPatterns(`user_agent_parsers:\n${line}\n`), SyntaxError, line)
  })

  test('look at the beginning of a text that never ends, in time that does', () => {
    const startedMs = performance.now()
    for (const text of ['Mozilla/'.repeat(100_000), '; '.repeat(100_000), 'Android 1'.repeat(50_000)])
      assert.equal(typeof parseAgent(text).user_agent.family, 'string')
    assert.ok(performance.now() - startedMs < 5000)
  })
})
