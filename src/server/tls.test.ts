import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { SecureContextOptions } from 'node:tls'
import { silentLog } from '../kernel/index.ts'
import { readServerSettings } from './config.ts'
import { selfSignedCertificate } from './self-signed.ts'
import { followTls, tlsFiles } from './tls.ts'

describe('TLS', () => {
  let dataDir: string
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'millrace-tls-'))
  })
  afterEach(() => rmSync(dataDir, { recursive: true }))
  const settings = readServerSettings({ MILLRACE_TLS: 'self-signed' })
  const now = new Date()

  test('self-signed makes a certificate once and keeps it', async () => {
    const files = await tlsFiles(settings, dataDir, now)
    const first = readFileSync(files!.certificatePath, 'utf8')
    await tlsFiles(settings, dataDir, now)
    assert.equal(readFileSync(files!.certificatePath, 'utf8'), first)
  })

  test('a self-signed certificate near its end is replaced', async () => {
    const files = await tlsFiles(settings, dataDir, now)
    const first = readFileSync(files!.certificatePath, 'utf8')
    await tlsFiles(settings, dataDir, new Date(now.getTime() + 380 * 86_400_000))
    assert.notEqual(readFileSync(files!.certificatePath, 'utf8'), first)
  })

  test('files must be named', async () => {
    await assert.rejects(tlsFiles(readServerSettings({ MILLRACE_TLS: 'files' }), dataDir, now), {
      code: 'setting_invalid',
    })
  })

  test('new files are applied to a running server without a restart', async () => {
    const files = (await tlsFiles(settings, dataDir, now))!
    const applied = new Promise<SecureContextOptions>((resolve) => {
      const stop = followTls(
        files,
        (options) => {
          stop()
          resolve(options)
        },
        { log: silentLog, everyMs: 20 },
      )
    })
    const next = selfSignedCertificate({ hosts: ['new.example.org'], from: now, days: 90 })
    writeFileSync(files.keyPath, next.keyPem)
    writeFileSync(files.certificatePath, next.certificatePem)
    const options = await applied
    assert.ok(options.cert)
  })
})
