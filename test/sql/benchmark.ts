import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { type CaseTable, startCases } from '../../src/query/cases.ts'
import { rowsText } from './answers.ts'
import {
  BENCHMARK_MACROS,
  type BenchmarkTable,
  keptAs,
  storedSql,
  withTypedTables,
} from './benchmark-tables.ts'
import { type Answer, type Engine, ourEngine, postgresEngine } from './engines.ts'

/** The same rows in our engine, which keeps them as users' tables do, and in PostgreSQL with the specification's types. */
export type Benchmark = {
  ours: Engine
  postgres: Engine
  stop(): Promise<void>
}

export async function startBenchmark(tables: BenchmarkTable[]): Promise<Benchmark> {
  const room = await mkdtemp(join(tmpdir(), 'millrace-benchmark-'))
  // Under root, PostgreSQL is another user.
  await chmod(room, 0o755)
  await writeTables(tables, room)
  const ours = ourEngine(await startCases(caseTables(tables, room)))
  const postgres = await postgresEngine()
  for (const table of tables) await loadIntoPostgres(postgres, table, room)
  return {
    ours: { ...ours, ask: (sql) => ours.ask(withTypedTables(sql, tables)) },
    postgres,
    async stop() {
      await Promise.all([ours.stop(), postgres.stop()])
      await rm(room, { recursive: true, force: true })
    },
  }
}

/** One Parquet file of stored values for each table and, unless told otherwise, the same as csv for PostgreSQL. */
export async function writeTables(
  tables: BenchmarkTable[],
  directory: string,
  { csv = true } = {},
): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  for (const macro of BENCHMARK_MACROS) await connection.run(macro)
  for (const table of tables) {
    const path = join(directory, `${table.name}.parquet`)
    await connection.run(`COPY (${storedSql(table)}) TO '${path}' (FORMAT parquet)`)
    if (!csv) continue
    const columns = Object.keys(table.columns).join(', ')
    await connection.run(
      `COPY (SELECT ${columns} FROM '${path}') TO '${join(directory, `${table.name}.csv`)}' (FORMAT csv)`,
    )
  }
  connection.closeSync()
  instance.closeSync()
}

export function caseTables(tables: BenchmarkTable[], directory: string): Record<string, CaseTable> {
  return Object.fromEntries(
    tables.map(({ name, columns }): [string, CaseTable] => {
      const kept = Object.entries(columns).map(([column, type]) => ({ column, ...keptAs(type) }))
      const sql = `SELECT * FROM '${join(directory, `${name}.parquet`)}'`
      const physical = Object.fromEntries(kept.map(({ column, physical: kind }) => [column, kind]))
      return [
        name,
        {
          columns: kept.map(({ column, rest }) => ({ name: column, type: rest })),
          chunks: [{ sql, physical }],
        },
      ]
    }),
  )
}

async function loadIntoPostgres(
  postgres: Engine,
  { name, columns }: BenchmarkTable,
  room: string,
): Promise<void> {
  const declared = Object.entries(columns).map(([column, type]) => `${column} ${postgresType(type)}`)
  for (const sql of [
    `CREATE TABLE ${name} (${declared.join(', ')})`,
    `COPY ${name} FROM '${join(room, `${name}.csv`)}' (FORMAT csv, HEADER)`,
    ...Object.keys(columns)
      .filter((column) => /_sk$|key$/.test(column))
      .map((column) => `CREATE INDEX ON ${name} (${column})`),
    `ANALYZE ${name}`,
  ]) {
    const answer = await postgres.ask(sql)
    if ('error' in answer) throw new Error(`${name}: ${answer.message}`)
  }
}

const postgresType = (type: string) => ({ double: 'double precision', varchar: 'text' })[type] ?? type

export const readQuery = (suite: string, name: string): Promise<string> =>
  readFile(new URL(`${suite}/${name}.sql`, import.meta.url), 'utf8')

/**
 * PostgreSQL's rows as ours are: it rounds no quotient and no average of decimals, so that theirs are rounded, half up, to the
 * digits that our type has.
 */
export function rounded(types: string[], rows: unknown[][]): unknown[][] {
  const scales = types.map((type) => /^decimal\(\d+,\s*(\d+)\)$/.exec(type)?.[1])
  return rows.map((row) =>
    row.map((value, i) =>
      scales[i] === undefined || value === null ? value : roundHalfUp(String(value), Number(scales[i])),
    ),
  )
}

function roundHalfUp(text: string, scale: number): string {
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text)!
  const digits =
    BigInt(whole! + fraction.slice(0, scale).padEnd(scale, '0')) + ((fraction[scale] ?? '0') >= '5' ? 1n : 0n)
  const all = digits.toString().padStart(scale + 1, '0')
  const result = scale === 0 ? all : `${all.slice(0, -scale)}.${all.slice(-scale)}`
  return digits === 0n ? result : `${sign}${result}`
}

/** Both answers as text, for one comparison that shows what differs. */
export function answersAsText(ours: Answer, theirs: Answer, ordered: boolean): [string, string] {
  if ('error' in ours) return [`${ours.error}: ${ours.message}`, 'rows']
  if ('error' in theirs) return ['rows', `${theirs.error}: ${theirs.message}`]
  return [
    rowsText(ours.types, ours.rows, ordered),
    rowsText(ours.types, rounded(ours.types, theirs.rows), ordered),
  ]
}
