import type { ChunkColumns } from '../snapshot/index.ts'
import { writeParquet } from '../storage/parquet/index.ts'
import type { FinishedBatch } from './decode/index.ts'
import type { LoadTable } from './types.ts'

/** Who wrote a chunk, and where in its input that stood; both go into the footer. */
export type ChunkOrigin = { owner: string; position?: string }

/** One chunk as a Parquet file, with what the catalog says of its columns. */
export function encodeChunk(
  table: LoadTable,
  finished: FinishedBatch,
  origin: ChunkOrigin,
): { content: Buffer; columns: ChunkColumns } {
  const columns: ChunkColumns = Object.fromEntries(
    finished.columns.map(({ name, key, type, physical, nulls }) => [name, { key, type, physical, nulls }]),
  )
  const content = writeParquet(
    finished.columns.map(({ data }) => data),
    finished.rows,
    { metadata: footer(table, columns, origin) },
  )
  return { content, columns }
}

/** What rebuilding the catalog from the files alone needs. */
function footer(
  { id, databaseId, accountId, database, name }: LoadTable,
  columns: ChunkColumns,
  { owner, position }: ChunkOrigin,
): Record<string, string> {
  return {
    'millrace.table': JSON.stringify({
      id: String(id),
      databaseId: String(databaseId),
      accountId: String(accountId),
      database,
      name,
    }),
    'millrace.columns': JSON.stringify(columns),
    'millrace.owner': owner,
    ...(position !== undefined && { 'millrace.position': position }),
  }
}
