import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, watch } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { restClient } from '../../script/support/client.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { missingJava, withRetries } from './java-support.ts'

/** Drivers as people have them: today's, the last for Java 8 without surprises, and those from before the project had its name. */
const DRIVERS = [
  { artifact: 'io.trino:trino-jdbc:476', scheme: 'trino', fetchesSegments: true },
  { artifact: 'io.trino:trino-jdbc:351', scheme: 'trino' },
  { artifact: 'io.prestosql:presto-jdbc:350', scheme: 'presto' },
  { artifact: 'com.facebook.presto:presto-jdbc:0.289', scheme: 'presto' },
]
const SOURCE = 'test/clients/jdbc/src/main/java/millrace/Jdbc.java'
const PASSWORD = 'changeit'

describe('JDBC drivers of Presto and Trino over TLS', { skip: missingJava() }, () => {
  let server: TestServer
  let work: string
  let trustStore: string
  before(async () => {
    work = mkdtempSync(join(tmpdir(), 'millrace-jdbc-'))
    server = await startServer({ args: ['--tls', 'self-signed'], env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } })
    trustStore = join(work, 'trust.jks')
    execFileSync(
      'keytool',
      [
        ...[
          '-importcert',
          '-noprompt',
          '-alias',
          'millrace',
          '-file',
          join(server.dataDir, 'tls', 'self-signed.pem'),
        ],
        ...['-keystore', trustStore, '-storepass', PASSWORD, '-storetype', 'JKS'],
      ],
      { stdio: 'pipe' },
    )
    execFileSync('javac', ['-nowarn', '-d', work, SOURCE], { stdio: 'pipe' })
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
    const client = restClient(server.url, server.apiKey)
    for (const name of ['shop', 'my_db', 'myxdb']) await client.ensure(`/v3/database/create/${name}`)
    await client.ensure('/v3/table/create/shop/orders/log')
    await client.importRecords('shop', 'orders', 'o1', [{ time: 1_700_000_000, name: 'a', amount: 1.5 }])
    for (let tries = 0; tries < 200; tries++) {
      const { rows } = await client.query('shop', 'SELECT count(*) FROM orders')
      if (Number(rows[0]![0]) === 1) break
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  })
  after(async () => {
    await server?.stop()
    server?.remove()
    rmSync(work, { recursive: true, force: true })
  })

  for (const { artifact, scheme, fetchesSegments = false } of DRIVERS)
    test(`${artifact}: metadata, types, session, prepared statements, writes, errors, limits, cancel, a million rows`, async () => {
      const [, name, version] = artifact.split(':')
      withRetries(() =>
        execFileSync(
          'mvn',
          [
            ...['-q', '-B', 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy'],
            ...[`-Dartifact=${artifact}`, `-DoutputDirectory=${work}`, '-Dmdep.useBaseVersion=true'],
          ],
          { stdio: 'pipe' },
        ),
      )
      const { port } = new URL(server.gatewayUrl)
      const segments = watchSegments(server.dataDir)
      const { stdout } = await promisify(execFile)(
        'java',
        [
          ...['-cp', `${work}:${join(work, `${name}-${version}.jar`)}`, 'millrace.Jdbc'],
          ...[`jdbc:${scheme}://localhost:${port}/td-presto`, server.apiKey, trustStore, PASSWORD],
        ],
        { timeout: 400_000 },
      )
      assert.match(stdout, /walked/)
      const { seen, left } = segments.end()
      assert.equal(seen > 0, fetchesSegments, `${seen} segments were made`)
      // The last acknowledgement may be on its way when the driver's process ends.
      assert.ok(left <= 1, `${left} of them were not acknowledged`)
    })
})

/** Counts the segments that stand in the data directory meanwhile. */
function watchSegments(dataDir: string): { end(): { seen: number; left: number } } {
  const directory = join(dataDir, 'gateway', 'segments')
  const names = new Set<string>()
  const watcher = watch(directory, { recursive: true }, (_event, name) => {
    if (name !== null && /\/\d+$/.test(name)) names.add(name)
  })
  return {
    end() {
      watcher.close()
      const left = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((file) =>
        file.isFile(),
      )
      return { seen: names.size, left: left.length }
    },
  }
}
