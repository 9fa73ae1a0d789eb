import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Channel, channelOn, type Port } from '../kernel/index.ts'
import { createDatabase } from './databases.ts'
import { createTable } from './tables.ts'
import { startAccountForTests, startTestCatalog } from './testing.ts'

/** 300 in CI; by hand: `MILLRACE_TEST_CREATES=10000 node --test src/catalog/create.proc.test.ts` */
const CREATES = Number(process.env.MILLRACE_TEST_CREATES ?? 300)

async function startReader(dataDir: string): Promise<{ child: ChildProcess; channel: Channel }> {
  const child = fork(join(import.meta.dirname, 'reader-testing.ts'), [dataDir])
  const channel = channelOn(child as unknown as Port)
  await new Promise<void>((resolve) => channel.on('ready', () => resolve()))
  return { child, channel }
}

test(`a table is known to an ingest process the moment its creation is answered, ${CREATES} times`, async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-catalog-'))
  const { child, channel } = await startReader(dataDir)
  t.after(() => child.kill('SIGKILL'))
  const catalog = await startTestCatalog({ dataDir, channel })
  t.after(() => catalog.stop())
  const { actor, owner } = await startAccountForTests(catalog)
  await createDatabase(catalog.routeDeps, actor, 'shop')

  const elapsed: number[] = []
  const missed: string[] = []
  for (let i = 0; i < CREATES; i++) {
    const startedMs = performance.now()
    await createTable(catalog.routeDeps, actor, { database: 'shop', table: `table_${i}`, type: 'log' })
    elapsed.push(performance.now() - startedMs)
    const question = { accountId: String(owner.accountId), database: 'shop', table: `table_${i}` }
    const kind = await channel.ask('find-table', question, { timeoutMs: 5000 })
    if (kind !== 'found') missed.push(`table_${i}: ${kind}`)
  }
  assert.deepEqual(missed, [])
  const absent = { accountId: String(owner.accountId), database: 'shop', table: 'never_made' }
  assert.equal(await channel.ask('find-table', absent, { timeoutMs: 5000 }), 'absent')
  elapsed.sort((a, b) => a - b)
  const at = (share: number) => elapsed[Math.floor(share * (elapsed.length - 1))]!.toFixed(1)
  t.diagnostic(`create: median ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms`)
})
