import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { HOUR } from '../archive/testing.ts'
import { systemClock } from '../kernel/index.ts'
import { openWriteRoom, type WriteRoom } from './testing.ts'
import type { WriteStep } from './types.ts'

describe('writers of the same table', () => {
  let room: WriteRoom
  let tables = 0
  let t: string
  before(async () => {
    room = await openWriteRoom()
  })
  after(() => room.close())
  beforeEach(() => {
    room.at.step = () => undefined
    t = `shared_${++tables}`
  })

  const numbers = async (table = t) => (await room.sql(`SELECT n FROM ${table} ORDER BY n`)).map(([n]) => n)
  const filled = async (...values: number[]) => {
    const id = await room.addTable(t)
    await room.addChunks(id, ...values.map((n) => [{ time: HOUR + n, n }]))
    return id
  }
  /** The first job that gets there stops, until `go`. */
  const stopAt = (step: WriteStep) => {
    const reached = Promise.withResolvers<void>()
    const going = Promise.withResolvers<void>()
    let isFirst = true
    room.at.step = async (now) => {
      if (now !== step || !isFirst) return
      isFirst = false
      reached.resolve()
      await going.promise
    }
    return { reached: reached.promise, go: () => going.resolve() }
  }
  /** Does something while the job stands at a step; how both ended. */
  const during = async (
    query: string,
    step: WriteStep,
    meanwhile: () => Promise<unknown>,
    how?: { userId: bigint },
  ) => {
    const stop = stopAt(step)
    const id = await room.issue(query, how)
    await stop.reached
    try {
      await meanwhile()
    } finally {
      stop.go()
    }
    return room.ended(id)
  }
  const logOf = async (id: bigint) =>
    (await room.query<{ log: string }>`SELECT log FROM jobs WHERE id = ${id}`)[0]!.log
  const untilWaiting = async (id: bigint) => {
    while (!(await logOf(id)).includes('waiting for job')) await systemClock.sleep(50)
  }

  test('that read it go one after the other: each sees what the one before it stored', async () => {
    await filled(1)
    const double = `INSERT INTO ${t} (n, time) SELECT n * 10, time FROM ${t}`
    const stop = stopAt('written')
    const first = await room.issue(double)
    await stop.reached
    const second = await room.issue(double)
    await untilWaiting(second)
    stop.go()
    const ends = [await room.ended(first), await room.ended(second)]
    assert.deepEqual(
      ends.map(({ status, rows }) => [status, rows]),
      [
        ['success', [[1]]],
        ['success', [[2]]],
      ],
    )
    assert.deepEqual(await numbers(), [1, 10, 10, 100])
  })

  test('that only add rows wait for nobody', async () => {
    await filled(1)
    const end = await during(`DELETE FROM ${t} WHERE n = 1`, 'stored', async () => {
      assert.deepEqual(await room.sql(`INSERT INTO ${t} (n, time) VALUES (1, ${HOUR}), (2, ${HOUR})`), [[2]])
    })
    assert.deepEqual([end.status, end.rows], ['success', [[1]]])
    assert.deepEqual(await numbers(), [1, 2])
  })

  test('that delete leave alone what is imported meanwhile', async () => {
    const id = await filled(1, 2)
    const end = await during(`DELETE FROM ${t} WHERE n > 0`, 'stored', () =>
      room.addChunks(id, [{ time: HOUR, n: 3 }]),
    )
    assert.deepEqual([end.status, end.rows], ['success', [[2]]])
    assert.deepEqual(await numbers(), [3])
  })

  test('keep merges away from the rows they take', async () => {
    const id = await filled(1, 2, 3)
    const end = await during(`DELETE FROM ${t} WHERE n = 2`, 'stored', async () => {
      assert.equal(await room.merge(id), undefined)
    })
    assert.deepEqual([end.status, end.attempt], ['success', 1])
    assert.notEqual(await room.merge(id), undefined)
    assert.deepEqual(await numbers(), [1, 3])
  })

  test('begin anew, once, when somebody without a lock was quicker', async () => {
    const id = await filled(1, 2)
    const end = await during(`DELETE FROM ${t} WHERE n = 2`, 'listed', async () => {
      await room.run`UPDATE chunks SET retired_at = clock_timestamp() WHERE table_id = ${id}`
      await room.addChunks(id, [
        { time: HOUR, n: 2 },
        { time: HOUR, n: 3 },
      ])
    })
    assert.deepEqual([end.status, end.attempt, end.rows], ['success', 2, [[1]]])
    assert.match(end.log, /TRANSACTION_CONFLICT/)
    assert.deepEqual(await numbers(), [3])
  })

  test('begin anew also when their worker was lost before: that was another matter', async () => {
    const id = await filled(1, 2)
    const stop = stopAt('listed')
    await room.run`
      INSERT INTO jobs (id, account_id, user_id, user_name, type, database, query, attempt, workers_lost)
      VALUES (90000, 1, 1, 'o', 'presto', 'harbour', ${`SELECT 1; DELETE FROM ${t} WHERE n = 2`}, 3, 3)`
    await stop.reached
    await room.run`UPDATE chunks SET retired_at = clock_timestamp() WHERE table_id = ${id}`
    await room.addChunks(id, [{ time: HOUR, n: 2 }])
    stop.go()
    const end = await room.ended(90000n)
    assert.deepEqual([end.status, end.attempt, end.rows], ['success', 5, [[1]]])
    assert.match(end.log, new RegExp(`statement 2 of 2: DELETE FROM harbour.${t}`))
  })

  test('say what is true when that happens again', async () => {
    const id = await filled(1, 2)
    room.at.step = async (step) => {
      if (step === 'listed')
        await room.run`UPDATE chunks SET retired_at = clock_timestamp() WHERE table_id = ${id} AND retired_at IS NULL`
      if (step === 'locked') await room.run`UPDATE chunks SET retired_at = NULL WHERE table_id = ${id}`
    }
    const end = await room.job(`DELETE FROM ${t} WHERE n = 2`)
    assert.deepEqual([end.status, end.error, end.attempt], ['error', 'TRANSACTION_CONFLICT', 2])
    await room.run`UPDATE chunks SET retired_at = NULL WHERE table_id = ${id}`
    assert.deepEqual(await numbers(), [1, 2])
    const { stored, named } = await room.files()
    const mine = stored.filter((path) => path.includes(`/${end.id}/`) && path.endsWith('.parquet'))
    assert.deepEqual(
      named.filter((path) => mine.includes(path)),
      [],
    )
  })

  test('end truthfully when their table was dropped meanwhile', async () => {
    await filled(1)
    const end = await during(`INSERT INTO ${t} (n) VALUES 2`, 'stored', () => room.sql(`DROP TABLE ${t}`))
    assert.deepEqual([end.status, end.error], ['error', 'TABLE_NOT_FOUND'])
    assert.match(end.log, /dropped while the job ran/)
  })

  test('go into the table they meant when it was renamed meanwhile', async () => {
    await filled(1)
    const end = await during(`INSERT INTO ${t} (n) VALUES 2`, 'stored', () =>
      room.sql(`ALTER TABLE ${t} RENAME TO ${t}_b`),
    )
    assert.equal(end.status, 'success')
    assert.deepEqual(await numbers(`${t}_b`), [1, 2])
  })

  test('that create one name: IF NOT EXISTS leaves it to the first, and replacing goes one after the other', async () => {
    const create = (n: number) => `CREATE TABLE IF NOT EXISTS ${t} AS SELECT ${n} AS n`
    const both = await Promise.all([room.job(create(1)), room.job(create(2))])
    assert.deepEqual(
      both.map(({ status }) => status),
      ['success', 'success'],
    )
    assert.deepEqual(both.map(({ rows }) => rows[0]![0]).sort(), [0, 1])
    const replace = (n: number) => `DROP TABLE IF EXISTS ${t}; CREATE TABLE ${t} AS SELECT ${n} AS n`
    const all = await Promise.all([3, 4, 5].map((n) => room.job(replace(n))))
    assert.deepEqual(
      all.map(({ status }) => status),
      ['success', 'success', 'success'],
    )
    assert.equal((await numbers()).length, 1)
  })

  test('a name that REST takes in between is seen, and then told', async () => {
    const end = await during(`CREATE TABLE ${t} AS SELECT 1 AS n`, 'stored', () => room.addTable(t))
    assert.deepEqual([end.status, end.error], ['error', 'TABLE_ALREADY_EXISTS'])
  })

  test('locks of an attempt that does not run any more are void, and whoever lost them changes nothing', async () => {
    await filled(1)
    const id = await room.issue(`INSERT INTO ${t} (n, time) SELECT n + 1, time FROM ${t}`)
    const stop = stopAt('listed')
    await stop.reached
    // Its worker is taken for lost, another job comes and takes the table.
    await room.run`UPDATE jobs SET status = 'queued', due_at = clock_timestamp() + interval '1 hour' WHERE id = ${id}`
    assert.deepEqual(await room.sql(`DELETE FROM ${t} WHERE n = 1`), [[1]])
    stop.go()
    // It says so, unless its worker had noticed before that the attempt is over: then it is not heard of any more.
    const untilMs = systemClock.monotonicMs() + 10_000
    while (!(await logOf(id)).includes('TRANSACTION_CONFLICT') && systemClock.monotonicMs() < untilMs)
      await systemClock.sleep(50)
    await room.run`UPDATE jobs SET due_at = clock_timestamp() WHERE id = ${id}`
    const end = await room.ended(id)
    assert.deepEqual([end.status, end.rows], ['success', [[0]]])
    assert.deepEqual(await numbers(), [])
  })

  test('a kill leaves nothing, not even locks', async () => {
    await filled(1)
    const stop = stopAt('stored')
    const id = await room.issue(`DELETE FROM ${t} WHERE n = 1`)
    await stop.reached
    await room.run`UPDATE jobs SET kill_requested = true WHERE id = ${id}`
    stop.go()
    assert.equal((await room.ended(id)).status, 'killed')
    assert.deepEqual(await numbers(), [1])
    assert.deepEqual(await room.sql(`DELETE FROM ${t} WHERE n = 1`), [[1]])
  })

  test('those who may only read are refused, before anything is touched', async () => {
    await filled(1)
    await room.run`
      INSERT INTO database_permissions (database_id, user_id, permission) VALUES (1, 2, 'query_only')
      ON CONFLICT DO NOTHING`
    for (const query of [
      `DELETE FROM ${t}`,
      `INSERT INTO ${t} (n) VALUES 1`,
      `DROP TABLE ${t}`,
      `CREATE TABLE ${t}_x (a bigint)`,
    ]) {
      const end = await room.job(query, { userId: 2n })
      assert.deepEqual([end.status, end.error], ['error', 'PERMISSION_DENIED'], query)
    }
    assert.deepEqual(await numbers(), [1])
  })

  test('whoever loses a permission while the job runs has changed nothing: to write, to read, or of the owner of a view', async () => {
    await filled(1)
    await room.sql(`CREATE TABLE ${t}_kept (n bigint)`)
    const permit = (userId: bigint, permission: string | null) => room.run`
      WITH gone AS (DELETE FROM database_permissions WHERE database_id = 1 AND user_id = ${userId} AND ${permission === null})
      INSERT INTO database_permissions (database_id, user_id, permission)
      SELECT 1, ${userId}, ${permission} WHERE ${permission !== null}
      ON CONFLICT (database_id, user_id) DO UPDATE SET permission = EXCLUDED.permission`
    await room.run`
      INSERT INTO users (id, account_id, name, email, role) VALUES (3, 1, 'v', 'v@example.com', 'member') ON CONFLICT DO NOTHING`
    await permit(3n, 'full_access')
    await permit(2n, 'full_access')
    const view = await room.job(`CREATE VIEW ${t}_view AS SELECT n, time FROM ${t}`, { userId: 3n })
    assert.equal(view.status, 'success')
    const fill = `INSERT INTO ${t}_kept (n, time) SELECT n, time FROM ${t}_view`
    for (const [userId, permission] of [
      [2n, 'query_only'],
      [2n, 'import_only'],
      [2n, null],
      [3n, 'import_only'],
    ] as const) {
      await permit(2n, 'full_access')
      const end = await during(fill, 'listed', () => permit(userId, permission), { userId: 2n })
      assert.deepEqual([end.status, end.error, end.attempt], ['error', 'PERMISSION_DENIED', 1])
      assert.match(end.message!, /taken away while the job ran/)
    }
    await permit(3n, 'query_only')
    const remove = () => room.run`UPDATE users SET removed_at = now() WHERE id = 2`
    assert.equal((await during(fill, 'listed', remove, { userId: 2n })).error, 'PERMISSION_DENIED')
    await room.run`UPDATE users SET removed_at = NULL WHERE id = 2`
    assert.deepEqual(await numbers(`${t}_kept`), [])
    assert.equal((await room.job(fill, { userId: 2n })).status, 'success')
    assert.deepEqual(await numbers(`${t}_kept`), [1])
  })

  test('a database is dropped by those who administer it, as over REST', async () => {
    await room.run`
      INSERT INTO databases (id, account_id, name, owner_id) VALUES (70, 1, 'quay', 1) ON CONFLICT DO NOTHING`
    await room.run`INSERT INTO tables (database_id, name) VALUES (70, 'visits')`
    for (const permission of ['query_only', 'full_access']) {
      await room.run`
        INSERT INTO database_permissions (database_id, user_id, permission) VALUES (70, 2, ${permission})
        ON CONFLICT (database_id, user_id) DO UPDATE SET permission = EXCLUDED.permission`
      const end = await room.job('DROP SCHEMA quay CASCADE', { userId: 2n })
      assert.deepEqual([end.status, end.error], ['error', 'PERMISSION_DENIED'], permission)
    }
    await room.run`UPDATE database_permissions SET permission = 'administrator' WHERE database_id = 70`
    assert.equal((await room.job('DROP SCHEMA quay CASCADE', { userId: 2n })).status, 'success')
  })

  test('a database that was empty is not dropped with a table that came meanwhile', async () => {
    await room.run`INSERT INTO databases (id, account_id, name, owner_id) VALUES (71, 1, 'pier', 1)`
    const end = await during(
      'DROP SCHEMA pier',
      'listed',
      () => room.run`INSERT INTO tables (database_id, name) VALUES (71, 'came_meanwhile')`,
    )
    assert.deepEqual([end.status, end.error], ['error', 'SCHEMA_NOT_EMPTY'])
    assert.equal(
      (await room.query`SELECT 1 FROM tables WHERE database_id = 71 AND removed_at IS NULL`).length,
      1,
    )
  })

  test('a database goes with what the same script has put into it, and its name may come back', async () => {
    await room.sql('CREATE SCHEMA dock; CREATE TABLE dock.visits (a bigint)')
    await room.sql(`INSERT INTO dock.visits VALUES (1, ${HOUR}); DROP SCHEMA dock CASCADE`)
    await room.sql(
      'CREATE SCHEMA dock; DROP SCHEMA dock; CREATE SCHEMA dock; CREATE TABLE dock.visits AS SELECT 5 AS a',
    )
    assert.deepEqual(await room.sql('SELECT a FROM dock.visits'), [[5]])
    assert.equal((await room.query`SELECT 1 FROM databases WHERE id < 0`).length, 0)
  })

  test('a name for a column that senders take meanwhile is a conflict, and then told', async () => {
    const id = await filled(1)
    const end = await during(`ALTER TABLE ${t} RENAME COLUMN n TO m`, 'listed', () =>
      room.addChunks(id, [{ time: HOUR, m: 5 }]),
    )
    assert.deepEqual([end.status, end.error], ['error', 'COLUMN_ALREADY_EXISTS'])
    assert.match(end.log, /TRANSACTION_CONFLICT/)
  })
})
