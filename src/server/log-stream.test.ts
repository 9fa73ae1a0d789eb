import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createLogStream, type LogFormat } from './log-stream.ts'

function rendered(format: LogFormat, line: string): string {
  let text = ''
  const stream = createLogStream({ format, colours: false, write: (part) => (text += part) })
  stream.line('loader-0', line)
  return text
}
const entry = JSON.stringify({
  level: 30,
  time: '2026-11-22T10:00:00.123Z',
  process: 'loader-0',
  rows: 12,
  msg: 'batch committed',
})

describe('the log stream', () => {
  test('shows people time, level, process, message and fields', () => {
    assert.equal(rendered('pretty', entry), '10:00:00.123 info  loader-0   batch committed  rows=12\n')
  })
  test('passes JSON lines on unchanged', () => {
    assert.equal(rendered('json', entry), `${entry}\n`)
  })
  test('wraps a line that is no JSON, so that a crash is seen in both forms', () => {
    assert.equal(rendered('pretty', 'Segmentation fault'), 'loader-0   Segmentation fault\n')
    assert.deepEqual(JSON.parse(rendered('json', '{broken')), {
      level: 40,
      process: 'loader-0',
      msg: '{broken',
    })
  })
  test('indents a stack under its line', () => {
    const failed = JSON.stringify({
      level: 50,
      process: 'core',
      msg: 'request failed',
      err: { stack: 'Error: x\n  at y' },
    })
    assert.match(rendered('pretty', failed), /request failed\n {4}Error: x\n {6}at y\n$/)
  })
})
