import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { withAdmin } from '../database/index.ts'
import { startTestDatabase, type TestDatabase } from '../database/testing.ts'
import { findingsOf } from './database.ts'
import { readDatabaseFacts } from './store.ts'

describe('an external main database that answers', () => {
  let db: TestDatabase
  before(async () => {
    db = await startTestDatabase()
  })
  after(async () => {
    await db?.stop()
  })
  const factsOf = (user = db.admin.user, password = db.admin.password, aheadMs = 0) =>
    withAdmin({ ...db.admin, user, password }, (connection) =>
      readDatabaseFacts(connection, () => new Date(Date.now() - aheadMs)),
    )
  const findings = (facts: Awaited<ReturnType<typeof factsOf>>, needed = 30) =>
    findingsOf({ place: 'here', user: 'me', needed }, facts).map(({ message }) => message)

  test('is sound when the user may do what is needed', async () => {
    assert.deepEqual(findings(await factsOf()), [])
  })

  test('is told from one whose user lacks rights and connections, and whose clock is another', async () => {
    await withAdmin(db.admin, async (connection) => {
      await connection.query(`CREATE ROLE doctor_poor LOGIN PASSWORD 'x' CONNECTION LIMIT 3`)
    })
    const poor = findings(await factsOf('doctor_poor', 'x', 60_000))
    await withAdmin(db.admin, async (connection) => {
      await connection.query('DROP ROLE doctor_poor')
    })
    assert.match(poor[0]!, /may not create tables/)
    assert.match(poor[1]!, /the clock of here is 60 s ahead/)
    assert.match(poor[2]!, /has 3 connections/)
  })
})
