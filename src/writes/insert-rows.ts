import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { jobOwner, jobPath, levelAfter, MERGE_LIMITS, type NewChunk, physicalOf } from '../archive/index.ts'
import {
  type BoundTables,
  type CompiledQuery,
  catalogType,
  type FileColumn,
  type FilesToWrite,
  type NewColumn,
  type ScriptRun,
  TIME_KEY,
  type WrittenColumn,
} from '../query/index.ts'
import { writeErrors } from './errors.ts'
import { layOut } from './layout.ts'
import { storeFile } from './store-file.ts'
import type { TableAt, WriteDeps } from './types.ts'

/** Where rows go: the table as footers name it. */
export type Target = { id: bigint; databaseId: bigint; at: TableAt }

/** What is called so in the files that are written, and how it is held. */
function fileColumn({ name, key, type }: { name: string; key: string; type: string }): FileColumn {
  return { name, key, type, physical: physicalOf(type) }
}

const TIME: FileColumn = { name: 'time', key: 'time', type: 'long', physical: 'INT64' }

export function columnsOfInsert(columns: readonly WrittenColumn[]): FileColumn[] {
  return columns.map(({ name, key, type }) =>
    key === TIME_KEY ? TIME : fileColumn({ name, key, type: catalogType(type) }),
  )
}

export function columnsOfCreated(columns: readonly NewColumn[]): FileColumn[] {
  return columns.map(({ name, type }) =>
    name.toLowerCase() === 'time' ? TIME : fileColumn({ name, key: name, type: catalogType(type) }),
  )
}

/**
 * Writes the rows of a query as chunks of the table: stored durably, and named by nobody until the job's end. What the files' own
 * footers say is counted against the rows that came out of the query.
 * @throws rows_miscounted (500, final) · storage_full (503, retry) · what a query throws
 */
export async function insertRows(
  deps: WriteDeps,
  run: ScriptRun,
  {
    source,
    columns,
    target,
    tables,
    part,
  }: {
    source: CompiledQuery
    columns: FileColumn[]
    target: Target
    tables: BoundTables
    /** The number of the first file. */
    part: number
  },
): Promise<{ rows: number; chunks: NewChunk[]; cpuMs: number }> {
  const { job, signal, report } = run
  const directory = join(deps.drafts, `${job.id}-${job.attempt}-${part}-write`)
  const time = BigInt(Math.floor(run.context.startedAtMs / 1000))
  try {
    const written = await run.bound(source, tables, async (query) => {
      const engine = await run.engine()
      const rowGroupRows = MERGE_LIMITS.rowGroupRows
      const work: FilesToWrite = { query, columns, time, metadata: footerOf(run, target), rowGroupRows }
      return engine.writeFiles(work, directory, {
        limits: run.limits,
        signal,
        cut: (hours) => layOut(hours, deps.layout),
        onProgress: ({ percent }) => {
          if (percent !== null) report.progress(percent)
        },
      })
    })
    await deps.faultPoint('written')
    const chunks: NewChunk[] = []
    for (const [i, file] of written.files.entries()) {
      const path = jobPath(job.id, job.attempt, target.id, part + i)
      const stored = await storeFile(deps, join(directory, file.file), path, file)
      chunks.push({ ...stored, level: levelOf(stored, deps) })
    }
    await deps.faultPoint('stored')
    const rows = chunks.reduce((sum, chunk) => sum + chunk.rows, 0)
    if (rows !== written.selected)
      throw writeErrors.rows_miscounted(`${written.selected} rows selected, ${rows} in the files`)
    return { rows, chunks, cpuMs: written.cpuMs }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** They are sorted: large ones need no merging any more. */
function levelOf(chunk: Pick<NewChunk, 'rows' | 'bytes'>, { layout }: WriteDeps): number {
  const limits = {
    leastRows: layout.leastRows,
    settledRows: MERGE_LIMITS.settledRows,
    settledBytes: layout.chunkBytes,
  }
  return levelAfter(chunk, { level: 0, closes: false }, limits)
}

export function footerOf({ job }: ScriptRun, { id, databaseId, at }: Target): Record<string, string> {
  const table = {
    id: String(id),
    databaseId: String(databaseId),
    accountId: String(job.accountId),
    database: at.database,
    name: at.name,
  }
  return { 'millrace.table': JSON.stringify(table), 'millrace.owner': jobOwner(job.id, job.attempt) }
}
