import type { SnapshotChunk } from '../snapshot/index.ts'
import { answersSql, splitChunks } from './catalog-answers.ts'
import type { Compiled, CompiledQuery } from './compile.ts'
import type { EngineQuery } from './engine/types.ts'
import { systemSql, tableSql } from './generate/index.ts'
import { overlaps } from './prune/index.ts'

export type SystemFiles = ReadonlyMap<string, string[]>

/**
 * The text's result over the files of one version of its tables: of several statements, the last one's rows. `chunks` are the live
 * chunks of all tables it reads; more than the compiled ranges ask for is allowed, each reference opens only chunks its times may
 * touch. `locate` gives a chunk's path as the engine opens it; `system` the files that hold the rows of the system tables it
 * reads, by `schema.name`.
 */
export function bindTables(
  compiled: Pick<Compiled, 'statements'>,
  chunks: readonly SnapshotChunk[],
  locate: (path: string) => string,
  system: SystemFiles = new Map(),
): EngineQuery {
  const last = compiled.statements.at(-1)!
  if (last.kind === 'query') return bindStatement(last, chunks, locate, system)
  // Nothing would be changed, and `true` be answered.
  if (last.kind !== 'session') throw new Error(`a statement of kind ${last.kind} is not bound as a whole`)
  const columns: EngineQuery['columns'] = [{ name: 'result', type: { kind: 'boolean' } }]
  return { setup: [], sql: 'SELECT true AS c1', columns, files: [], lists: [] }
}

function bindStatement(
  compiled: CompiledQuery,
  chunks: readonly SnapshotChunk[],
  locate: (path: string) => string,
  system: SystemFiles = new Map(),
): EngineQuery {
  const byTable = Map.groupBy(chunks, ({ tableId }) => tableId)
  const chosen = compiled.references.map(({ reference, ranges }) =>
    (reference.tableId === null ? [] : (byTable.get(reference.tableId) ?? [])).filter(
      ({ timeMin, timeMax }) => overlaps(ranges, timeMin, timeMax),
    ),
  )
  const { columns } = compiled
  const { fromCatalog } = compiled
  const split =
    fromCatalog === undefined ? undefined : splitChunks(chosen[0]!, compiled.references[0]!.ranges)
  if (split !== undefined) chosen[0] = split.partial
  if (fromCatalog !== undefined && split?.partial.length === 0)
    return { setup: [], sql: answersSql(fromCatalog, split.whole), columns, files: [], lists: [] }
  const lists: string[][] = []
  const listed = (paths: string[]) => `$${lists.push(paths)}`
  const read = compiled.sql.replace(/\0(\d+)\0/g, (_, index: string) => {
    const { reference } = compiled.references[Number(index)]!
    if (reference.tableId === null) {
      return systemSql(reference, system.get(`${reference.database}.${reference.table}`) ?? [], listed)
    }
    const files = chosen[Number(index)]!.map((chunk) => ({
      path: locate(chunk.path),
      columns: chunk.columns,
    }))
    return tableSql(reference, files, listed)
  })
  const sql =
    fromCatalog === undefined || split === undefined ? read : answersSql(fromCatalog, split.whole, read)
  return { setup: [], sql, columns, files: [...new Set(lists.flat())], lists }
}
