import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type DuckDBConnection, LIST, listValue, VARCHAR } from '@duckdb/node-api'
import { QueryError } from '../errors.ts'
import { textLiteral } from '../functions/duck-type.ts'
import type { PrestoType } from '../presto-type.ts'
import { checkSelect } from './statements.ts'
import type { FileColumn, FileCut, FilesToWrite, HourCount, WrittenFile } from './write-types.ts'

/**
 * Chunk files out of a query, inside the engine process. Everything is written into one directory, the only one that may be written;
 * its names are numbers given here.
 */

const PATHS = LIST(VARCHAR)
export const DUCK_TYPE = {
  INT64: 'BIGINT',
  DOUBLE: 'DOUBLE',
  BYTE_ARRAY: 'VARCHAR',
  BOOLEAN: 'BOOLEAN',
} as const
/** Years 1 to 9999: what lies outside was not meant as seconds. */
const TIME_LIMITS = { least: -62_135_596_800n, most: 253_402_300_799n }
/** More different hours than that are not looked at one by one. */
const MOST_HOURS = 200_000
const ROWS_PER_FILE = 1_000_000

/**
 * Writes the rows of the query, sorted by time. They go into one sorted file first, so that any number of them needs little memory, and
 * random functions are asked once; that is then cut as `cut` says, which sees how many rows each hour has.
 */
export async function writeFiles(
  connection: DuckDBConnection,
  work: FilesToWrite,
  directory: string,
  cut: (hours: HourCount[]) => Promise<FileCut[]>,
): Promise<{ selected: number; files: WrittenFile[] }> {
  const sorted = join(directory, 'sorted.parquet')
  await checkSelect(connection, work.query.sql)
  const [stage] = await ask(
    connection,
    `COPY (${sourceSql(work)} ORDER BY "time") TO ${textLiteral(sorted)} (FORMAT parquet, COMPRESSION snappy, RETURN_STATS)`,
    work.query.lists,
  )
  const selected = Number(stage?.count ?? 0)
  if (selected === 0) {
    await rm(sorted)
    return { selected, files: [] }
  }
  const rows = `read_parquet(${textLiteral(sorted)}, hive_partitioning = false)`
  await checkTimes(connection, rows)
  const hours = await hoursOf(connection, rows)
  const cuts = hours.length > MOST_HOURS ? cutsByNumber(selected) : await cut(hours)
  const columns: FileColumn[] = [...work.columns.filter(({ name }) => name !== 'time'), TIME]
  const items = [...work.columns.entries()]
    .filter(([, { name }]) => name !== 'time')
    .map(([i, { name }]) => `s${i + 1} AS ${identifier(name)}`)
  const files: WrittenFile[] = []
  for (const [part, one] of cuts.entries()) {
    const select = `SELECT ${[...items, '"time"'].join(', ')} FROM ${rows} WHERE ${within(one)}`
    const options = { ...work, file: `${part}.parquet`, directory, columns, rows: one.rows }
    files.push(await writeFile(connection, select, options))
  }
  await rm(sorted)
  return { selected, files }
}

const TIME: FileColumn = { name: 'time', key: 'time', type: 'long', physical: 'INT64' }

/** The columns go by numbers: one may be called as the reader's own are. */
function sourceSql({ query, columns, time }: FilesToWrite): string {
  const given = columns.map((_, i) => `x${i + 1}`)
  const values = columns.map(({ name, physical }, i) => {
    const value = `CAST(${nestedAsText(`x${i + 1}`, query.columns[i]!.type)} AS ${DUCK_TYPE[physical]})`
    return name === 'time' ? `coalesce(${value}, ${time}) AS "time"` : `${value} AS s${i + 1}`
  })
  if (!columns.some(({ name }) => name === 'time')) values.push(`CAST(${time} AS BIGINT) AS "time"`)
  return `SELECT ${values.join(', ')} FROM (${query.sql}) AS source (${given.join(', ')})`
}

/** Nested values are stored as JSON text. */
function nestedAsText(sql: string, { kind }: PrestoType): string {
  return kind === 'array' || kind === 'map' || kind === 'row' ? `to_json(${sql})` : sql
}

async function checkTimes(connection: DuckDBConnection, rows: string): Promise<void> {
  const [times] = await ask(connection, `SELECT min("time") AS least, max("time") AS most FROM ${rows}`)
  const { least, most } = times as { least: bigint; most: bigint }
  const wrong = least < TIME_LIMITS.least ? least : most > TIME_LIMITS.most ? most : undefined
  if (wrong !== undefined)
    throw new QueryError('NUMERIC_VALUE_OUT_OF_RANGE', `time ${wrong} is not a time in seconds`)
}

/** Times scattered over more hours than can be looked at: files of so many rows, in their order. */
function cutsByNumber(rows: number): FileCut[] {
  const cuts: FileCut[] = []
  const ranges = [{ from: TIME_LIMITS.least, to: TIME_LIMITS.most + 1n }]
  for (let from = 0; from < rows; from += ROWS_PER_FILE) {
    const to = Math.min(rows, from + ROWS_PER_FILE)
    cuts.push({ ranges, rows: to - from, window: { from, to } })
  }
  return cuts
}

/** One more than `MOST_HOURS` at most. */
async function hoursOf(connection: DuckDBConnection, rows: string): Promise<HourCount[]> {
  const hours = await ask(
    connection,
    `SELECT CAST(floor("time" / 3600) AS BIGINT) * 3600 AS start, count(*) AS rows FROM ${rows} GROUP BY 1 ORDER BY 1 LIMIT ${MOST_HOURS + 1}`,
  )
  return hours.map(({ start, rows: count }) => ({ start: start as bigint, rows: Number(count) }))
}

function within({ ranges, window }: FileCut): string {
  const times = ranges.map(({ from, to }) => `("time" >= ${from} AND "time" < ${to})`).join(' OR ')
  return window === undefined
    ? `(${times})`
    : `(${times}) AND file_row_number >= ${window.from} AND file_row_number < ${window.to}`
}

type FileOptions = {
  file: string
  directory: string
  columns: FileColumn[]
  /** As many as there must be. */
  rows: number
  metadata: Record<string, string>
  rowGroupRows: number
}

export async function writeFile(
  connection: DuckDBConnection,
  select: string,
  { file, directory, columns, rows, metadata, rowGroupRows }: FileOptions,
): Promise<WrittenFile> {
  const counts = columns.map(({ name }, i) => `count(${identifier(name)}) AS n${i}`)
  const [counted] = await ask(connection, `SELECT ${counts.join(', ')} FROM (${select})`)
  const described = Object.fromEntries(
    columns.map(({ name, key, type, physical }, i) => [
      name,
      { key, type, physical, nulls: rows - Number(counted?.[`n${i}`] ?? 0) },
    ]),
  )
  const footer = { ...metadata, 'millrace.columns': JSON.stringify(described) }
  const pairs = Object.entries(footer).map(([key, value]) => `'${key}': ${textLiteral(value)}`)
  const [written] = await ask(
    connection,
    `COPY (${select}) TO ${textLiteral(join(directory, file))} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1,
       ROW_GROUP_SIZE ${rowGroupRows}, KV_METADATA {${pairs.join(', ')}}, RETURN_STATS)`,
  )
  return { file, rows: Number(written?.count ?? 0), columns: described }
}

export async function ask(
  connection: DuckDBConnection,
  sql: string,
  lists: readonly string[][] = [],
): Promise<Record<string, unknown>[]> {
  const prepared = await connection.prepare(sql)
  for (const [i, paths] of lists.entries()) prepared.bindList(i + 1, listValue(paths), PATHS)
  return (await prepared.runAndReadAll()).getRowObjects()
}

export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
