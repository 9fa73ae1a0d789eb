import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { parseHead } from './parse.ts'
import { changedAccount, parseAccount, readSettings, writeAccount } from './settings.ts'
import { runCli } from './testing/run.ts'

describe('key and server', () => {
  let home: string
  before(() => {
    home = mkdtempSync(join(tmpdir(), 'millrace-home-'))
    mkdirSync(join(home, '.td'))
    writeFileSync(
      join(home, '.td', 'td.conf'),
      '# mine\n[account]\n  user = a@example.com\n  apikey = 1/td\n  endpoint = https://td.example.com\n[other]\n  apikey = no\n',
    )
  })
  after(() => rmSync(home, { recursive: true }))
  const settings = (args: string[], env: Record<string, string> = {}) => {
    const { apiKey, endpoint, importEndpoint } = readSettings(parseHead(args).globals, { HOME: home, ...env })
    return [apiKey, endpoint.origin, importEndpoint.origin]
  }

  test('come from options, then our variables, then td’s, then a file', () => {
    assert.deepEqual(settings([]), ['1/td', 'https://td.example.com', 'https://td.example.com'])
    const td = { TD_API_KEY: '1/env', TD_API_SERVER: 'http://h:1', TD_API_IMPORT_SERVER: 'http://h:2' }
    assert.deepEqual(settings([], td), ['1/env', 'http://h:1', 'http://h:2'])
    const ours = { ...td, MILLRACE_API_KEY: '1/ours', MILLRACE_ENDPOINT: 'http://o:1' }
    assert.deepEqual(settings([], ours), ['1/ours', 'http://o:1', 'http://h:2'])
    assert.deepEqual(settings(['-k', '1/opt', '-e', 'http://e:9'], ours), [
      '1/opt',
      'http://e:9',
      'http://h:2',
    ])
  })
  test('of files come from one file: a key never goes to the server of another', () => {
    const own = join(home, 'own.conf')
    writeFileSync(own, '[account]\n  apikey = 1/own\n')
    assert.deepEqual(settings(['-c', own]), ['1/own', 'http://127.0.0.1:8080', 'http://127.0.0.1:8080'])
  })
  test('are not guessed: a key of td without a server may be meant for the vendor’s', async () => {
    const other = mkdtempSync(join(tmpdir(), 'millrace-home-'))
    mkdirSync(join(other, '.td'))
    writeFileSync(join(other, '.td', 'td.conf'), '[account]\n  apikey = 1/td\n')
    const { exitCode, err } = await runCli(['db:list'], { env: { HOME: other } })
    assert.equal(exitCode, 2)
    assert.match(err, /names no server.*\nSay which server is meant/)
    rmSync(other, { recursive: true })
  })
  test('are refused when they are no URL, or one with a path', () => {
    assert.throws(() => settings(['-e', 'ftp://x']), {
      code: 'usage',
      message: /--endpoint: 'ftp:\/\/x' is not a URL/,
    })
    assert.throws(() => settings(['-e', 'http://x/v3']), { message: /has a path/ })
    assert.throws(() => settings(['-c', join(home, 'none.conf')]), { message: /there is no such file/ })
  })
  test('are kept in a file for their owner only, every other line as it was', () => {
    const file = join(home, 'new', 'millrace.conf')
    writeAccount(file, { apikey: '1/x', endpoint: 'http://h:1' })
    assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.deepEqual(parseAccount(readFileSync(file, 'utf8')), { apikey: '1/x', endpoint: 'http://h:1' })
    const text = '# mine\n[account]\n  user = a\n  apikey = 1/old\n\n[other]\n  apikey = theirs\n'
    assert.equal(
      changedAccount(text, { apikey: '1/new', endpoint: 'http://h:1' }),
      '# mine\n[account]\n  user = a\n  apikey = 1/new\n  endpoint = http://h:1\n\n[other]\n  apikey = theirs\n',
    )
    assert.equal(changedAccount('', { apikey: 'k' }), '[account]\n  apikey = k\n')
  })
  test('missing altogether, the error says how to get them', async () => {
    const { exitCode, err } = await runCli(['db:list'], { env: { HOME: '/nonexistent' } })
    assert.equal(exitCode, 2)
    assert.match(err, /there is no API key\nSign in with 'millrace account'/)
  })
})
