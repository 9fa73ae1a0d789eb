import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { restClient } from '../../script/support/client.ts'
import { startWriter, until } from '../faults/support.ts'
import { startServer } from '../support/server.ts'
import { type ExternalServer, startExternal } from './postgresql/external-server.ts'
import { installVersions } from './postgresql/install.ts'

/** Migrations, login roles, fencing: what differs between versions of PostgreSQL. */
const ROLES = ['src/database/prepare.pg.test.ts', 'src/server/main-database.pg.test.ts']
/** The tests that are about SQL and connections; the rest is about the embedded server. */
const ALL = [
  ...ROLES,
  'src/database/write.pg.test.ts',
  'src/database/database.pg.test.ts',
  'src/catalog/identity.pg.test.ts',
]
const mustRun = process.env.REQUIRE_CLIENTS === '1'
const room = mkdtempSync(join(tmpdir(), 'millrace-postgresql-'))
chmodSync(room, 0o711)
after(() => rmSync(room, { recursive: true }))

const ofDistribution = globSync('/usr/lib/postgresql/1[5-8]/bin').sort().at(-1)
const installed = await installVersions(room)
const SERVERS = [
  {
    name: `of the distribution (${ofDistribution ?? 'none'})`,
    binaries: ofDistribution,
    files: ALL,
    killed: false,
  },
  { name: '16', binaries: installed.get(16), files: ROLES, killed: true },
  { name: '17', binaries: installed.get(17), files: ROLES, killed: true },
]

// Side by side, as each waits for its own server most of the time.
describe('an external PostgreSQL', { concurrency: true }, () => {
  for (const { name, binaries, files, killed } of SERVERS) {
    const reason = binaries === undefined && !mustRun ? 'it is not installed here' : false
    describe(name, { skip: reason, concurrency: 1 }, () => {
      let external: ExternalServer
      before(async () => {
        assert.ok(binaries, 'it is not installed here')
        external = await startExternal(binaries)
      })
      after(() => external?.remove())

      test('runs the same migrations and keeps the same promises', async () => {
        const env = {
          ...process.env,
          // Otherwise the inner runner takes itself for a test file of this one and runs nothing.
          NODE_TEST_CONTEXT: undefined,
          MILLRACE_TEST_DATABASE_URL: external.url('postgres'),
        }
        const child = spawn(process.execPath, ['script/run-tests.ts', ...files], {
          env,
          stdio: ['ignore', 'pipe', 'pipe'],
        })
        let output = ''
        for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (output += part))
        const [code] = await once(child, 'exit')
        assert.equal(code, 0, output)
        assert.match(output, /[1-9]\d* passed, 0 failed/)
      })

      const comesBack =
        'is killed under a running Millrace and comes back: nothing acknowledged is lost or doubled'
      if (!killed) return
      test(comesBack, async () => {
        await external.query('CREATE DATABASE mill')
        const server = await startServer({ env: { MILLRACE_DATABASE_URL: external.url('mill') } })
        try {
          const client = restClient(server.url, server.apiKey)
          await client.ensure('/v3/database/create/shop')
          await client.ensure('/v3/table/create/shop/orders/log')
          const writer = startWriter(() => server, 'shop/orders', 'w')
          await until(() => writer.sent.length > 20, 'the writer writes')
          await external.kill()
          const atKill = writer.sent.length
          await until(() => writer.sent.length > atKill + 20, 'the writer goes on without the database')
          await external.start()
          await writer.stop()
          assert.deepEqual(writer.wrong, [])
          const expected = writer.sent.reduce((total, { rows }) => total + rows, 0)
          const count = async () =>
            (await client.query('shop', 'SELECT count(*) FROM orders')).rows[0]![0] as number
          await until(async () => (await count()) >= expected, 'every row is there', 30_000)
          assert.equal(await count(), expected)
        } finally {
          await server.stop()
          server.remove()
        }
      })
    })
  }
})
