import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createRegistry, silentLog } from '../kernel/index.ts'
import { worstDelays } from './admin-view.ts'
import { selfSignedCertificate } from './self-signed.ts'
import { certificateMetrics } from './supervisor-metrics.ts'

test('the end of the certificate is told, and that of its successor without a restart', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-certificate-'))
  const path = join(directory, 'chain.pem')
  const write = (days: number) =>
    writeFileSync(
      path,
      selfSignedCertificate({ hosts: ['localhost'], from: new Date('2026-01-01T00:00:00Z'), days })
        .certificatePem,
    )
  let nowMs = 0
  const registry = createRegistry('supervisor')
  certificateMetrics(registry, { path, clock: { monotonicMs: () => nowMs }, log: silentLog })
  const told = async () => Number(/\} (\d+)$/m.exec(await registry.metrics())![1])
  write(365)
  assert.equal(await told(), Date.parse('2027-01-01T00:00:00Z') / 1000)
  write(730)
  nowMs = 600_000
  assert.equal(await told(), Date.parse('2028-01-01T00:00:00Z') / 1000)
  rmSync(directory, { recursive: true })
})

test('a table that comes through several loaders is listed with its worst delay', () => {
  const delay = (table: string, delaySeconds: number) => ({ table, delaySeconds, committedAtMs: 1 })
  assert.deepEqual(worstDelays([delay('a.b', 1), delay('a.c', 3), delay('a.b', 5), delay('a.b', 2)], 2), [
    delay('a.b', 5),
    delay('a.c', 3),
  ])
})
