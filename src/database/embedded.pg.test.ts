import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { randomIds, silentLog, systemClock } from '../kernel/index.ts'
import { probeDatabase, withAdmin } from './admin.ts'
import { blockedAt, chooseAccount, parsePasswordFile } from './embedded/account.ts'
import { copyBinaries, prepareBinaries } from './embedded/binaries.ts'
import { identityOf } from './embedded/cluster.ts'
import { isAlive, parsePidFile, processesIn, readPidFile } from './embedded/pid-file.ts'
import { type Embedded, type EmbeddedOptions, startEmbedded } from './embedded/server.ts'
import { copyPreparedCluster } from './testing.ts'

const base = { clock: systemClock, log: silentLog, ids: randomIds }
const servers: Embedded[] = []
const rooms: string[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
  for (const room of rooms.splice(0)) rmSync(room, { recursive: true })
})

function newRoom() {
  const room = mkdtempSync(join(tmpdir(), 'mr-'))
  chmodSync(room, 0o711)
  rooms.push(room)
  return { dataDir: join(room, 'data'), runDir: join(room, 'run') }
}
/** As after a first start: most tests are not about initdb. */
async function preparedRoom() {
  const place = newRoom()
  await copyPreparedCluster(place.dataDir)
  return place
}
async function start(place: { dataDir: string; runDir: string }, more: Partial<EmbeddedOptions> = {}) {
  const server = await startEmbedded({ ...base, ...place, ...more })
  servers.push(server)
  return server
}
const cluster = (place: { dataDir: string }) => join(place.dataDir, 'postgres')
const remember = (server: Embedded) =>
  withAdmin(server.address, (admin) =>
    admin.query(
      'CREATE TABLE IF NOT EXISTS remembered (n int); INSERT INTO remembered VALUES (1)'.split(';')[0]!,
    ),
  )
const systemIdentifier = async (server: Embedded) => {
  const [row] = await withAdmin(server.address, (admin) =>
    admin.query<{ id: bigint }>('SELECT system_identifier AS id FROM pg_control_system()'),
  )
  return row!.id
}

describe('the embedded PostgreSQL', () => {
  test('starts from nothing, stops, and starts again with the same data', async () => {
    const place = newRoom()
    const first = await start(place)
    await remember(first)
    const id = await systemIdentifier(first)
    await first.stop()
    assert.equal(isAlive(first.pid), false)
    const second = await start(place)
    assert.equal(await systemIdentifier(second), id)
    assert.equal(second.adopted, false)
    await withAdmin(second.address, (admin) => admin.query('SELECT * FROM remembered'))
  })

  test('keeps socket, password and data to itself, and never runs as root', async () => {
    const place = await preparedRoom()
    const server = await start(place)
    assert.equal(statSync(place.runDir).mode & 0o777, 0o700)
    assert.equal(statSync(join(place.dataDir, 'postgres.password')).mode & 0o777, 0o600)
    assert.equal(statSync(cluster(place)).mode & 0o777, 0o700)
    const owner = Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))![1])
    assert.notEqual(owner, 0)
    assert.ok(parsePasswordFile(readFileSync('/etc/passwd', 'utf8')).some(({ uid }) => uid === owner))
    await assert.rejects(probeDatabase({ ...server.address, password: 'wrong' }), { code: '28P01' })
  })

  test('killed with all its processes is started again, and tells its supervisor', async () => {
    const place = await preparedRoom()
    const server = await start(place)
    await remember(server)
    const told = new Promise<void>((resolve) => server.onExit(resolve))
    for (const pid of (await processesIn(cluster(place)))!) process.kill(pid, 'SIGKILL')
    await told
    const again = await start(place)
    await withAdmin(again.address, (admin) => admin.query('SELECT * FROM remembered'))
  })

  test('is started again at once when only its postmaster was killed and the rest is still going down', async () => {
    const place = await preparedRoom()
    for (let round = 0; round < 3; round++) {
      const server = await start(place)
      const sleeping = withAdmin(server.address, (admin) => admin.query('SELECT pg_sleep(5)')).catch(
        () => 'cut',
      )
      await systemClock.sleep(50)
      process.kill(server.pid, 'SIGKILL')
      const again = await start(place)
      assert.equal(await sleeping, 'cut')
      await probeDatabase(again.address)
      await again.stop()
    }
  })

  test('left behind by a dead supervisor is taken over, watched and stopped', async () => {
    const place = await preparedRoom()
    const first = await start(place)
    const second = await start(place)
    assert.deepEqual([second.adopted, second.pid], [true, first.pid])
    const told = new Promise<void>((resolve) => second.onExit(resolve))
    process.kill(first.pid, 'SIGQUIT')
    await told
    const third = await start(place)
    const fourth = await start(place)
    await fourth.stop()
    assert.equal(isAlive(third.pid), false)
  })

  test('left behind with another socket directory is stopped and started anew', async () => {
    const place = await preparedRoom()
    const first = await start(place)
    const second = await start({ ...place, runDir: `${place.runDir}2` })
    assert.equal(second.adopted, false)
    assert.equal(isAlive(first.pid), false)
    await probeDatabase(second.address)
  })

  test('does not take another program for itself that got the number of its pid file', async () => {
    const place = await preparedRoom()
    const first = await start(place)
    await first.stop()
    const account = await chooseAccount(cluster(place))
    const other = spawn('sleep', ['60'], { ...identityOf(account), stdio: 'ignore' })
    writeFileSync(
      join(cluster(place), 'postmaster.pid'),
      `${other.pid}\n${cluster(place)}\n0\n5432\n${place.runDir}\n\n0 0\nready\n`,
    )
    const second = await start(place)
    assert.equal(second.adopted, false)
    assert.equal(isAlive(other.pid!), true, 'and it leaves the other alone')
    other.kill()
  })

  test('killed during initdb leaves nothing that looks like a database, and begins anew', async () => {
    const place = newRoom()
    for (const afterMs of [50, 250]) {
      const starting = spawn(
        process.execPath,
        [
          '--input-type=module-typescript',
          '-e',
          `
        import { startEmbedded } from ${JSON.stringify(join(import.meta.dirname, 'embedded/server.ts'))}
        import { randomIds, silentLog, systemClock } from ${JSON.stringify(join(import.meta.dirname, '../kernel/index.ts'))}
        await startEmbedded({ dataDir: ${JSON.stringify(place.dataDir)}, runDir: ${JSON.stringify(place.runDir)}, clock: systemClock, log: silentLog, ids: randomIds })`,
        ],
        { stdio: 'ignore' },
      )
      const hasBegun = () => {
        try {
          return readdirSync(place.dataDir).some((name) => name.startsWith('postgres-init-'))
        } catch {
          return false
        }
      }
      while (!hasBegun() && starting.exitCode === null) await systemClock.sleep(5)
      await systemClock.sleep(afterMs)
      starting.kill('SIGKILL')
      assert.equal(starting.exitCode, null, 'it was killed on its way')
      assert.ok(!readdirSync(place.dataDir).includes('postgres'))
    }
    await probeDatabase((await start(place)).address)
    assert.ok(!readdirSync(place.dataDir).some((name) => name.startsWith('postgres-init-')))
  })

  test('refuses a data directory that it cannot read, says why, and leaves it as it is', async () => {
    const place = await preparedRoom()
    await (await start(place)).stop()
    writeFileSync(join(cluster(place), 'PG_VERSION'), '9.6\n')
    await assert.rejects(startEmbedded({ ...base, ...place }), { code: 'postgres_failed', message: /9\.6/ })
    assert.ok(readdirSync(cluster(place)).includes('base'))
  })

  test('refuses a socket path that the system would cut off', async () => {
    const place = newRoom()
    const runDir = join(place.runDir, 'x'.repeat(100))
    await assert.rejects(startEmbedded({ ...base, ...place, runDir }), {
      code: 'postgres_failed',
      message: /107/,
    })
  })
})

describe('its binaries', () => {
  test('work as a copy beside the data, with the links that an install script would have made', async () => {
    const place = newRoom()
    const { root } = await prepareBinaries(place.dataDir, undefined)
    const copy = await copyBinaries(root, `${place.dataDir}-copy`)
    assert.equal(await copyBinaries(root, `${place.dataDir}-copy`), copy)
    const account = await chooseAccount(join(place.dataDir, 'postgres'))
    const { stdout } = await promisify(execFile)(
      join(copy, 'bin', 'initdb'),
      ['--version'],
      identityOf(account),
    )
    assert.match(stdout, /PostgreSQL/)
  })
})

describe('the account', () => {
  const nobody = { name: 'nobody', uid: 65534, gid: 65534 }
  test('is blocked by the first directory it may not pass', async () => {
    const place = newRoom()
    const inner = mkdtempSync(join(place.dataDir, '..', 'inner-'))
    assert.equal(await blockedAt(inner, nobody), inner)
    chmodSync(inner, 0o755)
    assert.equal(await blockedAt(inner, nobody), undefined)
  })

  test('is read from the password file', () => {
    const accounts = parsePasswordFile(
      'root:x:0:0:root:/root:/bin/sh\nmillrace:x:990:991::/:/bin/false\n\nbroken\n',
    )
    assert.deepEqual(accounts.at(-1), { name: 'millrace', uid: 990, gid: 991 })
    assert.equal(accounts.length, 2)
  })
})

describe('a pid file', () => {
  test('is ready only when PostgreSQL says so, and half a file is none', () => {
    assert.deepEqual(parsePidFile('42\n/d\n1\n5432\n/r\n\n1 2\nstarting\n'), {
      pid: 42,
      dataDirectory: '/d',
      socketDirectory: '/r',
      ready: false,
    })
    assert.equal(parsePidFile('42\n/d\n1\n5432\n/r\n\n1 2\nready   \n')?.ready, true)
    assert.equal(parsePidFile(''), undefined)
  })

  test('that is missing is no error', async () => {
    assert.equal(await readPidFile('/nowhere'), undefined)
  })
})
