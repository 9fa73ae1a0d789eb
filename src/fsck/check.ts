import { checkChunks } from './chunks.ts'
import { collectFindings } from './findings.ts'
import { checkObjects } from './objects.ts'
import { countObjects } from './store.ts'
import { checkBulkImports, checkResults } from './stored.ts'
import { checkTables } from './tables.ts'
import { ADMISSION, type CheckDeps, type Look, type Options, type Progress, type Report } from './types.ts'

/**
 * Compares the catalog of one moment with the files: every row's object is there and is what the row says, every object is
 * named, or somebody may yet name it, or it is an orphan. What differs is asked again before it is reported: everything goes
 * on meanwhile. Nothing is changed unless asked for.
 * @throws database_away (503, retry)
 */
export async function checkEverything(
  deps: CheckDeps,
  options: Options,
  { signal, onProgress }: { signal: AbortSignal; onProgress(progress: Progress): void },
): Promise<Report> {
  const findings = collectFindings()
  const report: Report = {
    chunks: { live: 0, retired: 0, rows: 0, bytes: 0 },
    objects: { count: 0, bytes: 0, unfinished: 0 },
    counts: findings.counts,
    findings: findings.listed,
    mended: { files: 0, bytes: 0, chunks: 0, rows: 0 },
  }
  const progress: Progress = { phase: 'catalog', done: 0, total: 0 }
  const look: Look = {
    ...deps,
    ...options,
    findings,
    report,
    signal,
    advance(count) {
      signal.throwIfAborted()
      progress.done += count
      onProgress({ ...progress })
    },
  }
  const enter = (phase: Progress['phase'], total: number) => {
    Object.assign(progress, { phase, done: 0, total })
    look.advance(0)
  }
  await deps.database.snapshot(ADMISSION, async (statements) => {
    enter('catalog', await countObjects(statements))
    await checkChunks(look, statements)
    await checkResults(look, statements)
    await checkBulkImports(look, statements)
    enter('tables', 1)
    await checkTables(look, statements)
  })
  // What was named when we began is about as many as there are.
  enter('files', report.chunks.live + report.chunks.retired)
  await checkObjects(look)
  return report
}
