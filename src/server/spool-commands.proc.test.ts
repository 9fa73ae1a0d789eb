import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { encode } from '@msgpack/msgpack'
import { silentLog, systemClock } from '../kernel/index.ts'
import { openSpoolWriter, readSpoolSettings } from '../spool/index.ts'

const command = join(import.meta.dirname, '..', '..', 'bin', 'millrace')

function millrace(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) =>
    execFile(command, args, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
    ),
  )
}

describe('millrace spool', () => {
  let dataDir: string
  const packed = gzipSync(
    Buffer.concat([encode({ time: 7, big: 2n ** 63n }, { useBigInt64: true }), encode({ time: 8 })]),
  )
  before(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'millrace-spool-cli-'))
    const writer = await openSpoolWriter({
      directory: join(dataDir, 'spool', 'ingest-0'),
      settings: readSpoolSettings({ MILLRACE_SPOOL_SEGMENT_BYTES: '1048576' }),
      clock: systemClock,
      log: silentLog,
      onFatal: () => undefined,
    })
    const base = {
      receivedAtMs: 1_795_342_228_000,
      accountId: 1n,
      keyId: 2n,
      database: 'harbour',
      table: 'boats',
      tableId: 3n,
    }
    await writer.append({ ...base, kind: 'import', uniqueId: 'chunk-1', facts: {}, body: packed })
    await writer.append({
      ...base,
      kind: 'events',
      uniqueId: '',
      facts: { channel: 'js' },
      body: Buffer.from('{"name":"Skua"}'),
    })
    await writer.close()
  })
  after(() => rmSync(dataDir, { recursive: true, force: true }))

  test('ls says what waits to be loaded', async () => {
    const { code, stdout } = await millrace('spool', 'ls', '--data-dir', dataDir)
    assert.equal(code, 0)
    assert.match(
      stdout,
      /^ingest-0 {2}2 requests to load \(0\.0 MB, oldest -?[\d.]+ s\) · 1 segments, loaded up to the beginning\n$/,
    )
  })

  test('show looks into the requests', async () => {
    const { stdout } = await millrace('spool', 'show', 'ingest-0', '--data-dir', dataDir)
    assert.match(stdout, /import {2}harbour\.boats .* id chunk-1/)
    assert.match(stdout, /\{"time":7,"big":"9223372036854775808"\}\n {4}\{"time":8\}/)
    assert.match(stdout, /\{"name":"Skua"\}/)
    const one = await millrace('spool', 'show', 'ingest-0', '--data-dir', dataDir, '--limit', '1', '--json')
    assert.equal(JSON.parse(one.stdout).uniqueId, 'chunk-1')
  })

  test('export writes bodies as they were received, and overwrites nothing', async () => {
    const target = join(dataDir, 'rescued')
    const { code, stdout } = await millrace('spool', 'export', 'ingest-0', target, '--data-dir', dataDir)
    assert.equal(code, 0)
    assert.match(stdout, /^2 requests in /)
    const lines = readFileSync(join(target, 'records.ndjson'), 'utf8').trim().split('\n')
    const [first, second] = lines.map((line) => JSON.parse(line))
    assert.deepEqual(readFileSync(join(target, first.file)), packed)
    assert.equal(readFileSync(join(target, second.file), 'utf8'), '{"name":"Skua"}')
    assert.notEqual((await millrace('spool', 'export', 'ingest-0', target, '--data-dir', dataDir)).code, 0)
  })

  test('names the spools there are when asked for another', async () => {
    const { code, stderr } = await millrace('spool', 'show', 'ingest-9', '--data-dir', dataDir)
    assert.equal(code, 2)
    assert.match(stderr, /there are: ingest-0/)
  })
})
