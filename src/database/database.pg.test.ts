import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createStaticGate, servingState } from '../gate/index.ts'
import { randomIds, type Sql, silentLog, systemClock } from '../kernel/index.ts'
import { withAdmin } from './admin.ts'
import { openDatabase } from './database.ts'
import { headRoomOf, readHeadRoom } from './head-room.ts'
import { createJobPartitions, sweepChanges, sweepErrorRecords, sweepOperations } from './housekeeping.ts'
import { startTestDatabase, type TestDatabase } from './testing.ts'
import type { Database } from './types.ts'

const WRITE = { class: 'write', deadlineMs: 10_000 } as const
const READ = { class: 'read', deadlineMs: 10_000 } as const
const addAccount = (name: string) => (sql: Sql) => sql`INSERT INTO accounts (name) VALUES (${name})`

let db: TestDatabase
before(async () => {
  db = await startTestDatabase()
})
after(async () => {
  for (const database of opened) await database.close()
  await db.stop()
})

const opened: Database[] = []
function another({ maxConnections = 2 } = {}) {
  const gate = createStaticGate(servingState(db.address, systemClock.now()))
  const database = openDatabase({ gate, clock: systemClock, log: silentLog, ids: randomIds, maxConnections })
  opened.push(database)
  return { gate, database }
}
const connectionsOf = async (epoch: number) => {
  const rows = await withAdmin(db.admin, (admin) =>
    admin.query('SELECT 1 FROM pg_stat_activity WHERE application_name = $1', [`millrace_e${epoch}`]),
  )
  return rows.length
}

describe('values', () => {
  test('arrive as what they are: bigint, Date, parsed json, exact text', async () => {
    const [row] = await db.database.read(
      READ,
      (sql) => sql`
      SELECT 9007199254740993::bigint AS big, ARRAY[1, NULL, 9007199254740993]::bigint[] AS bigs, '{}'::bigint[] AS none,
             '2026-03-11T18:00:00.123Z'::timestamptz AS at, '{"a": [1]}'::jsonb AS json, 1.10::numeric AS exact,
             7::integer AS small, NULL::bigint AS nothing, '2026-03-11'::date AS day`,
    )
    assert.deepEqual(row, {
      big: 9007199254740993n,
      bigs: [1n, null, 9007199254740993n],
      none: [],
      at: new Date('2026-03-11T18:00:00.123Z'),
      json: { a: [1] },
      exact: '1.10',
      small: 7,
      nothing: null,
      day: '2026-03-11',
    })
  })

  test('go in as parameters, whatever they contain', async () => {
    const odd = `'; DROP TABLE accounts; -- $1 \\ "`
    const rows = await db.database.read(
      READ,
      (sql) => sql`
      SELECT * FROM unnest(${[odd, 'b']}::text[], ${[1n, 2n ** 62n]}::bigint[]) AS t (name, number)`,
    )
    assert.deepEqual(rows, [
      { name: odd, number: 1n },
      { name: 'b', number: 2n ** 62n },
    ])
  })
})

describe('a read', () => {
  test('refuses statements that change something', async () => {
    await assert.rejects(db.database.read(READ, addAccount('by a read')), { code: 'not_a_read' })
  })

  test('is tried again when its connection is ended under it', async () => {
    const { database } = another()
    let tries = 0
    const reading = database.read(READ, async (sql) => {
      const rows = sql`SELECT pg_sleep(0.4), 1 AS one`
      await systemClock.sleep(150)
      tries = (
        await withAdmin(db.admin, (admin) =>
          admin.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(0.4)%' AND pid <> pg_backend_pid()",
          ),
        )
      ).length
      return rows
    })
    assert.equal((await reading).length, 1)
    assert.equal(tries, 1, 'a connection was really ended')
    await database.close()
  })

  test('that takes its connection down twice is refused: it may be the cause', async () => {
    const { database } = another()
    const fatal = database.read(READ, (sql) => sql`SELECT pg_sleep(5), 'fatal'`)
    const watching = assert.rejects(fatal, { code: 'database_away' })
    for (let ended = 0; ended < 2; await systemClock.sleep(20)) {
      const rows = await withAdmin(db.admin, (admin) =>
        admin.query(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%''fatal''%' AND state = 'active' AND pid <> pg_backend_pid()",
        ),
      )
      ended += rows.length
    }
    await watching
    await database.close()
  })
})

describe('a database that cannot be reached', () => {
  test('is database_away at the deadline, and reported, never an error of the driver', async () => {
    const gate = createStaticGate(servingState({ ...db.address, host: '/nowhere' }, systemClock.now()))
    const database = openDatabase({
      gate,
      clock: systemClock,
      log: silentLog,
      ids: randomIds,
      maxConnections: 2,
    })
    opened.push(database)
    const startedMs = systemClock.monotonicMs()
    await assert.rejects(database.write({ class: 'write', deadlineMs: 400 }, addAccount('x')), {
      code: 'database_away',
    })
    const elapsedMs = systemClock.monotonicMs() - startedMs
    assert.ok(elapsedMs >= 390 && elapsedMs < 5_000, `${elapsedMs} ms`)
    assert.ok(gate.unreachable().includes(1))
  })

  test('refuses at once a caller who does not want to wait', async () => {
    const { gate, database } = another()
    gate.set({ mode: 'held', retryAfterSeconds: 42 })
    await assert.rejects(
      database.read({ class: 'read', deadlineMs: 0 }, (sql) => sql`SELECT 1`),
      {
        code: 'database_away',
        retryAfterSeconds: 42,
      },
    )
  })
})

describe('connections', () => {
  test('are never more than allowed, and callers wait their turn in order', async () => {
    const { database } = another({ maxConnections: 2 })
    const order: number[] = []
    const reads = Array.from({ length: 12 }, (_, i) =>
      database.read(READ, (sql) => sql`SELECT pg_sleep(0.02)`).then(() => order.push(i)),
    )
    await systemClock.sleep(30)
    assert.ok((await connectionsOf(1)) <= 2 + 10, 'those of the shared database included')
    await Promise.all(reads)
    // Two run at a time, so one may overtake its neighbour on either side.
    for (const [place, i] of order.entries()) assert.ok(Math.abs(place - i) <= 2, order.join())
    await database.close()
  })

  test('that the server does not have are waited for', async (t) => {
    // Whatever earlier tests left idle would count against the limit.
    for (const one of [db.database, ...opened.splice(0)]) await one.close()
    const limit = (most: number) =>
      withAdmin(db.admin, (admin) => admin.query(`ALTER ROLE "${db.address.user}" CONNECTION LIMIT ${most}`))
    t.after(() => limit(-1))
    await limit(2)
    const all = [another({ maxConnections: 3 }), another({ maxConnections: 3 })]
    const done = all.map(({ database }, i) => {
      const calls = Array.from({ length: 6 }, (_, j) =>
        database.write(WRITE, async (sql) => {
          await addAccount(`limit ${i} ${j}`)(sql)
          await systemClock.sleep(30)
        }),
      )
      return Promise.all(calls).then(() => i)
    })
    // Whoever came first keeps its connections idle; the other gets its turn when they go.
    const first = await Promise.race(done)
    await all[first]!.database.close()
    await Promise.all(done)
    await limit(-1)
    const rows = await db.database.read(READ, (sql) => sql`SELECT 1 FROM accounts WHERE name LIKE 'limit %'`)
    assert.equal(rows.length, 12)
    const alarms = all.flatMap(({ gate }) => gate.unreachable())
    assert.deepEqual(alarms, [], 'a full server is not an absent one')
    for (const { database } of all) await database.close()
  })

  test('are closed when the gate is held, and only then acknowledged', async () => {
    const { gate, database } = another()
    const slow = database.read(READ, (sql) => sql`SELECT pg_sleep(0.2)`)
    await systemClock.sleep(50)
    gate.set({ mode: 'held' })
    assert.deepEqual(gate.acknowledged(), [])
    await slow
    for (let i = 0; i < 100 && gate.acknowledged().length === 0; i++) await systemClock.sleep(10)
    assert.deepEqual(gate.acknowledged(), [gate.current().sequence])
    gate.set({ mode: 'serving' })
    assert.equal((await database.read(READ, (sql) => sql`SELECT 1`)).length, 1)
    await database.close()
  })

  test('of a call in a new epoch carry its name, and the old ones are gone', async () => {
    const { gate, database } = another()
    await database.read(READ, (sql) => sql`SELECT 1`)
    gate.set({ epoch: 77 })
    const [row] = await database.read(
      READ,
      (sql) => sql<{ name: string }>`SELECT current_setting('application_name') AS name`,
    )
    assert.equal(row!.name, 'millrace_e77')
    await systemClock.sleep(50)
    assert.equal(gate.acknowledged().at(-1), gate.current().sequence)
    await database.close()
  })
})

describe('the schema', () => {
  test('gives every table a primary key, which is its replica identity', async () => {
    const rows = await db.database.read(
      READ,
      (sql) => sql<{ name: string; fit: boolean }>`
      SELECT c.relname AS name,
             c.relreplident = 'd' AND EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) AS fit
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('r', 'p') AND n.nspname = 'public'`,
    )
    assert.ok(rows.length > 20)
    assert.deepEqual(
      rows.filter(({ fit }) => !fit).map(({ name }) => name),
      [],
    )
  })

  test('belongs to the owner role, which cannot log in', async () => {
    const rows = await db.database.read(
      READ,
      (sql) => sql<{ owner: string; login: boolean }>`
      SELECT DISTINCT r.rolname AS owner, r.rolcanlogin AS login FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
        JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public'`,
    )
    assert.equal(rows.length, 1)
    assert.match(rows[0]!.owner, /_owner$/)
    assert.equal(rows[0]!.login, false)
  })

  test('lives on a server that can be replicated logically and keeps its promises', async (t) => {
    if (!db.embedded) return t.skip('the settings of an external server are its operator’s')
    const rows = await db.database.read(
      READ,
      (sql) => sql<{ name: string; setting: string }>`
      SELECT name, setting FROM pg_settings WHERE name IN
        ('wal_level', 'max_slot_wal_keep_size', 'data_checksums', 'synchronous_commit', 'full_page_writes',
         'listen_addresses', 'unix_socket_permissions') ORDER BY name`,
    )
    assert.deepEqual(Object.fromEntries(rows.map(({ name, setting }) => [name, setting])), {
      wal_level: 'logical',
      max_slot_wal_keep_size: '2048',
      data_checksums: 'on',
      synchronous_commit: 'on',
      full_page_writes: 'on',
      listen_addresses: '',
      unix_socket_permissions: '0700',
    })
  })
})

describe('housekeeping', () => {
  test('creates partitions of jobs ahead, once, and takes along what came too early', async () => {
    const insert = (id: bigint) => (sql: Sql) =>
      sql`
      INSERT INTO jobs (id, account_id, user_id, user_name, type, database, query) VALUES (${id}, 1, 1, 'u', 'presto', 'd', 'q')`
    await db.database.write(WRITE, insert(4_500_001n))
    await db.database.write(WRITE, insert(90_000_001n))
    await db.database.write(WRITE, (sql) => sql`SELECT setval('job_ids', 2500000)`)
    assert.deepEqual(await createJobPartitions(db.database), ['jobs_3', 'jobs_4'])
    assert.deepEqual(await createJobPartitions(db.database), [])
    const rows = await db.database.read(
      READ,
      (sql) => sql`SELECT id, tableoid::regclass::text AS part FROM jobs ORDER BY id`,
    )
    assert.deepEqual(rows, [
      { id: 4_500_001n, part: 'jobs_4' },
      { id: 90_000_001n, part: 'jobs_rest' },
    ])
  })

  test('sweeps what is old and nothing else, in small batches', async () => {
    await db.database.write(
      WRITE,
      (sql) => sql`
      INSERT INTO operations (id, created_at) SELECT 'old ' || i, now() - interval '25 hours' FROM generate_series(1, 12000) i`,
    )
    await db.database.write(
      WRITE,
      (sql) =>
        sql`UPDATE changes SET at = now() - interval '25 hours' WHERE id IN (SELECT min(id) FROM changes)`,
    )
    assert.equal(await sweepOperations(db.database), 12_000)
    assert.equal(await sweepOperations(db.database), 0)
    assert.equal(await sweepChanges(db.database), 1)
    await db.database.write(
      WRITE,
      (sql) => sql`
      INSERT INTO error_records (account_id, database, "table", channel, reason, received_at, created_at)
      SELECT 1, 'd', 't', 'import', age, now(), now() - make_interval(days => age::int) FROM unnest(ARRAY['31', '29']) age`,
    )
    assert.equal(await sweepErrorRecords(db.database), 1)
    const errors = await db.database.read(READ, (sql) => sql`SELECT reason FROM error_records`)
    assert.deepEqual(errors, [{ reason: '29' }])
  })
})

describe('head-room', () => {
  const room = () => readHeadRoom(db.database)

  test('is plenty in a new database, and shrinks with what is used up', async () => {
    await createJobPartitions(db.database)
    const before = await room()
    for (const what of ['ids', 'job-partitions', 'transaction-ids', 'table-size'] as const)
      assert.ok(before[what] > 0.9, `${what} ${before[what]}`)
    assert.ok(before.connections > 0 && before.connections < 1, `connections ${before.connections}`)

    await db.database.write(WRITE, (sql) => sql`SELECT setval('job_ids', 8589000001)`)
    await createJobPartitions(db.database)
    assert.ok((await room())['job-partitions'] > 0.9)
    await db.database.write(WRITE, (sql) => sql`SELECT setval('job_ids', 8591999999)`)
    assert.equal((await room())['job-partitions'], 0, 'the last id of the last partition')
    await createJobPartitions(db.database)
    assert.ok((await room())['job-partitions'] > 0.9)
    await db.database.write(WRITE, (sql) => sql`CREATE SEQUENCE narrow AS smallint`)
    await db.database.write(WRITE, (sql) => sql`SELECT setval('narrow', 30000)`)
    assert.ok((await room()).ids < 0.1, 'the sequence that has gone furthest counts')
    await db.database.write(WRITE, (sql) => sql`DROP SEQUENCE narrow`)
  })

  test('of tables and transactions is told against the limits of PostgreSQL', () => {
    const nothing = { sequenceUsed: 0, lastPartition: 2, lastJobId: 0, connections: 0, mostConnections: 97 }
    const room = headRoomOf({ ...nothing, transactionAge: 2 ** 30, largestTableBytes: 2 ** 44 })
    assert.ok(Math.abs(room['transaction-ids'] - 0.5) < 0.01)
    assert.equal(room['table-size'], 0.5)
  })
})
