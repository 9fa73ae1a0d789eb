import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Permitted, SchemaLookup } from './analyze/index.ts'
import { compileQuery } from './compile.ts'
import { permittedLookup } from './permission.ts'

const lookup: SchemaLookup = {
  findTable: (database, table) => {
    if (!['open', 'closed', 'unsure'].includes(database)) return { kind: 'no-database' }
    if (table !== 'events') return { kind: 'no-table' }
    return { kind: 'found', table: { id: 1n, columns: [{ name: 'salary', key: 'salary', type: 'long' }] } }
  },
  listDatabases: () => ({ kind: 'found', names: ['open'] }),
  listTables: (database) =>
    database === 'nowhere' ? { kind: 'absent' } : { kind: 'found', names: ['events'] },
  mayWrite: () => 'yes',
  as: () => lookup,
}
const verdicts: Record<string, Permitted> = { open: 'yes', closed: 'no', unsure: 'unknown' }
const context = { zone: 'UTC', scheduledTime: 0n, startedAtMs: 0, user: 'u' }
function compile(text: string, defaultDatabase = 'open') {
  const mayQuery = async (database: string) => verdicts[database] ?? 'no'
  return compileQuery({ text, defaultDatabase, lookup: permittedLookup({ lookup, mayQuery }), context })
}

describe('a database its user may not query', () => {
  const reading = [
    'select * from closed.events',
    'select 1 from events where exists (select 1 from closed.events)',
    'with c as (select * from closed.events) select 1 from events join c on true',
    'select wages from closed.events',
    'select * from closed.nosuchtable',
    'explain select * from closed.events',
    'describe closed.events',
    'show columns from closed.events',
    'show tables from closed',
    'select 1; select * from closed.events; select 2',
  ]
  for (const text of reading) {
    test(`tells nothing to: ${text}`, async () => {
      await assert.rejects(compile(text), { errorName: 'PERMISSION_DENIED', message: /database closed$/ })
    })
  }

  test('does not hinder a query that only names a WITH query like one of its tables', async () => {
    assert.equal(
      (await compile('with events as (select 1 x) select x from events', 'closed')).tables.length,
      0,
    )
  })

  test('is a missing one only when it is missing', async () => {
    await assert.rejects(compile('select * from nowhere.events'), { errorName: 'SCHEMA_NOT_FOUND' })
    await assert.rejects(compile('show tables from nowhere'), { errorName: 'SCHEMA_NOT_FOUND' })
  })

  test('is waited for, not refused, while nobody can say', async () => {
    for (const text of ['select * from unsure.events', 'describe unsure.events', 'show tables from unsure'])
      await assert.rejects(compile(text), { code: 'catalog_unknown', advice: 'retry' })
  })
})
