import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startTestDatabase, type TestDatabase } from '../database/testing.ts'
import type { StoredView } from './analyze/index.ts'
import { catalogFor } from './catalog.ts'
import { dropView, putView } from './view-store.ts'

const WRITE = { class: 'write', deadlineMs: 20_000 } as const
const OWNER = 1n
const GRANTED = 2n
const IMPORT_ONLY = 3n
const REMOVED = 4n
const MEMBER = 5n

describe('the catalog of a query, from the database', () => {
  let db: TestDatabase
  before(async () => {
    db = await startTestDatabase()
    await db.database.write(WRITE, async (sql) => {
      await sql`INSERT INTO accounts (id, name) VALUES (1, 'one'), (2, 'two')`
      await sql`
        INSERT INTO users (id, account_id, name, email, role, removed_at)
        VALUES (1, 1, 'Ann', 'a@example.com', 'owner', NULL), (2, 1, 'Bob', 'b@example.com', 'member', NULL),
               (3, 1, 'Cy', 'c@example.com', 'member', NULL), (4, 1, 'Di', 'd@example.com', 'member', now()),
               (5, 1, 'Ed', 'e@example.com', 'member', NULL), (6, 2, 'Flo', 'f@example.com', 'owner', NULL)`
      await sql`INSERT INTO databases (id, account_id, name, owner_id) VALUES (1, 1, 'site', 1), (2, 2, 'site', 6)`
      await sql`INSERT INTO tables (id, database_id, name) VALUES (1, 1, 'log'), (2, 1, 'bare'), (3, 2, 'theirs')`
      await sql`
        INSERT INTO table_columns (table_id, name, key, type, ordinal)
        VALUES (1, 'size', 'size', 'long', 2), (1, 'time', 'time', 'long', 1), (3, 'time', 'time', 'long', 1)`
      await sql`
        INSERT INTO database_permissions (database_id, user_id, permission)
        VALUES (1, 2, 'query_only'), (1, 3, 'import_only'), (1, 4, 'query_only')`
    })
  })
  after(() => db.stop())

  const catalog = (userId: bigint, accountId = 1n) =>
    catalogFor({ database: db.database, gate: db.gate, snapshot: undefined as never }, { accountId, userId })

  test('finds a table with its columns in their order, the first of a database and any after it', async () => {
    const { lookup } = await catalog(OWNER)
    const columns = [
      { name: 'time', key: 'time', type: 'long' },
      { name: 'size', key: 'size', type: 'long' },
    ]
    assert.deepEqual(await lookup.findTable('site', 'log'), { kind: 'found', table: { id: 1n, columns } })
    assert.deepEqual(await lookup.findTable('site', 'bare'), {
      kind: 'found',
      table: { id: 2n, columns: [] },
    })
    assert.deepEqual(await lookup.findTable('site', 'log'), { kind: 'found', table: { id: 1n, columns } })
  })

  test('tells a database that is not there from a table that is not there, and shows no other account', async () => {
    const { lookup } = await catalog(OWNER)
    for (const _ of ['first', 'again']) {
      assert.deepEqual(await lookup.findTable('none', 'log'), { kind: 'no-database' })
      assert.deepEqual(await lookup.findTable('site', 'theirs'), { kind: 'no-table' })
    }
  })

  test('finds views, behind tables, lists them, and reads them as their owner may', async () => {
    const view: StoredView = {
      text: 'SELECT size FROM log',
      defaultDatabase: 'site',
      columns: [{ name: 'size', type: 'bigint' }],
      security: 'definer',
      owner: String(OWNER),
      comment: "it's",
    }
    const at = { databaseId: 1n, name: 'sizes' }
    await db.database.write(WRITE, async (sql) => {
      assert.equal(await putView(sql, { ...at, orReplace: false }, view), true)
      assert.equal(await putView(sql, { ...at, orReplace: false }, { ...view, text: 'SELECT 1' }), false)
      assert.equal(await putView(sql, { ...at, name: 'log', orReplace: true }, view), true)
    })
    const { lookup, listing, mayQuery } = await catalog(GRANTED)
    assert.deepEqual(await lookup.findTable('site', 'sizes'), { kind: 'view', view })
    assert.equal((await lookup.findTable('site', 'log')).kind, 'found')
    assert.deepEqual(await lookup.listTables('site'), { kind: 'found', names: ['bare', 'log', 'sizes'] })
    const listed = await listing.views({ databases: ['site'] })
    assert.deepEqual(
      listed.map(({ name }) => name),
      ['log', 'sizes'],
    )
    assert.deepEqual(listed[1]!.view, view)
    assert.equal(await mayQuery('site', String(REMOVED)), 'no')
    assert.equal(await mayQuery('site', String(OWNER)), 'yes')
    await db.database.write(WRITE, async (sql) => {
      assert.equal(await putView(sql, { ...at, orReplace: true }, { ...view, security: 'invoker' }), true)
    })
    const replaced = await (await catalog(OWNER)).lookup.findTable('site', 'sizes')
    assert.deepEqual(replaced, { kind: 'view', view: { ...view, security: 'invoker' } })
    await db.database.write(WRITE, async (sql) => {
      for (const name of ['sizes', 'log']) assert.equal(await dropView(sql, { ...at, name }), true)
      assert.equal(await dropView(sql, at), false)
    })
    assert.deepEqual(await (await catalog(OWNER)).lookup.findTable('site', 'sizes'), { kind: 'no-table' })
  })

  test('says who may write', async () => {
    const verdicts: unknown[] = []
    for (const user of [OWNER, GRANTED, IMPORT_ONLY, REMOVED, MEMBER])
      verdicts.push(await (await catalog(user)).lookup.mayWrite('site'))
    assert.deepEqual(verdicts, ['yes', 'no', 'no', 'no', 'no'])
    await db.database.write(WRITE, async (sql) => {
      await sql`INSERT INTO database_permissions (database_id, user_id, permission) VALUES (1, 5, 'full_access')`
    })
    assert.equal(await (await catalog(MEMBER)).lookup.mayWrite('site'), 'yes')
    assert.equal(await (await catalog(OWNER)).lookup.mayWrite('none'), 'no')
    await db.database.write(WRITE, async (sql) => {
      await sql`DELETE FROM database_permissions WHERE user_id = 5`
    })
  })

  test('gives the same verdict before and after a table was looked up', async () => {
    for (const [userId, verdict] of [
      [OWNER, 'yes'],
      [GRANTED, 'yes'],
      [IMPORT_ONLY, 'no'],
      [REMOVED, 'no'],
      [MEMBER, 'no'],
      [99n, 'no'],
    ] as const) {
      const asked = await catalog(userId)
      assert.equal(await asked.mayQuery('site'), verdict, `user ${userId}`)
      const looked = await catalog(userId)
      assert.equal((await looked.lookup.findTable('site', 'log')).kind, 'found')
      assert.equal(await looked.mayQuery('site'), verdict, `user ${userId}`)
      assert.equal(await looked.mayQuery('none'), 'no')
    }
  })

  test('remembers nothing for the next query: columns, tables, permissions and chunks are as they are then', async () => {
    const before = await catalog(GRANTED)
    assert.equal((await before.lookup.findTable('site', 'bare')).kind, 'found')
    await db.database.write(WRITE, async (sql) => {
      await sql`INSERT INTO table_columns (table_id, name, key, type, ordinal) VALUES (2, 'time', 'time', 'long', 1)`
      await sql`DELETE FROM database_permissions WHERE user_id = 2`
      await sql`
        INSERT INTO chunks (table_id, time_range, rows, bytes, path, owner, columns)
        VALUES (2, '[10,20)', 1, 1, 'a', 't', '{}'), (2, '[15,30)', 1, 1, 'b', 't', '{}')`
    })
    const altered = await catalog(GRANTED)
    const found = await altered.lookup.findTable('site', 'bare')
    assert.deepEqual(found.kind === 'found' && found.table.columns, [
      { name: 'time', key: 'time', type: 'long' },
    ])
    assert.equal(await altered.mayQuery('site'), 'no')
    const both = [{ tableId: 2n, ranges: [{ from: 15n, to: 17n }] }]
    const paths = async () => (await (await catalog(OWNER)).chunksOf(both)).map(({ path }) => path)
    assert.deepEqual(await paths(), ['a', 'b'])
    await db.database.write(WRITE, async (sql) => {
      await sql`UPDATE chunks SET retired_at = now() WHERE path = 'a'`
      await sql`UPDATE table_columns SET type = 'string' WHERE table_id = 1 AND name = 'size'`
      await sql`UPDATE tables SET removed_at = now() WHERE id = 2`
    })
    assert.deepEqual(await paths(), ['b'])
    const later = await catalog(OWNER)
    assert.deepEqual(await later.lookup.findTable('site', 'bare'), { kind: 'no-table' })
    const log = await later.lookup.findTable('site', 'log')
    assert.equal(log.kind === 'found' && log.table.columns[1]?.type, 'string')
  })
})
