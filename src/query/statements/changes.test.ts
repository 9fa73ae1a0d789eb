import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import type { SchemaLookup, StoredView } from '../analyze/index.ts'
import { caseTables } from '../case-tables.ts'
import { columnsOf } from '../cases.ts'
import type { Change, NewColumn } from '../changes.ts'
import { type CompiledStatement, compileQuery } from '../compile.ts'
import { QueryError } from '../errors.ts'
import { typeText } from '../presto-type.ts'

/** What a statement changes, in short; `source`: types of the rows that it writes, or by which it names those it deletes. */
type Expected = Record<string, unknown>
type Fact = { sql: string; change?: Expected; session?: Expected; error?: { name: string; message?: string } }

const VIEW: StoredView = {
  text: 'SELECT id FROM orders',
  defaultDatabase: 'db',
  columns: [{ name: 'id', type: 'bigint' }],
  security: 'definer',
  owner: '7',
  comment: null,
}
const lookup: SchemaLookup = {
  findTable(database, table) {
    if (database === 'away') return { kind: 'unknown', reason: 'nobody knows' }
    if (database === 'closed') return { kind: 'denied' }
    if (database === 'empty') return { kind: 'no-table' }
    if (database !== 'db' && database !== 'readable') return { kind: 'no-database' }
    if (table === 'a_view') return { kind: 'view', view: VIEW }
    const found = caseTables[table]
    return found === undefined
      ? { kind: 'no-table' }
      : { kind: 'found', table: { id: 1n, columns: columnsOf(found) } }
  },
  listDatabases: () => ({ kind: 'found', names: ['db', 'empty', 'readable'] }),
  listTables: (database) =>
    database === 'db' || database === 'readable'
      ? { kind: 'found', names: Object.keys(caseTables) }
      : database === 'empty'
        ? { kind: 'found', names: [] }
        : { kind: 'absent' },
  mayWrite: (database) => (database === 'db' || database === 'empty' ? 'yes' : 'no'),
  as: () => lookup,
}
const context = { zone: 'UTC', scheduledTime: 0n, startedAtMs: 0, user: '7' }

async function compile(text: string): Promise<CompiledStatement> {
  const { statements } = await compileQuery({ text, defaultDatabase: 'db', lookup, context })
  return statements.at(-1)!
}

const columnText = ({ name, type, comment }: NewColumn) =>
  `${name} ${typeText(type)}${comment === undefined ? '' : ` COMMENT ${comment}`}`
const place = ({ database, name }: { database: string; name: string }) => `${database}.${name}`

/** The change without its queries' texts: names as `database.name`, columns as `name type`. */
function summary(change: Change): Expected {
  const short: Expected = {}
  for (const [key, value] of Object.entries(change)) {
    if (
      key === 'target' ||
      (key === 'from' && typeof value === 'object') ||
      (key === 'to' && typeof value === 'object')
    )
      short[key] = place(value as never)
    else if (key === 'columns') short[key] = (value as NewColumn[]).map(columnText)
    else if (key === 'column' && typeof value === 'object' && value !== null)
      short[key] = columnText(value as never)
    else if (key === 'source')
      short[key] = (value as { columns: { type: never }[] }).columns.map(({ type }) => typeText(type))
    else if (key === 'predicate' && value !== null) {
      const { source, target } = value as { source: { references: { ranges: unknown }[] }; target: number }
      short.ranges = JSON.parse(
        JSON.stringify(source.references[target]!.ranges, (_, v: unknown) =>
          typeof v === 'bigint' ? Number(v) : v,
        ),
      )
    } else if (key !== 'at' && key !== 'tableId' && value !== false) short[key] = value
  }
  return short
}

const facts = JSON.parse(await readFile(new URL('changes.cases.json', import.meta.url), 'utf8')) as Fact[]

describe('the facts of statements/changes.cases.json', () => {
  for (const { sql, change, session, error } of facts) {
    test(sql, async () => {
      if (error !== undefined) {
        const thrown = await compile(sql).then(
          () => assert.fail('compiled'),
          (reason: unknown) => reason,
        )
        assert.ok(thrown instanceof QueryError, String(thrown))
        assert.equal(thrown.errorName, error.name, thrown.message)
        if (error.message !== undefined) assert.equal(thrown.message, error.message)
        return
      }
      const compiled = await compile(sql)
      if (session !== undefined) {
        assert.ok(compiled.kind === 'session', compiled.kind)
        return assert.deepEqual(compiled.effect, session)
      }
      assert.ok(compiled.kind === 'change', compiled.kind)
      assert.deepEqual(summary(compiled.change), change)
    })
  }
})

describe('a change', () => {
  test('is not compiled while nobody can say what is there', async () => {
    for (const text of ['insert into away.t select 1', 'create table away.t (a bigint)', 'drop table away.t'])
      await assert.rejects(compile(text), { code: 'catalog_unknown' })
  })
})
