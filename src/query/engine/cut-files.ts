import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { textLiteral } from '../functions/duck-type.ts'
import { checkSelect } from './statements.ts'
import type { EngineQuery } from './types.ts'
import { ask, DUCK_TYPE, identifier, writeFile } from './write-files.ts'
import type { ChosenRows, CutFile, FilesToCut, FileToCut, WrittenFile } from './write-types.ts'

/**
 * Rows out of chunk files, inside the engine process: chosen once, and written down, so that what is counted and what is taken out are
 * the same, also of a condition that would answer otherwise a second time.
 */

const CHOSEN = 'chosen.parquet'
/** In the order of the files, or nearly so: of most groups the name of the file alone says that they need not be read. */
const CHOSEN_OPTIONS = 'FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL 1'

/** Writes down the rows that the query names, and counts them file by file. */
export async function chooseRows(
  connection: DuckDBConnection,
  { sql, lists }: EngineQuery,
  directory: string,
): Promise<{ file: string; chosen: ChosenRows[] }> {
  await checkSelect(connection, sql)
  const file = textLiteral(join(directory, CHOSEN))
  await ask(
    connection,
    `COPY (SELECT r.f, r.n FROM (${sql}) AS r (f, n)) TO ${file} (${CHOSEN_OPTIONS})`,
    lists,
  )
  const counted = await ask(
    connection,
    `SELECT f, count(*) AS rows, min(n) AS least, max(n) AS most, sum(n) AS sum FROM ${chosenIn(file)} GROUP BY f`,
  )
  const chosen = counted.map(({ f, rows, least, most, sum }) => ({
    path: String(f),
    rows: Number(rows),
    least: Number(least),
    most: Number(most),
    sum: BigInt(sum as bigint),
  }))
  return { file: CHOSEN, chosen }
}

const chosenIn = (literal: string) => `read_parquet(${literal}, hive_partitioning = false)`

/** Takes rows out of files: each is looked at by itself, so that what they hold is never together in memory. */
export async function cutFiles(
  connection: DuckDBConnection,
  { files, chosen, rowGroupRows }: FilesToCut,
  directory: string,
  onFile: (done: number) => void,
): Promise<CutFile[]> {
  const cut: CutFile[] = []
  for (const [part, file] of files.entries()) {
    await ask(
      connection,
      `CREATE OR REPLACE TEMP TABLE gone AS
         SELECT DISTINCT n FROM ${chosenIn(textLiteral(chosen))} WHERE f = ${textLiteral(file.path)}`,
    )
    const [counted] = await ask(connection, 'SELECT count(*) AS n FROM gone')
    const removed = Number(counted?.n ?? 0)
    const isPartly = removed > 0 && removed < file.rows
    cut.push({ removed, remains: isPartly ? await writeRemains(part, file, removed) : undefined })
    onFile(part + 1)
  }
  return cut

  function writeRemains(part: number, file: FileToCut, removed: number): Promise<WrittenFile> {
    const options = {
      file: `${part}.parquet`,
      directory,
      columns: file.columns,
      rows: file.rows - removed,
      metadata: { ...file.metadata, ...leftOut(file.metadata, removed) },
      rowGroupRows,
    }
    return writeFile(connection, remainsSql(file), options)
  }
}

/** `millrace.replaces`, where it is told, says how many rows were left out on purpose: these, and those of before. */
function leftOut(
  { 'millrace.replaces': told }: Record<string, string>,
  removed: number,
): Record<string, string> {
  if (told === undefined) return {}
  const replaces = JSON.parse(told) as { leftOut: number }
  return { 'millrace.replaces': JSON.stringify({ ...replaces, leftOut: replaces.leftOut + removed }) }
}

/** As they are stored, in their order. They go by numbers: a column may be called as the reader's own are. */
function remainsSql({ path, columns }: FileToCut): string {
  const schema = columns.map(
    ({ name, physical }, i) =>
      `${textLiteral(name)}: {name: 's${i + 1}', type: '${DUCK_TYPE[physical]}', default_value: NULL}`,
  )
  const items = columns.map(({ name }, i) => `s${i + 1} AS ${identifier(name)}`)
  const read = `read_parquet([${textLiteral(path)}], hive_partitioning = false, schema = MAP {${schema.join(', ')}})`
  return `SELECT ${items.join(', ')} FROM ${read} WHERE file_row_number NOT IN (SELECT n FROM gone)`
}
