import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, globSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

/** The tests that are about SQL and connections; the rest is about the embedded server. */
const FILES = [
  'src/database/write.pg.test.ts',
  'src/database/database.pg.test.ts',
  'src/database/prepare.pg.test.ts',
  'src/catalog/identity.pg.test.ts',
]
const binaries = globSync('/usr/lib/postgresql/1[5-8]/bin').sort().at(-1)
const reason =
  binaries === undefined && process.env.REQUIRE_CLIENTS !== '1'
    ? 'no PostgreSQL 15 to 18 of the distribution is installed'
    : false

describe(`an external PostgreSQL (${binaries ?? 'none'})`, { skip: reason }, () => {
  let directory: string
  let port: number
  let server: ReturnType<typeof spawn>
  const owner = process.getuid?.() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : {}
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-pg-'))
    const cluster = join(directory, 'data')
    mkdirSync(cluster, { mode: 0o700 })
    chmodSync(directory, 0o711)
    if (owner.uid !== undefined) chownSync(cluster, owner.uid, owner.gid!)
    execFileSync(
      join(binaries!, 'initdb'),
      ['-D', cluster, '-U', 'tester', '--auth=trust', '--no-sync', '-E', 'UTF8', '--locale=C'],
      { ...owner, stdio: 'pipe', cwd: '/' },
    )
    port = await freePort()
    const args = [
      '-D',
      cluster,
      '-p',
      String(port),
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      `unix_socket_directories=${cluster}`,
      '-c',
      'wal_level=logical',
      '-c',
      'fsync=off',
    ]
    server = spawn(join(binaries!, 'postgres'), args, { ...owner, stdio: 'ignore', cwd: '/' })
    for (let tries = 0; tries < 200; tries++) {
      try {
        execFileSync(join(binaries!, 'pg_isready'), ['-h', '127.0.0.1', '-p', String(port)], {
          stdio: 'ignore',
        })
        return
      } catch {
        // Not ready yet; the loop ends with an error when it never is.
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }
    throw new Error('the external PostgreSQL did not start')
  })
  after(async () => {
    server?.kill('SIGINT')
    if (server && server.exitCode === null) await once(server, 'exit')
    rmSync(directory, { recursive: true, force: true })
  })

  test('runs the same migrations and keeps the same promises', async () => {
    const env = {
      ...process.env, // Otherwise the inner runner takes itself for a test file of this one and runs nothing.
      NODE_TEST_CONTEXT: undefined,
      MILLRACE_TEST_DATABASE_URL: `postgres://tester@127.0.0.1:${port}/postgres`,
    }
    const child = spawn(process.execPath, ['script/run-tests.ts', ...FILES], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (output += part))
    const [code] = await once(child, 'exit')
    assert.equal(code, 0, output)
    assert.match(output, /[1-9]\d* passed, 0 failed/)
  })
})

function idOf(flag: string): number {
  return Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}
