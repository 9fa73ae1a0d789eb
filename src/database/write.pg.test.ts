import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createStaticGate, servingState } from '../gate/index.ts'
import { randomIds, type Sql, silentLog, systemClock } from '../kernel/index.ts'
import { withAdmin } from './admin.ts'
import { openDatabase } from './database.ts'
import { isUniqueViolation } from './index.ts'
import { type Cut, startCuttingProxy } from './proxy-testing.ts'
import { startTestDatabase, type TestDatabase } from './testing.ts'

const WRITE = { class: 'write', deadlineMs: 10_000 } as const
const READ = { class: 'read', deadlineMs: 10_000 } as const
const addAccount = (name: string) => (sql: Sql) =>
  sql<{ id: bigint }>`INSERT INTO accounts (name) VALUES (${name}) RETURNING id`

let db: TestDatabase
before(async () => {
  db = await startTestDatabase()
})
after(() => db.stop())

/** How many accounts have the name. */
async function stored(name: string): Promise<number> {
  const rows = await db.database.read(READ, (sql) => sql`SELECT 1 FROM accounts WHERE name = ${name}`)
  return rows.length
}
/** A database of its own behind a proxy that makes the given cuts, one for each COMMIT. */
async function throughProxy(cuts: Cut[] | (() => Cut)) {
  const nextCut = typeof cuts === 'function' ? cuts : () => cuts.shift() ?? 'none'
  const proxy = await startCuttingProxy(db.address, nextCut)
  const gate = createStaticGate(servingState(proxy.address, systemClock.now()))
  const database = openDatabase({
    gate,
    clock: systemClock,
    log: silentLog,
    ids: randomIds,
    maxConnections: 4,
  })
  // Connected before anything is timed.
  await database.read(READ, (sql) => sql`SELECT 1`)
  const stop = async () => {
    await database.close()
    await proxy.stop()
  }
  return { proxy, gate, database, stop }
}

describe('a write', () => {
  test('stores everything it did, or nothing when it throws', async () => {
    await db.database.write(WRITE, addAccount('kept'))
    const failing = db.database.write(WRITE, async (sql) => {
      await addAccount('dropped')(sql)
      throw new Error('changed my mind')
    })
    await assert.rejects(failing, /changed my mind/)
    assert.deepEqual([await stored('kept'), await stored('dropped')], [1, 0])
  })

  test('lets an error of the database rise with its code', async () => {
    await db.database.write(
      WRITE,
      (sql) => sql`INSERT INTO domain_keys (account_id, key, job_id) VALUES (1, 'k', 1)`,
    )
    const again = db.database.write(
      WRITE,
      (sql) => sql`INSERT INTO domain_keys (account_id, key, job_id) VALUES (1, 'k', 2)`,
    )
    await assert.rejects(
      again,
      (error) => isUniqueViolation(error, 'domain_keys_pkey') && !isUniqueViolation(error, 'x'),
    )
  })

  test('does not pretend success when its caller swallowed the error of a statement', async () => {
    const swallowing = db.database.write(WRITE, async (sql) => {
      await addAccount('swallowed')(sql)
      await sql`SELECT 1 / 0`.catch(() => undefined)
      return 'fine'
    })
    await assert.rejects(swallowing, { code: '22012' })
    assert.equal(await stored('swallowed'), 0)
  })

  test('takes its sql away when it ends', async () => {
    let kept: Sql | undefined
    await db.database.write(WRITE, async (sql) => {
      kept = sql
    })
    await assert.rejects(kept!`SELECT 1`, /has ended/)
  })

  test('waits for statements that its caller did not await', async () => {
    await db.database.write(WRITE, async (sql) => {
      void addAccount('not awaited')(sql)
    })
    assert.equal(await stored('not awaited'), 1)
  })

  test('calls beforeCommit inside the transaction and afterCommit when it is certain, with the same xid', async () => {
    const calls: [string, bigint, number][] = []
    await db.database.write(WRITE, addAccount('hooked'), {
      beforeCommit: async (xid) => void calls.push(['before', xid, await stored('hooked')]),
      afterCommit: async (xid) => void calls.push(['after', xid, await stored('hooked')]),
    })
    const [xid] = calls.map(([, id]) => id)
    assert.deepEqual(calls, [
      ['before', xid, 0],
      ['after', xid, 1],
    ])
  })

  test('stores nothing when beforeCommit fails, and afterCommit is not called', async () => {
    let told = false
    const failing = db.database.write(WRITE, addAccount('denied'), {
      beforeCommit: () => Promise.reject(new Error('disk full')),
      afterCommit: async () => {
        told = true
      },
    })
    await assert.rejects(failing, /disk full/)
    assert.deepEqual([await stored('denied'), told], [0, false])
  })

  test('is run again after a deadlock, and both sides get through', async () => {
    const ids = await Promise.all(['left', 'right'].map((name) => db.database.write(WRITE, addAccount(name))))
    const [left, right] = ids.map((rows) => rows[0]!.id)
    const lockBoth = (first: bigint, second: bigint) =>
      db.database.write(WRITE, async (sql) => {
        await sql`SELECT 1 FROM accounts WHERE id = ${first} FOR UPDATE`
        await systemClock.sleep(50)
        await sql`SELECT 1 FROM accounts WHERE id = ${second} FOR UPDATE`
        return 'through'
      })
    assert.deepEqual(await Promise.all([lockBoth(left!, right!), lockBoth(right!, left!)]), [
      'through',
      'through',
    ])
  })

  test('that is cancelled at the server is run again', async () => {
    let runs = 0
    const writing = db.database.write(WRITE, async (sql) => {
      await addAccount('cancelled')(sql)
      if (runs++ === 0) await sql`SELECT pg_sleep(5), 'cancel me'`
    })
    for (let cancelled = 0; cancelled === 0; await systemClock.sleep(10)) {
      const rows = await withAdmin(db.admin, (admin) =>
        admin.query(
          "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE '%''cancel me''%' AND state = 'active' AND pid <> pg_backend_pid()",
        ),
      )
      cancelled = rows.length
    }
    await writing
    assert.deepEqual([runs, await stored('cancelled')], [2, 1])
  })

  test('with an operation id of its own takes effect once, however often it is sent', async () => {
    const hooks = { operationId: "load:spool-0:7'1" }
    await db.database.write(WRITE, addAccount('once'), hooks)
    await assert.rejects(db.database.write(WRITE, addAccount('once'), hooks), { code: 'operation_repeated' })
    assert.equal(await stored('once'), 1)
  })
})

describe('two writes with the same operation id at once', () => {
  test('take effect once: the second waits for the first and is told', async () => {
    const hooks = { operationId: 'at once' }
    const begun = Promise.withResolvers<void>()
    const mayEnd = Promise.withResolvers<void>()
    const slowly = db.database.write(
      WRITE,
      async (sql) => {
        await addAccount('at once')(sql)
        begun.resolve()
        await mayEnd.promise
      },
      hooks,
    )
    await begun.promise
    const impatient = db.database.write({ class: 'write', deadlineMs: 500 }, addAccount('at once'), hooks)
    await assert.rejects(impatient, { code: 'operation_under_way', advice: 'retry' })
    const patient = db.database.write(WRITE, addAccount('at once'), hooks)
    const refused = assert.rejects(patient, { code: 'operation_repeated' })
    mayEnd.resolve()
    await Promise.all([slowly, refused])
    assert.equal(await stored('at once'), 1)
  })

  test('take effect once when the first fails: then the second runs', async () => {
    const hooks = { operationId: 'second wins' }
    const failing = db.database.write(
      WRITE,
      async () => {
        await systemClock.sleep(100)
        throw new Error('no')
      },
      hooks,
    )
    failing.catch(() => undefined)
    await systemClock.sleep(30)
    await db.database.write(
      { class: 'write', deadlineMs: Number.POSITIVE_INFINITY },
      addAccount('second wins'),
      hooks,
    )
    await assert.rejects(failing, /no/)
    assert.equal(await stored('second wins'), 1)
  })
})

describe('a write whose reply to COMMIT is lost', () => {
  for (const cut of ['before', 'after', 'reply', 'late'] as const)
    test(`is stored once and returns its value when the connection is cut: ${cut}`, async () => {
      const { proxy, database, stop } = await throughProxy([cut])
      const xids: bigint[] = []
      const rows = await database.write(WRITE, addAccount(`cut ${cut}`), {
        afterCommit: async (xid) => void xids.push(xid),
      })
      assert.equal(proxy.counts.get(cut), 1, 'the cut was really made')
      assert.equal(await stored(`cut ${cut}`), 1)
      const [row] = await db.database.read(
        READ,
        (sql) =>
          sql<{
            id: bigint
            xid: string
          }>`SELECT id, xmin::text AS xid FROM accounts WHERE name = ${`cut ${cut}`}`,
      )
      assert.deepEqual(
        [rows[0]!.id, xids],
        [row!.id, [BigInt(row!.xid)]],
        'id and xid are those that were stored',
      )
      await stop()
    })

  test('is stored exactly once in 400 writes with a cut at every second one', async () => {
    const cuts: Cut[] = ['none', 'after', 'none', 'before', 'none', 'reply', 'none', 'late']
    let at = 0
    const { proxy, database, stop } = await throughProxy(() => cuts[at++ % cuts.length]!)
    const names = Array.from({ length: 400 }, (_, i) => `round ${i}`)
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      for (const name of names.filter((__, i) => i % 4 === writer))
        await database.write(WRITE, addAccount(name))
    })
    await Promise.all(writers)
    const rows = await db.database.read(
      READ,
      (sql) => sql<{ name: string; times: bigint }>`
      SELECT name, count(*) AS times FROM accounts WHERE name LIKE 'round %' GROUP BY name`,
    )
    assert.equal(rows.length, 400)
    assert.deepEqual(
      rows.filter(({ times }) => times !== 1n),
      [],
    )
    for (const cut of ['after', 'before', 'reply', 'late'] as const)
      assert.ok((proxy.counts.get(cut) ?? 0) > 40, `${cut}: ${proxy.counts.get(cut)}`)
    await stop()
  })

  test('says that it does not know when the database cannot be asked in time', async () => {
    const { proxy, database, stop } = await throughProxy(['after'])
    const writing = database.write({ class: 'write', deadlineMs: 1_000 }, async (sql) => {
      await addAccount('unknown')(sql)
      proxy.refuse(true)
    })
    await assert.rejects(writing, {
      code: 'write_outcome_unknown',
      status: 503,
      advice: 'retry',
      message: /whether it was stored/,
    })
    proxy.refuse(false)
    assert.equal(await stored('unknown'), 1)
    await stop()
  })

  test('does not run again while the earlier transaction may still commit', async () => {
    const { database, stop } = await throughProxy(['never'])
    let runs = 0
    const writing = database.write({ class: 'write', deadlineMs: 1_000 }, async (sql) => {
      runs++
      await addAccount('in between')(sql)
    })
    await assert.rejects(writing, { code: 'write_outcome_unknown' })
    assert.deepEqual([runs, await stored('in between')], [1, 0])
    await stop()
  })

  test('waits at the gate for the database to come back, and finds out there', async () => {
    const { proxy, gate, database, stop } = await throughProxy(['reply'])
    const writing = database.write(WRITE, async (sql) => {
      await addAccount('patient')(sql)
      proxy.refuse(true)
      gate.set({ mode: 'away' })
    })
    await systemClock.sleep(300)
    proxy.refuse(false)
    gate.set({ mode: 'serving' })
    await writing
    assert.equal(await stored('patient'), 1)
    await stop()
  })
})
