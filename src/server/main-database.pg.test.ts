import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { withAdmin } from '../database/admin.ts'
import { probeDatabase } from '../database/index.ts'
import { startTestDatabase, type TestDatabase } from '../database/testing.ts'
import { createGateKeeper } from '../gate/index.ts'
import { randomIds, silentLog, systemClock } from '../kernel/index.ts'
import { readServerSettings } from './config.ts'
import { startMainDatabase } from './main-database.ts'
import { nodeIdentity } from './node-identity.ts'

describe('the login of an external database over restarts', () => {
  let db: TestDatabase
  let dataDir: string
  let node: string
  const made: string[] = []
  before(async () => {
    db = await startTestDatabase()
    dataDir = await mkdtemp(join(tmpdir(), 'millrace-main-'))
    await mkdir(join(dataDir, 'spool'))
    node = nodeIdentity(dataDir, randomIds)
  })
  after(async () => {
    for (const name of made) await asAdmin(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
    for (const name of made) {
      for (const role of [
        ...[1, 2].map((epoch) => roleOf(name, epoch)),
        `millrace_${name}_owner`,
        `u${name}`,
      ])
        await asAdmin(`DROP ROLE IF EXISTS ${role}`)
    }
    await db.stop()
    await rm(dataDir, { recursive: true })
  })
  const asAdmin = (statement: string) => withAdmin(db.admin, (connection) => connection.query(statement))

  const roleOf = (name: string, epoch: number) => `millrace_${name}_n${node}_e${epoch}`

  /** A database of its own, owned by a user with these rights. */
  const makeUser = async (rights: string) => {
    const name = `t_${randomIds.hex128().slice(0, 10)}`
    made.push(name)
    await asAdmin(`CREATE ROLE u${name} LOGIN ${rights} PASSWORD 'first'`)
    await asAdmin(`CREATE DATABASE ${name} OWNER u${name}`)
    return name
  }
  /** What a start with this password in MILLRACE_DATABASE_URL leaves in the gate. */
  const startWith = async (name: string, password: string) => {
    const { host, port } = db.admin
    const query = new URLSearchParams({ host, sslmode: 'disable' })
    const url = `postgres://u${name}:${password}@localhost:${port}/${name}?${query}`
    const keeper = await createGateKeeper({
      dataDir: join(dataDir, name),
      clock: systemClock,
      log: silentLog,
      broadcast: () => undefined,
      probe: (address) => probeDatabase(address),
    })
    const started = await startMainDatabase({
      settings: readServerSettings({ MILLRACE_DATABASE_URL: url }),
      dataDir,
      runDir: dataDir,
      keeper,
      log: silentLog,
      clock: systemClock,
      signal: new AbortController().signal,
    })
    await started.stop()
    const { epoch, address } = keeper.current()
    await probeDatabase(address!)
    return { epoch, user: address!.user, password: address!.password }
  }

  test('of a user who may not create roles follows the password in the URL, as a new epoch', async () => {
    const name = await makeUser('NOCREATEROLE')
    const first = await startWith(name, 'first')
    assert.deepEqual(first, { epoch: 1, user: `u${name}`, password: 'first' })
    assert.deepEqual(await startWith(name, 'first'), first)
    await asAdmin(`ALTER ROLE u${name} PASSWORD 'second'`)
    assert.deepEqual(await startWith(name, 'second'), { epoch: 2, user: `u${name}`, password: 'second' })
  })

  test('of a user who may is the epoch’s own, whatever becomes of the user’s password', async () => {
    const name = await makeUser('CREATEROLE')
    const first = await startWith(name, 'first')
    assert.equal(first.user, roleOf(name, 1))
    await asAdmin(`ALTER ROLE u${name} PASSWORD 'second'`)
    assert.deepEqual(await startWith(name, 'second'), first)
  })

  test('of a user who was allowed to meanwhile becomes the epoch’s own, with a password of its own', async () => {
    const name = await makeUser('NOCREATEROLE')
    await startWith(name, 'first')
    await asAdmin(`ALTER ROLE u${name} CREATEROLE`)
    const { epoch, user, password } = await startWith(name, 'first')
    assert.deepEqual([epoch, user], [2, roleOf(name, 2)])
    assert.notEqual(password, 'first')
    const [row] = await withAdmin({ ...db.admin, database: name }, (connection) =>
      connection.query<{ n: bigint }>(
        `SELECT count(*) AS n FROM pg_class WHERE relowner = 'u${name}'::regrole AND relkind IN ('r', 'p', 'S')`,
      ),
    )
    assert.equal(row!.n, 0n, 'partitions and sequences included')
  })
})
