import type { ChunkColumns } from '../snapshot/index.ts'
import type { ParquetFooter } from '../storage/parquet/index.ts'

/** A chunk as the catalog describes it. */
export type DescribedChunk = {
  tableId: bigint
  rows: bigint
  /** Inclusive. */
  timeMin: bigint
  timeMax: bigint
  columns: ChunkColumns
}

/** In which ways a file is not what the catalog says; none = it is. */
export function differences(chunk: DescribedChunk, footer: ParquetFooter): string[] {
  const problems: string[] = []
  if (BigInt(footer.rows) !== chunk.rows) problems.push(`${footer.rows} rows instead of ${chunk.rows}`)
  const tableId = tableIdIn(footer)
  if (tableId !== undefined && tableId !== String(chunk.tableId))
    problems.push(`it was written for table ${tableId}, not ${chunk.tableId}`)
  const stored = new Map(footer.columns.map((column) => [column.name, column]))
  const time = stored.get('time')
  if (
    time?.min !== undefined &&
    time.max !== undefined &&
    (time.min < chunk.timeMin || time.max > chunk.timeMax)
  )
    problems.push(
      `times from ${time.min} to ${time.max} instead of ${chunk.timeMin} to ${chunk.timeMax}: queries would miss some`,
    )
  for (const [name, { physical, nulls }] of Object.entries(chunk.columns)) {
    const column = stored.get(name)
    if (column === undefined) problems.push(`column ${name} is not in it`)
    else if (column.physical !== physical)
      problems.push(`column ${name} is ${column.physical} instead of ${physical}`)
    else if (column.nulls !== undefined && column.nulls !== nulls)
      problems.push(`column ${name} has ${column.nulls} nulls instead of ${nulls}`)
  }
  return problems
}

function tableIdIn(footer: ParquetFooter): string | undefined {
  const text = footer.metadata.get('millrace.table')
  if (text === undefined) return undefined
  try {
    return String((JSON.parse(text) as { id?: unknown }).id)
  } catch {
    // Text that is not JSON names no table: it differs from every number.
    return JSON.stringify(text)
  }
}
