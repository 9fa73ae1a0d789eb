import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { DatabaseAddress } from '../gate/index.ts'
import { randomIds, silentLog, systemClock } from '../kernel/index.ts'
import { identifier, probeDatabase, withAdmin } from './admin.ts'
import { connect } from './connection.ts'
import { type Migration, migrate, readMigrations } from './migrations.ts'
import { fenceEpochs, prepareDatabase } from './prepare.ts'
import { startTestDatabase, type TestDatabase } from './testing.ts'

const connecting = { applicationName: 'millrace_e1', connectTimeoutMs: 5_000, statementTimeoutMs: 10_000 }
const base = { ids: randomIds, log: silentLog }
const fence = { clock: systemClock, log: silentLog }

let db: TestDatabase
const databases: string[] = []
const roles: string[] = []
before(async () => {
  db = await startTestDatabase()
})
after(async () => {
  await withAdmin(db.admin, async (admin) => {
    for (const name of databases)
      await admin.query(`DROP DATABASE IF EXISTS ${identifier(name)} WITH (FORCE)`)
    for (const name of roles) await admin.query(`DROP ROLE IF EXISTS ${identifier(name)}`)
  })
  await db.stop()
})

/** A name for a database nobody has yet; its roles are removed afterwards. */
function freshName(): string {
  const name = `t_${randomIds.hex128().slice(0, 10)}`
  databases.push(name)
  roles.push(...[1, 2, 3].map((epoch) => `millrace_${name}_e${epoch}`), `millrace_${name}_owner`)
  return name
}
const countTables = (address: DatabaseAddress) =>
  withAdmin(address, async (connection) => {
    const rows = await connection.query("SELECT 1 FROM pg_tables WHERE schemaname = 'public'")
    return rows.length
  })

describe('preparing a database', () => {
  test('by four servers at once gives each a way in and migrates once', async () => {
    const database = freshName()
    const addresses = await Promise.all(
      [1, 1, 2, 2].map((epoch) => prepareDatabase(db.admin, { ...base, epoch, database })),
    )
    const [first, , last] = addresses
    assert.match(first!.user, /_e1$/)
    assert.match(last!.user, /_e2$/)
    const applied = await withAdmin({ ...db.admin, database }, (admin) =>
      admin.query('SELECT number FROM schema_migrations'),
    )
    assert.equal(applied.length, (await readMigrations()).length)
  })

  test('a second time changes nothing but the password', async () => {
    const database = freshName()
    const first = await prepareDatabase(db.admin, { ...base, epoch: 1, database })
    const tables = await countTables(first)
    const second = await prepareDatabase(db.admin, { ...base, epoch: 1, database })
    assert.equal(await countTables(second), tables)
    await probeDatabase(second)
    // The embedded server asks for passwords; an external one may trust its network.
    if (db.embedded) await assert.rejects(probeDatabase(first), { code: '28P01' })
  })

  for (const rights of ['CREATEROLE', 'NOCREATEROLE'] as const)
    test(`works for a user who is no superuser, with ${rights}`, async () => {
      const user = `u_${randomIds.hex128().slice(0, 10)}`
      const database = freshName()
      roles.push(user)
      const password = randomIds.hex160()
      await withAdmin(db.admin, async (admin) => {
        await admin.query(`CREATE ROLE ${identifier(user)} LOGIN ${rights} PASSWORD '${password}'`)
        await admin.query(`CREATE DATABASE ${identifier(database)} OWNER ${identifier(user)}`)
      })
      const given = { ...db.admin, user, password, database }
      const said: string[] = []
      const log = { ...silentLog, warn: (_: unknown, message?: string) => void said.push(message ?? '') }
      const first = await prepareDatabase(given, { ids: randomIds, log: log as typeof silentLog, epoch: 1 })
      assert.equal(first.user === user, rights === 'NOCREATEROLE')
      assert.equal(
        said.filter((line) => /may not create roles/.test(line)).length,
        rights === 'NOCREATEROLE' ? 1 : 0,
      )
      const inside = await connect(first, connecting)
      await inside.query("INSERT INTO accounts (name) VALUES ('before')")
      const second = await prepareDatabase(given, { ...base, epoch: 2 })
      const survivor = await connect(second, { ...connecting, applicationName: 'millrace_e2' })
      assert.equal(await fenceEpochs(given, { ...fence, below: 2 }), 1)
      await assert.rejects(inside.query("INSERT INTO accounts (name) VALUES ('after')"))
      assert.equal((await survivor.query('SELECT name FROM accounts')).length, 1)
      await survivor.close()
    })
})

describe('fencing an epoch', () => {
  test('ends its transactions and shuts it out for good, BEGIN READ WRITE included', async () => {
    const database = freshName()
    const admin = { ...db.admin, database }
    const old = await prepareDatabase(db.admin, { ...base, epoch: 1, database })
    const busy = await connect(old, connecting)
    const idle = await connect(old, connecting)
    await busy.script("BEGIN READ WRITE; INSERT INTO accounts (name) VALUES ('open transaction')")
    const fresh = await prepareDatabase(db.admin, { ...base, epoch: 2, database })
    assert.equal(await fenceEpochs(admin, { ...fence, below: 2 }), 2)
    for (const connection of [busy, idle]) {
      await assert.rejects(connection.script("BEGIN READ WRITE; INSERT INTO accounts (name) VALUES ('late')"))
      await assert.rejects(connection.script('COMMIT'))
    }
    await assert.rejects(connect(old, connecting), { code: '28000' })
    const [row] = await withAdmin(fresh, (connection) =>
      connection.query<{ n: bigint }>('SELECT count(*) AS n FROM accounts'),
    )
    assert.equal(row!.n, 0n)
  })

  test('of one node leaves the other nodes of the database alone, and so does preparing it again', async () => {
    const database = freshName()
    const nodes = ['0a', '0b'].map((node) => ({ ...base, epoch: 1, database, node }))
    roles.push(...[1, 2].flatMap((n) => ['0a', '0b'].map((node) => `millrace_${database}_n${node}_e${n}`)))
    const [first, other] = await Promise.all(nodes.map((options) => prepareDatabase(db.admin, options)))
    assert.notEqual(first!.user, other!.user)
    await prepareDatabase(db.admin, { ...nodes[0]!, epoch: 2 })
    const stays = await connect(other!, connecting)
    await fenceEpochs({ ...db.admin, database }, { ...fence, below: 2, node: '0a' })
    await assert.rejects(connect(first!, connecting), { code: '28000' })
    await stays.query('SELECT 1')
    await probeDatabase(other!)
    await stays.close()
  })

  test('holds against processes that keep logging in and writing all the while', async () => {
    const database = freshName()
    const old = await prepareDatabase(db.admin, { ...base, epoch: 1, database })
    const fresh = await prepareDatabase(db.admin, { ...base, epoch: 2, database })
    let stop = false
    const intruders = Array.from({ length: 4 }, async () => {
      while (!stop)
        await withAdmin(old, (connection) =>
          connection.query("INSERT INTO accounts (name) VALUES ('old')"),
        ).catch(() => systemClock.sleep(1))
    })
    await systemClock.sleep(200)
    await fenceEpochs({ ...db.admin, database }, { ...fence, below: 2 })
    const count = () =>
      withAdmin(
        fresh,
        async (connection) =>
          (await connection.query<{ n: bigint }>('SELECT count(*) AS n FROM accounts'))[0]!.n,
      )
    const atFence = await count()
    await systemClock.sleep(400)
    const later = await count()
    stop = true
    await Promise.all(intruders)
    assert.ok(atFence > 0n, 'they were really writing')
    assert.equal(later, atFence)
  })
})

describe('migrations', () => {
  const made = (number: number, sql: string, breaking = false): Migration => ({
    number,
    name: `${String(number).padStart(4, '0')}_made.sql`,
    sql,
    sha256: `sha of ${sql}`,
    breaking,
  })
  const emptyDatabase = async () => {
    const database = freshName()
    await withAdmin(db.admin, (admin) => admin.query(`CREATE DATABASE ${identifier(database)}`))
    return { ...db.admin, database }
  }
  const migrateTo = (address: DatabaseAddress, migrations: Migration[]) =>
    withAdmin(address, (connection) => migrate(connection, { migrations, log: silentLog }))

  test('are each applied whole or not at all', async () => {
    const address = await emptyDatabase()
    const broken = [
      made(1, 'CREATE TABLE a (id int PRIMARY KEY)'),
      made(2, 'CREATE TABLE b (id int PRIMARY KEY); SELECT 1 / 0'),
    ]
    await assert.rejects(migrateTo(address, broken), { code: 'migration_failed' })
    assert.equal(await countTables(address), 2, 'schema_migrations and a')
    assert.deepEqual(
      await migrateTo(address, [broken[0]!, made(2, 'CREATE TABLE b (id int PRIMARY KEY)')]),
      [2],
    )
  })

  test('of a newer version do not stop an older one, unless they are breaking', async () => {
    const address = await emptyDatabase()
    const first = made(1, 'CREATE TABLE a (id int PRIMARY KEY)')
    const second = made(2, 'CREATE TABLE b (id int PRIMARY KEY)')
    await migrateTo(address, [first, second])
    assert.deepEqual(await migrateTo(address, [first]), [])
    await migrateTo(address, [first, second, made(3, 'DROP TABLE a', true)])
    await assert.rejects(migrateTo(address, [first, second]), { code: 'schema_too_new' })
  })

  test('are never edited after they were applied', async () => {
    const address = await emptyDatabase()
    await migrateTo(address, [made(1, 'CREATE TABLE a (id int PRIMARY KEY)')])
    await assert.rejects(migrateTo(address, [made(1, 'CREATE TABLE a (id bigint PRIMARY KEY)')]), {
      code: 'migration_changed',
    })
  })

  test('say what to do when the server lacks btree_gist', async () => {
    const address = await emptyDatabase()
    const missing = made(1, 'CREATE EXTENSION btree_gist_that_nobody_has')
    await assert.rejects(migrateTo(address, [missing]), {
      code: 'extension_missing',
      message: /postgresql-contrib/,
    })
  })

  test('that ship are numbered without a gap and say whether they break the version before', async () => {
    const migrations = await readMigrations()
    assert.deepEqual(
      migrations.map(({ number }) => number),
      migrations.map((_, i) => i + 1),
    )
  })
})
