import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { DuckDBConnection } from '@duckdb/node-api'
import fc from 'fast-check'
import type { SchemaLookup } from '../analyze/index.ts'
import { bindTables, compileQuery } from '../compile.ts'
import { openConnection } from '../engine/connection.ts'
import { prepareSelect } from '../engine/statements.ts'
import { overlaps } from '../prune/index.ts'
import { writeSystemTables } from './files.ts'
import { withSystemTables } from './lookup.ts'
import { findSystemTable } from './tables.ts'
import type { SystemRow, SystemWanted } from './types.ts'

const RUNS = Number(process.env.MILLRACE_NARROWING_RUNS ?? 60)
const SEED = process.env.MILLRACE_NARROWING_SEED

/** Every combination of these, NULL among them. */
const STATUSES = ['a', 'b', null]
const TYPES = ['a', 'c', null]
const TIMES = [1n, 2n, null]
const EMPTY = Object.fromEntries(findSystemTable('system', 'jobs')!.columns.map(({ name }) => [name, null]))
const ROWS: SystemRow[] = STATUSES.flatMap((status) =>
  TYPES.flatMap((type) => TIMES.map((time) => ({ status, type, time }))),
).map((row, i) => ({ ...EMPTY, ...row, id: BigInt(i) }))

/** What a source gives that leaves out all it may. */
function narrowed({ times, texts }: SystemWanted): SystemRow[] {
  const isWantedTime = ({ time }: SystemRow) =>
    time === null ? isOpen(times) : overlaps([...times], time as bigint, time as bigint)
  const isWantedText = (row: SystemRow) =>
    [...texts].every(([column, wanted]) => wanted.includes(row[column] as string))
  return ROWS.filter((row) => isWantedTime(row) && isWantedText(row))
}
const isOpen = (times: SystemWanted['times']) => times.some(({ from, to }) => from === null && to === null)

const text = fc.constantFrom("'a'", "'b'", "'c'", 'NULL', "CAST('a' AS varchar(1))")
const number = fc.constantFrom('1', '2', 'NULL')
/** A condition over the columns of the relations, three-valued. */
function conditions(relations: readonly string[]): fc.Arbitrary<string> {
  const textColumn = fc
    .tuple(fc.constantFrom(...relations), fc.constantFrom('status', 'type'))
    .map(([relation, column]) => `${relation}.${column}`)
  const timeColumn = fc.constantFrom(...relations).map((relation) => `${relation}.time`)
  const { condition } = fc.letrec<{ condition: string }>((tie) => ({
    condition: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.tuple(textColumn, fc.constantFrom('=', '<>'), text).map((parts) => parts.join(' ')),
      fc.tuple(text, textColumn).map((parts) => parts.join(' = ')),
      fc.tuple(textColumn, textColumn).map((parts) => parts.join(' = ')),
      fc.tuple(textColumn, text, text).map(([column, a, b]) => `${column} IN (${a}, ${b})`),
      textColumn.map((column) => `${column} IS NULL`),
      fc.tuple(timeColumn, fc.constantFrom('=', '<', '>=', '<>'), number).map((parts) => parts.join(' ')),
      fc.tuple(tie('condition'), tie('condition')).map((terms) => `(${terms.join(' AND ')})`),
      fc.tuple(tie('condition'), tie('condition')).map((terms) => `(${terms.join(' OR ')})`),
      tie('condition').map((term) => `NOT (${term})`),
      fc.constantFrom('true', 'false'),
    ),
  }))
  return condition
}

const JOBS = 'system.jobs'
const ALL = 'SELECT id, status, type, time FROM system.jobs'
const one = conditions(['x'])
const two = conditions(['x', 'y'])
const source = fc.oneof(
  fc.constant(JOBS),
  one.map((where) => `(${ALL} x WHERE ${where})`),
  one.map((where) => `(${ALL} UNION ALL SELECT id, type, status, time FROM system.jobs x WHERE ${where})`),
  one.map((where) => `(${ALL} EXCEPT ${ALL} x WHERE ${where})`),
  fc.constant(`(${ALL} ORDER BY id LIMIT 9)`),
  fc.constant(`(SELECT max(id) id, status, max(type) type, max(time) time FROM system.jobs GROUP BY status)`),
)
const queries = fc.oneof(
  fc.tuple(source, one).map(([from, where]) => `SELECT x.id FROM ${from} x WHERE ${where}`),
  fc
    .tuple(source, fc.constantFrom('JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN'), source, two, two)
    .map(
      ([a, join, b, on, where]) =>
        `SELECT x.id, y.id FROM ${a} x ${join} ${b} y ON x.id = y.id AND ${on} WHERE ${where}`,
    ),
  fc
    .tuple(one, two)
    .map(
      ([inner, where]) =>
        `WITH w AS (SELECT * FROM system.jobs x WHERE ${inner}) SELECT x.id, y.id FROM w x, w y WHERE ${where}`,
    ),
  fc
    .tuple(one, one)
    .map(
      ([where, inner]) =>
        `SELECT x.id FROM system.jobs x WHERE ${where} AND x.id IN (SELECT x.id FROM system.jobs x WHERE ${inner})`,
    ),
)

describe('leaving out rows that cannot matter', () => {
  let directory: string
  let connection: DuckDBConnection
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-narrowing-'))
    connection = await openConnection()
  })
  after(() => rmSync(directory, { recursive: true }))

  const nobody: SchemaLookup = {
    findTable: () => ({ kind: 'no-database' }),
    listDatabases: () => ({ kind: 'found', names: [] }),
    listTables: () => ({ kind: 'absent' }),
    mayWrite: () => 'no',
    as: () => nobody,
  }
  let runs = 0
  const answer = async (query: string, rowsOf: (wanted: SystemWanted) => SystemRow[]) => {
    const compiled = await compileQuery({
      text: query,
      defaultDatabase: 'db',
      lookup: withSystemTables(nobody),
      context: { zone: 'UTC', scheduledTime: 0n, startedAtMs: 0, user: 'u' },
    })
    const jobs = async function* (wanted: SystemWanted) {
      yield rowsOf(wanted)
    }
    const files = await writeSystemTables(compiled.statements.at(-1), {
      catalog: {
        ageMs: undefined,
        listing: { sight: async () => ({ everything: true, databases: [] }) },
      } as never,
      sources: { jobs, import_errors: jobs, audit_log: jobs },
      user: { accountId: 1n, userId: 1n },
      directory: join(directory, String(++runs)),
      signal: new AbortController().signal,
      log: () => undefined,
    })
    const { sql, lists } = bindTables(compiled, [], (path) => path, files)
    const rows = (await (await prepareSelect(connection, sql, lists)).runAndReadAll()).getRowsJS()
    return rows.map(String).sort()
  }

  test('changes no answer', async () => {
    let left = 0
    await fc.assert(
      fc.asyncProperty(queries, async (query) => {
        const all = await answer(query, () => ROWS)
        const some = await answer(query, (wanted) => {
          const rows = narrowed(wanted)
          if (rows.length < ROWS.length) left += 1
          return rows
        })
        assert.deepEqual(some, all)
      }),
      { numRuns: RUNS, ...(SEED !== undefined && { seed: Number(SEED) }) },
    )
    assert.ok(left > RUNS / 10, `rows were left out in ${left} of ${RUNS} queries only`)
  })
})
