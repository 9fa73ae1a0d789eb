import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { TimeRange } from '../../snapshot/index.ts'
import { storageErrors } from '../../storage/index.ts'
import type { SystemColumn } from '../analyze/index.ts'
import type { SystemFiles } from '../bind.ts'
import type { QueryCatalog } from '../catalog.ts'
import { type CompiledQuery, type CompiledStatement, queriesOf } from '../compiled.ts'
import { QueryError } from '../errors.ts'
import { eitherTexts, union } from '../prune/index.ts'
import { queryErrors } from '../refusals.ts'
import { encodeRows } from './encode.ts'
import {
  chunks,
  columns,
  jdbcColumnRows,
  jdbcSchemas,
  jdbcTables,
  schemata,
  tableComments,
  tablePrivileges,
  tables,
  views,
} from './information-schema.ts'
import { FIXED_ROWS } from './jdbc.ts'
import { runtimeQueries } from './runtime.ts'
import { findSystemTable, type SystemTableEntry } from './tables.ts'
import type { SystemRow, SystemSources, SystemWanted } from './types.ts'

/** Most rows of system tables in one statement, and most bytes of the files they are put into. */
export const SYSTEM_LIMITS = { rows: 1_000_000, bytes: 256 * 1024 * 1024 }

export type SystemFilesOptions = {
  catalog: QueryCatalog
  sources: SystemSources
  user: { accountId: bigint; userId: bigint }
  /** Made when a file is to be written; whoever asked removes it. */
  directory: string
  signal: AbortSignal
  /** For the log of the job. */
  log(line: string): void
  limits?: typeof SYSTEM_LIMITS
}

/**
 * The rows that a statement needs of system tables, as files for the engine: each table is read once, however often it is
 * mentioned.
 * @throws QueryError when there are more rows than one statement may read · snapshot_incomplete, database_away (503, retry) when
 *   they cannot be read now
 */
export async function writeSystemTables(
  statement: CompiledStatement | undefined,
  options: SystemFilesOptions,
): Promise<SystemFiles> {
  const files = new Map<string, string[]>()
  const reads = systemReads(statement === undefined ? [] : queriesOf(statement))
  if (reads.length === 0) return files
  const sight = await options.catalog.listing.sight()
  const limits = options.limits ?? SYSTEM_LIMITS
  let rows = 0
  let bytes = 0
  for (const read of reads) {
    const { table, columns: wantedColumns } = read
    const paths: string[] = []
    const name = `${table.schema}.${table.name}`
    files.set(name, paths)
    const before = rows
    const wanted: SystemWanted = {
      ...options.user,
      databases: sight.everything ? null : sight.databases,
      columns: new Set(wantedColumns.map(({ name }) => name)),
      times: read.times,
      texts: read.texts,
    }
    for await (const page of pagesOf(table, wanted, sight.databases, options)) {
      options.signal.throwIfAborted()
      rows += page.length
      if (rows > limits.rows) throw tooMany(table, `${limits.rows} rows`)
      if (page.length === 0) continue
      const content = encodeRows(wantedColumns, page)
      bytes += content.length
      if (bytes > limits.bytes) throw tooMany(table, `${limits.bytes >> 20} MB`)
      paths.push(await write(options.directory, `${name}-${paths.length}`, content))
    }
    options.log(`read ${rows - before} rows of ${name}`)
  }
  return files
}

type Read = {
  table: SystemTableEntry
  columns: readonly SystemColumn[]
  times: readonly TimeRange[]
  texts: ReadonlyMap<string, readonly string[]>
}

/** What all mentions of each system table need together. */
function systemReads(queries: readonly CompiledQuery[]): Read[] {
  const mentions = queries
    .flatMap(({ references }) => references)
    .filter(({ reference }) => reference.tableId === null)
  const byTable = Map.groupBy(
    mentions,
    ({ reference }) => findSystemTable(reference.database, reference.table)!,
  )
  return [...byTable].map(([table, all]) => {
    const used = new Set(all.flatMap(({ reference }) => [...reference.used]))
    const needed = table.columns.filter((_, i) => used.has(i + 1))
    const texts = new Map<string, readonly string[]>()
    for (const { name } of table.columns) {
      const either = all.map((mention) => mention.texts.get(name)).reduce(eitherTexts)
      if (either !== undefined) texts.set(name, either)
    }
    return {
      table,
      // Rows are counted along some column.
      columns: needed.length === 0 ? table.columns.slice(0, 1) : needed,
      times: union(all.map(({ ranges }) => ranges)),
      texts,
    }
  })
}

function pagesOf(
  table: SystemTableEntry,
  wanted: SystemWanted,
  seen: readonly string[],
  { catalog, sources }: SystemFilesOptions,
): AsyncIterable<SystemRow[]> {
  const { listing } = catalog
  const name = `${table.schema}.${table.name}`
  if (table.whileAway === 'waits' && catalog.ageMs !== undefined)
    throw queryErrors.snapshot_incomplete(`${name} is in the main database only`)
  const asked = { ...wanted, seen }
  switch (name) {
    case 'information_schema.schemata':
      return schemata(asked)
    case 'information_schema.tables':
      return tables(listing, asked)
    case 'information_schema.columns':
      return columns(listing, asked)
    case 'information_schema.views':
      return views(listing, asked)
    case 'information_schema.table_privileges':
      return tablePrivileges(catalog, asked)
    case 'system.jdbc.schemas':
      return jdbcSchemas(asked)
    case 'system.jdbc.tables':
      return jdbcTables(listing, asked)
    case 'system.jdbc.columns':
      return jdbcColumnRows(listing, asked)
    case 'system.metadata.table_comments':
      return tableComments(listing, asked)
    case 'system.chunks':
      return chunks(listing, asked)
    case 'system.import_errors':
      return sources.import_errors(wanted)
    case 'system.audit_log':
      return sources.audit_log(wanted)
    case 'system.jobs':
      return sources.jobs(wanted)
    case 'system.runtime.queries':
      return runtimeQueries(sources.jobs, wanted)
    default:
      return fixedRows(name)
  }
}

async function* fixedRows(name: string): AsyncIterable<SystemRow[]> {
  const rows = FIXED_ROWS[name]
  if (rows === undefined) throw new Error(`nothing is known of the system table ${name}`)
  yield rows()
}

function tooMany({ schema, name, narrowedBy }: SystemTableEntry, what: string): QueryError {
  return new QueryError(
    'GENERIC_INSUFFICIENT_RESOURCES',
    `a statement may read ${what} of system tables; narrow ${schema}.${name} by ${narrowedBy.join(' or ')}`,
  )
}

async function write(directory: string, name: string, content: Buffer): Promise<string> {
  const path = resolve(join(directory, `${name}.parquet`))
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    await writeFile(path, content, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOSPC' || code === 'EDQUOT') throw storageErrors.storage_full('system tables', error)
    throw error
  }
  return path
}
