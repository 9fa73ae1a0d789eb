import { orphansAmong, ownerOfPath } from '../archive/index.ts'
import { leftoversAmong, ownerOfBulkImportFile } from '../bulk-import/index.ts'
import { jobOfResult, orphanResultsAmong } from '../jobs/index.ts'
import type { Sql } from '../kernel/index.ts'
import { namedPaths, noteRemoval } from './store.ts'
import { ADMISSION, type Look } from './types.ts'

type StoredObject = { path: string; bytes: number; modifiedAtMs: number }
const BATCH = 1_000
const MINUTE_MS = 60_000

/** Every file: named by the catalog, of somebody who may yet have it named, or of nobody any more. */
export async function checkObjects(look: Look): Promise<void> {
  let batch: StoredObject[] = []
  for await (const object of look.objects.list('')) {
    look.report.objects.count++
    look.report.objects.bytes += object.bytes
    batch.push(object)
    if (batch.length < BATCH) continue
    await judge(look, batch)
    batch = []
  }
  if (batch.length > 0) await judge(look, batch)
}

/** By the catalog of now: what was written and committed since we began is named. */
async function judge(look: Look, batch: StoredObject[]): Promise<void> {
  const { database, findings, report, clock, orphanMinutes, mend, objects } = look
  const named = await database.read(ADMISSION, (sql) =>
    namedPaths(
      sql,
      batch.map(({ path }) => path),
    ),
  )
  const unnamed = batch.filter(({ path }) => !named.has(path))
  look.advance(batch.length)
  if (unnamed.length === 0) return
  // Whoever commits between the two questions has no orphan: the second asks for names as well.
  const orphans = await database.read(ADMISSION, (sql) => nobodys(look, sql, unnamed))
  const youngestMs = clock.now().getTime() - orphanMinutes * MINUTE_MS
  const removable: StoredObject[] = []
  for (const object of unnamed) {
    const { path, bytes, modifiedAtMs } = object
    const whose = ownerText(path)
    if (whose === undefined)
      findings.add('foreign_file', path, 'is of a kind that nobody here writes; it is left alone')
    else if (!orphans.has(path)) report.objects.unfinished++
    else if (modifiedAtMs > youngestMs)
      findings.add('orphan_young', path, `${bytes} bytes of ${whose}; it is swept when it is older`)
    else if (mend) removable.push(object)
    else findings.add('orphan', path, `${bytes} bytes of ${whose}`)
  }
  if (removable.length === 0) return
  // Noted first: a removal that is not in the audit log must not be possible.
  await database.write(ADMISSION, (sql) =>
    noteRemoval(
      sql,
      removable.map(({ path }) => path),
    ),
  )
  for (const { path, bytes } of removable) {
    await objects.remove(path)
    report.mended.files++
    report.mended.bytes += bytes
    findings.add('orphan', path, `removed: ${bytes} bytes of ${ownerText(path)}`, { mended: true })
  }
}

async function nobodys(look: Look, sql: Sql, unnamed: StoredObject[]): Promise<Set<string>> {
  const paths = unnamed.map(({ path }) => path)
  return new Set([
    ...(await orphansAmong(sql, paths)),
    ...(await leftoversAmong(sql, paths)),
    ...(await orphanResultsAmong(sql, paths, look.isWaiting)),
  ])
}

/** Whose a file is by its name; undefined when the name says nothing. */
export function ownerText(path: string): string | undefined {
  const owner = ownerOfPath(path)
  switch (owner?.kind) {
    case 'merge':
      return `merge ${owner.attempt}`
    case 'job':
      return `job ${owner.id}, attempt ${owner.attempt}`
    case 'spool':
      return `the loader of spool ${owner.spool}, epoch ${owner.epoch}`
  }
  const session = ownerOfBulkImportFile(path)
  if (session !== undefined)
    return `bulk import ${session.session}${session.job === null ? ', a part' : `, job ${session.job}`}`
  const job = jobOfResult(path)
  return job === undefined ? undefined : `job ${job}, a result`
}
