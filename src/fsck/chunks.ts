import type { SnapshotStatements } from '../database/index.ts'
import { footerOf, lookAll } from './files.ts'
import { differences } from './footer-check.ts'
import { type ChunkRow, chunkPages, retireMissing, stillLive } from './store.ts'
import { ADMISSION, type Look } from './types.ts'

/** Every chunk row: its file is there, has the size, and with `deep` is what the row says. */
export async function checkChunks(look: Look, statements: SnapshotStatements): Promise<void> {
  for await (const page of chunkPages(statements, look.deep)) {
    const sizes = await lookAll(page, ({ path }) => look.objects.size(path))
    const missing: ChunkRow[] = []
    const whole: ChunkRow[] = []
    for (const [i, chunk] of page.entries()) {
      account(look, chunk)
      if (sizes[i] === undefined) missing.push(chunk)
      else if (BigInt(sizes[i]) !== chunk.bytes)
        look.findings.add(
          'chunk_cut',
          chunk.path,
          `has ${sizes[i]} bytes instead of ${chunk.bytes}; ${describe(chunk)}`,
        )
      else if (chunk.live) whole.push(chunk)
    }
    if (missing.length > 0) await reportMissing(look, missing)
    if (look.deep) await lookAll(whole, (chunk) => checkFooter(look, chunk))
    look.advance(page.length)
  }
}

function account({ report, findings }: Look, chunk: ChunkRow): void {
  const { live, setAside, rows, bytes, path, name, tableId } = chunk
  if (live) {
    report.chunks.live++
    report.chunks.rows += Number(rows)
    report.chunks.bytes += Number(bytes)
  } else report.chunks.retired++
  if (setAside) findings.add('set_aside', path, 'was not taken when the catalog was rebuilt; it is kept')
  if (live && name === null)
    findings.add(
      'chunk_of_no_table',
      path,
      `has ${rows} rows of table ${tableId}, which is not in the catalog`,
    )
}

/** Retired meanwhile, or retired long ago: then its file was removed as it should be. */
async function reportMissing({ database, findings, report, forgetMissing }: Look, missing: ChunkRow[]) {
  const ids = missing.filter(({ live }) => live).map(({ id }) => id)
  const live = await database.read(ADMISSION, (sql) => stillLive(sql, ids))
  const gone = missing.filter(({ id }) => live.has(id))
  if (gone.length === 0) return
  const forgotten = forgetMissing
    ? await database.write(ADMISSION, (sql) =>
        retireMissing(
          sql,
          gone.map(({ id }) => id),
        ),
      )
    : new Set<bigint>()
  for (const chunk of gone) {
    const mended = forgotten.has(chunk.id)
    if (mended) {
      report.mended.chunks++
      report.mended.rows += Number(chunk.rows)
    }
    findings.add(
      'chunk_missing',
      chunk.path,
      `is gone${mended ? ', given up' : ''}: ${describe(chunk)}, times ${chunk.timeMin} to ${chunk.timeMax}`,
      { mended },
    )
  }
}

async function checkFooter({ objects, findings }: Look, chunk: ChunkRow): Promise<void> {
  const { path, bytes, columns, name, tableId, rows } = chunk
  try {
    const footer = await footerOf(objects, path, Number(bytes))
    const problems = differences({ ...chunk, columns: columns! }, footer)
    if (problems.length > 0)
      findings.add('chunk_differs', path, `${problems.join('; ')} (${name ?? `table ${tableId}`})`)
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    // Retired and removed since its size was asked: the next check will say, should it be anything else.
    if (code === 'object_missing' || code === 'ENOENT') return
    if (code !== 'parquet_unreadable' && code !== 'EIO') throw error
    findings.add('chunk_damaged', path, `${message}; ${rows} rows of ${name ?? `table ${tableId}`}`)
  }
}

function describe({ rows, name, tableId, live }: ChunkRow): string {
  return `${rows} rows of ${name ?? `table ${tableId}`}${live ? '' : ', retired'}`
}
