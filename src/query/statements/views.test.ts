import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { SchemaLookup, StoredView, TableLookup } from '../analyze/index.ts'
import { type CompiledQuery, compileQuery } from '../compile.ts'
import { permittedLookup } from '../permission.ts'
import { typeText } from '../presto-type.ts'

const OWNER = '1'
const READER = '2'

const view = (text: string, columns: string[], more: Partial<StoredView> = {}): StoredView => ({
  text,
  defaultDatabase: 'site',
  columns: columns.map((column) => ({
    name: column.split(' ')[0]!,
    type: column.slice(column.indexOf(' ') + 1),
  })),
  security: 'definer',
  owner: OWNER,
  comment: null,
  ...more,
})

const TABLES: Record<string, TableLookup> = {
  'site.log': {
    kind: 'found',
    table: {
      id: 1n,
      columns: [
        { name: 'code', key: 'code', type: 'long' },
        { name: 'path', key: 'path', type: 'string' },
      ],
    },
  },
}
const VIEWS: Record<string, StoredView> = {
  'shop.errors': view('SELECT path, code FROM log WHERE code >= 500', ['path varchar', 'code bigint']),
  'shop.late': view('SELECT path FROM log WHERE time >= 100', ['path varchar']),
  'shop.nested': view('SELECT count(*) AS n FROM shop.errors', ['n bigint']),
  'shop.invoked': view('SELECT path FROM log', ['path varchar'], { security: 'invoker' }),
  'shop.widened': view('SELECT 1 AS n', ['n bigint']),
  'shop.a': view('SELECT n FROM shop.b', ['n bigint']),
  'shop.b': view('SELECT n FROM shop.a', ['n bigint']),
  'shop.fewer': view('SELECT path FROM log', ['path varchar', 'code bigint']),
  'shop.other': view('SELECT path FROM log', ['path bigint']),
  'shop.broken': view('SELECT gone FROM log', ['gone bigint']),
  'shop.unparsable': view('SELECT FROM log', ['x bigint']),
  'shop.foreign': view('SELECT path FROM log', ['path varchar'], { owner: READER }),
  'shop.onward': view('SELECT path FROM shop.errors', ['path varchar'], { owner: READER }),
  'shop.trusting': view('SELECT path FROM shop.foreign', ['path varchar']),
}
const raw: SchemaLookup = {
  findTable(database, name) {
    const stored = VIEWS[`${database}.${name}`]
    if (stored !== undefined) return { kind: 'view', view: stored }
    if (database !== 'site' && database !== 'shop') return { kind: 'no-database' }
    return TABLES[`${database}.${name}`] ?? { kind: 'no-table' }
  },
  listDatabases: () => ({ kind: 'found', names: ['shop', 'site'] }),
  listTables: () => ({ kind: 'found', names: [] }),
  mayWrite: () => 'no',
  as: () => raw,
}
/** The reader may query `shop` only, the owner everything. */
const lookup = permittedLookup({
  lookup: raw,
  mayQuery: async (database, as) => (database === 'shop' || as === OWNER ? 'yes' : 'no'),
})
const context = { zone: 'UTC', scheduledTime: 0n, startedAtMs: 0, user: READER }

async function compile(text: string): Promise<CompiledQuery> {
  const { statements } = await compileQuery({ text, defaultDatabase: 'shop', lookup, context })
  return statements.at(-1) as CompiledQuery
}
const reads = ({ references }: CompiledQuery) =>
  references.map(({ reference: { database, table }, ranges }) => ({
    name: `${database}.${table}`,
    from: ranges[0]?.from ?? null,
  }))
const refusal = (text: string, errorName: string, message: RegExp) =>
  assert.rejects(compile(text), { errorName, message })

describe('a view', () => {
  test('is its query: names in it mean what they meant where it was made', async () => {
    const compiled = await compile('SELECT e.path, code + 1 FROM errors e WHERE e.code = 503')
    assert.deepEqual(
      compiled.columns.map(({ name, type }) => `${name} ${typeText(type)}`),
      ['path varchar', '_col1 bigint'],
    )
    assert.deepEqual(reads(compiled), [{ name: 'site.log', from: null }])
  })

  test('may stand in a view, a join, a subquery, and be named in full', async () => {
    assert.deepEqual(reads(await compile('SELECT n FROM nested')), [{ name: 'site.log', from: null }])
    const compiled = await compile(
      `SELECT shop.errors.path FROM shop.errors JOIN errors b USING (code) WHERE EXISTS (SELECT 1 FROM "td-presto".shop.errors)`,
    )
    assert.equal(reads(compiled).length, 3)
  })

  test('is pruned by its own condition and by that of the query around it', async () => {
    assert.deepEqual(reads(await compile('SELECT path FROM late')), [{ name: 'site.log', from: 100n }])
    const around = view('SELECT path, time FROM log', ['path varchar', 'time bigint'])
    VIEWS['shop.timed'] = around
    assert.deepEqual(reads(await compile('SELECT path FROM timed WHERE time >= 7')), [
      { name: 'site.log', from: 7n },
    ])
  })

  test('gives the types it was made with', async () => {
    const { columns } = await compile('SELECT n FROM widened')
    assert.deepEqual(
      columns.map(({ type }) => typeText(type)),
      ['bigint'],
    )
  })

  test('reads with the permissions of its owner, and with SECURITY INVOKER with those of its reader', async () => {
    await refusal('SELECT code FROM site.log', 'PERMISSION_DENIED', /database site/)
    await compile('SELECT path FROM errors')
    await refusal('SELECT path FROM invoked', 'PERMISSION_DENIED', /database site/)
    await refusal('SELECT path FROM "foreign"', 'PERMISSION_DENIED', /database site/)
  })

  test('that reads a view of somebody else reads that one with the permissions of its own owner', async () => {
    await compile('SELECT path FROM onward')
    await refusal('SELECT path FROM trusting', 'PERMISSION_DENIED', /database site/)
  })

  test('that reads itself is recursive', async () => {
    await refusal('SELECT n FROM a', 'VIEW_IS_RECURSIVE', /View is recursive$/)
  })

  test('whose query no longer gives what it gave is stale', async () => {
    await refusal(
      'SELECT 1 FROM fewer',
      'VIEW_IS_STALE',
      /^line 1:15: View 'td-presto.shop.fewer' is stale or in invalid state: stored view column count \(2\) does not match/,
    )
    await refusal(
      'SELECT 1 FROM other',
      'VIEW_IS_STALE',
      /column \[path\] of type varchar .* cannot be coerced to/,
    )
  })

  test('whose query is wrong says what is wrong with it', async () => {
    await refusal(
      'SELECT 1 FROM broken',
      'INVALID_VIEW',
      /^line 1:15: Failed analyzing stored view 'td-presto.shop.broken': line 1:8: Column 'gone' cannot be resolved$/,
    )
    await refusal('SELECT 1 FROM unparsable', 'INVALID_VIEW', /^line 1:15: Failed parsing stored view/)
  })

  test('is shown as it was made', async () => {
    const { sql } = await compile('SHOW CREATE VIEW errors')
    assert.match(
      sql,
      /CREATE VIEW "td-presto"\.shop\.errors\nSECURITY DEFINER AS\nSELECT path, code FROM log WHERE code >= 500/,
    )
    await refusal('SHOW CREATE TABLE errors', 'NOT_SUPPORTED', /is a view, not a table/)
    const described = await compile('DESCRIBE errors')
    assert.match(described.sql, /'path', 'varchar'.*'code', 'bigint'/)
  })
})
