import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { decodeMulti } from '@msgpack/msgpack'
import type { SnapshotChunk } from '../snapshot/index.ts'
import type { SchemaLookup, TableColumn } from './analyze/index.ts'
import { bindTables, compileQuery } from './compile.ts'
import { failureOf } from './engine/failure.ts'
import { registerFunctions } from './engine/functions.ts'
import { prepareSelect } from './engine/statements.ts'
import { javaScriptFunctions } from './engine-functions.ts'
import { prelude } from './engine-parts.ts'
import { QueryError } from './errors.ts'
import type { CallContext } from './functions/types.ts'
import { typeText } from './presto-type.ts'
import { cellWriter } from './results/cells.ts'
import { createSink, drain, writeArrayHeader } from './results/msgpack.ts'

/**
 * Support for tests: facts about SQL as data. A case is a statement with the rows it answers, as JSON (whole numbers beyond 2^53 as
 * text, NaN and infinities as text, bytes as hex), or the error it gives. `columns` are names, or `name type`.
 */
export type Case = {
  sql: string
  columns?: string[]
  rows?: unknown[][]
  /** How many chunk files may be read. */
  opened?: number
  /** Rows may come in any order. */
  unordered?: boolean
  error?: { name: string; line?: number; column?: number; message?: string }
  zone?: string
  /** Unix seconds; 2024-01-31 12:34:56 UTC when absent. */
  scheduledTime?: number
}

/** `sql` makes the rows that are written to one Parquet chunk; several chunks may differ in what they hold. */
export type CaseTable = {
  /** The key is the name unless given. */
  columns: (Omit<TableColumn, 'key'> & { key?: string })[]
  /** `keys`: by the file's column name, where it is not the key. */
  chunks: { sql: string; physical: Record<string, string>; keys?: Record<string, string> }[]
}

export type CaseAnswer =
  | { columns: string[]; rows: unknown[][]; opened: number }
  | { error: { name: string; message: string; line?: number; column?: number } }

export type CaseRunner = { run(test: Case): Promise<CaseAnswer>; close(): Promise<void> }

export async function readCases(file: URL): Promise<Case[]> {
  return JSON.parse(await readFile(file, 'utf8')) as Case[]
}

/** An engine inside this process, with tables of the database `db` made of the given chunks; `own` adds to each query's context. */
export async function startCases(
  tables: Record<string, CaseTable> = {},
  own: Partial<CallContext> = {},
): Promise<CaseRunner> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-cases-'))
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await instance.connect()
  await connection.run(`SET TimeZone = 'UTC'`)
  await registerFunctions(connection, javaScriptFunctions)
  for (const statement of prelude) await connection.run(statement)
  const names = Object.keys(tables)
  const chunks: SnapshotChunk[] = []
  for (const [index, name] of names.entries()) {
    chunks.push(...(await writeChunks(connection, directory, BigInt(index + 1), tables[name]!)))
  }
  const lookup = lookupOf(tables, names)
  return {
    run: (test) => runCase(connection, lookup, chunks, test, own),
    async close() {
      connection.closeSync()
      instance.closeSync()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

export function columnsOf({ columns }: CaseTable): TableColumn[] {
  return columns.map((column) => ({ key: column.name, ...column }))
}

function lookupOf(tables: Record<string, CaseTable>, names: string[]): SchemaLookup {
  const lookup: SchemaLookup = {
    findTable(database, table) {
      if (database === 'away') return { kind: 'unknown', reason: 'a test' }
      if (database !== 'db') return { kind: 'no-database' }
      const index = names.indexOf(table)
      if (index === -1) return { kind: 'no-table' }
      return { kind: 'found', table: { id: BigInt(index + 1), columns: columnsOf(tables[table]!) } }
    },
    listDatabases: () => ({ kind: 'found', names: ['db'] }),
    listTables: (database) => (database === 'db' ? { kind: 'found', names } : { kind: 'absent' }),
    mayWrite: (database) => (database === 'db' ? 'yes' : 'no'),
    as: () => lookup,
  }
  return lookup
}

async function writeChunks(
  connection: DuckDBConnection,
  directory: string,
  tableId: bigint,
  table: CaseTable,
): Promise<SnapshotChunk[]> {
  const chunks: SnapshotChunk[] = []
  for (const [index, { sql, physical, keys = {} }] of table.chunks.entries()) {
    const path = join(directory, `${tableId}-${index}.parquet`)
    await connection.run(`COPY (${sql}) TO '${path}' (FORMAT parquet)`)
    const facts = await connection.runAndReadAll(
      `FROM read_parquet('${path}') SELECT min(time)::BIGINT, max(time)::BIGINT, count(*)`,
    )
    const [timeMin, timeMax, rows] = facts.getRows()[0] as [bigint, bigint, bigint]
    const columns = Object.fromEntries(
      Object.entries({ time: 'INT64', ...physical }).map(([name, kind]) => [
        name,
        { key: keys[name] ?? name, type: '', physical: kind, nulls: 0 },
      ]),
    )
    chunks.push({ id: BigInt(index), tableId, timeMin, timeMax, rows: Number(rows), bytes: 0, path, columns })
  }
  return chunks
}

async function runCase(
  connection: DuckDBConnection,
  lookup: SchemaLookup,
  chunks: SnapshotChunk[],
  test: Case,
  own: Partial<CallContext>,
): Promise<CaseAnswer> {
  const context: CallContext = {
    zone: test.zone ?? 'UTC',
    scheduledTime: BigInt(test.scheduledTime ?? 1_706_704_496),
    startedAtMs: 1_706_704_496_789,
    user: 'tester',
    ...own,
  }
  let sql = ''
  try {
    const compiled = await compileQuery({ text: test.sql, defaultDatabase: 'db', lookup, context })
    const query = bindTables(compiled, chunks, (path) => path)
    sql = query.sql
    const prepared = await prepareSelect(connection, sql, query.lists)
    const result = await prepared.stream()
    const types = query.columns.map(({ type }) => type)
    const rows: unknown[][] = []
    for (;;) {
      const chunk = await result.fetchChunk()
      if (chunk === null || chunk.rowCount === 0) break
      const writers = types.map((type, i) => cellWriter(type, chunk.getColumnVector(i)))
      const sink = createSink()
      for (let row = 0; row < chunk.rowCount; row += 1) {
        writeArrayHeader(sink, types.length)
        for (const write of writers) write(sink, row)
      }
      for (const row of decodeMulti(drain(sink), { useBigInt64: true, mapKeyConverter }))
        rows.push((row as unknown[]).map(plain))
    }
    return {
      columns: query.columns.map(({ name, type }) => `${name} ${typeText(type)}`),
      rows,
      opened: query.files?.length ?? 0,
    }
  } catch (error) {
    return { error: failed(error, sql) }
  }
}

function failed(error: unknown, sql: string): Extract<CaseAnswer, { error: unknown }>['error'] {
  if (error instanceof QueryError) return { name: error.errorName, message: error.message, ...error.position }
  const failure = failureOf(error)
  if (failure.kind !== 'query') throw error
  const hint = failure.name === 'GENERIC_INTERNAL_ERROR' ? `\n${sql}` : ''
  return { name: failure.name, message: failure.message + hint }
}

/** Keys of objects are text: what is none becomes its JSON. */
const mapKeyConverter = (key: unknown) =>
  typeof key === 'string' || typeof key === 'number' ? key : JSON.stringify(plain(key))

/** A decoded value as JSON has it. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString()
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
  }
  return value
}
