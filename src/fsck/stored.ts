import type { SnapshotStatements } from '../database/index.ts'
import { lookAll } from './files.ts'
import {
  forgetResults,
  outputPages,
  partPages,
  resultPages,
  stillParts,
  stillReady,
  stillResults,
} from './store.ts'
import { ADMISSION, type Look } from './types.ts'

/** Every stored result: there, and as long as it was. */
export async function checkResults(look: Look, statements: SnapshotStatements): Promise<void> {
  const { objects, database, findings, forgetMissing, report } = look
  for await (const page of resultPages(statements)) {
    const sizes = await lookAll(page, ({ path }) => objects.size(path))
    const gone = page.filter((_, i) => sizes[i] === undefined)
    const still = await unless(gone, (ids) => database.read(ADMISSION, (sql) => stillResults(sql, ids)))
    const ids = [...still]
    const forgotten =
      forgetMissing && ids.length > 0
        ? await database.write(ADMISSION, (sql) => forgetResults(sql, ids))
        : new Set<bigint>()
    report.mended.files += forgotten.size
    for (const [i, { jobId, path, bytes }] of page.entries()) {
      if (sizes[i] === undefined) {
        if (still.has(jobId))
          findings.add('result_missing', path, `is gone: the result of job ${jobId}`, {
            mended: forgotten.has(jobId),
          })
      } else if (BigInt(sizes[i]) !== bytes)
        findings.add('result_cut', path, `has ${sizes[i]} bytes instead of ${bytes}: job ${jobId}`)
    }
    look.advance(page.length)
  }
}

async function unless(
  gone: { jobId: bigint }[],
  ask: (ids: bigint[]) => Promise<Set<bigint>>,
): Promise<Set<bigint>> {
  return gone.length === 0 ? new Set() : ask(gone.map(({ jobId }) => jobId))
}

/** Uploaded parts that a session still needs, and what was performed and is not committed yet. */
export async function checkBulkImports(look: Look, statements: SnapshotStatements): Promise<void> {
  const { objects, database, findings } = look
  for await (const page of partPages(statements)) {
    const sizes = await lookAll(page, ({ path }) => objects.size(path))
    const gone = page.filter(({ bytes }, i) => sizes[i] === undefined || BigInt(sizes[i]) !== bytes)
    const paths = gone.map(({ path }) => path)
    const still = await database.read(ADMISSION, (sql) => stillParts(sql, paths))
    for (const { path, session, part } of gone)
      if (still.has(path))
        findings.add(
          'part_missing',
          path,
          `is gone or cut: part '${part}' of bulk import '${session}'; upload it again`,
        )
    look.advance(page.length)
  }
  for await (const page of outputPages(statements)) {
    const sizes = await lookAll(page, ({ path }) => objects.size(path))
    const gone = page.filter((_, i) => sizes[i] === undefined)
    const sessions = gone.map(({ session }) => session)
    const still = await database.read(ADMISSION, (sql) => stillReady(sql, sessions))
    for (const { path, session } of gone)
      if (still.has(session))
        findings.add(
          'output_missing',
          path,
          `is gone: bulk import '${session}' cannot be committed; perform it again`,
        )
  }
}
