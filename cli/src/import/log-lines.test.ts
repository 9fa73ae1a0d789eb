import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createLineReader, LINE_FORMATS } from './log-lines.ts'
import { collected } from './testing.ts'

function read(format: string, text: string, pieceBytes = 1 << 20) {
  const { sink, found } = collected()
  const reader = createLineReader(LINE_FORMATS[format]!, { allString: false }, sink)
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += pieceBytes) reader.push(bytes.subarray(at, at + pieceBytes))
  reader.end()
  return found
}

describe('a log file', () => {
  test('of Apache is read in its common and its combined form', () => {
    const text =
      '127.0.0.1 - - [23/Oct/2011:08:20:01 -0700] "GET / HTTP/1.0" 200 492 "-" "Wget/1.12 (linux-gnu)"\r\n' +
      '::1 - ada [23/Oct/2011:08:20:02 -0700] "POST /a b?c=\\"d\\" HTTP/1.1" 404 -\n' +
      'broken line\n' +
      '10.0.0.1 - - [23/Oct/2011:08:20:03 -0700] "-" 408 0 "-" "-"'
    for (const piece of [5, 1000]) {
      const { rows, rejected } = read('apache', text, piece)
      assert.deepEqual(rows[0], {
        line: 1,
        host: '127.0.0.1',
        user: null,
        time: '23/Oct/2011:08:20:01 -0700',
        method: 'GET',
        path: '/',
        code: 200,
        size: 492,
        referer: null,
        agent: 'Wget/1.12 (linux-gnu)',
      })
      assert.equal(rows[1]!.path, '/a b?c=\\"d\\"')
      assert.equal(rows[1]!.user, 'ada')
      assert.equal(rows[1]!.size, null)
      assert.equal(rows[2]!.method, null)
      assert.deepEqual(rejected, [{ line: 3, reason: 'not of the form of apache', source: 'broken line\n' }])
    }
  })

  test('of syslog is read with and without a process id', () => {
    const { rows } = read(
      'syslog',
      'Dec 20 12:41:44 localhost kernel: [4843680.692840] e1000e: eth2 NIC Link is Down\nMar  1 02:00:00 db sshd[42]: 7\n',
    )
    assert.deepEqual(rows, [
      {
        line: 1,
        time: 'Dec 20 12:41:44',
        host: 'localhost',
        ident: 'kernel',
        pid: null,
        message: '[4843680.692840] e1000e: eth2 NIC Link is Down',
      },
      { line: 2, time: 'Mar  1 02:00:00', host: 'db', ident: 'sshd', pid: 42, message: '7' },
    ])
  })
})
