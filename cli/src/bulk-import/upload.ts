import { realpathSync } from 'node:fs'
import type { Context } from '../context.ts'
import { usageError } from '../errors.ts'
import { CHUNK_LIMITS, type ChunkLimits } from '../import/chunks.ts'
import { type FileReport, importFile } from '../import/files.ts'
import {
  beginJournal,
  type Head,
  journalPath,
  openJournal,
  readJournal,
  stateDirectory,
} from '../import/journal.ts'
import { createMeter } from '../import/meter.ts'
import { type ReadingOptions, readingIn, readingOf } from '../import/options.ts'
import { patiently } from '../import/patience.ts'
import type { Wish } from '../import/plan.ts'
import { openFile } from '../import/source.ts'
import { partOf, partPrefix, readPart } from './part-files.ts'
import type { SessionCalls } from './sessions.ts'

type Upload = {
  session: string
  parallel: number
  wish: Wish
  saveRejected: boolean
  limits: ChunkLimits
  reading: ReadingOptions
}

/**
 * Reads files, makes parts of them on the way and uploads those. Parts are named by their source and place, so that a repeat replaces
 * them; what the session has of an earlier run is not sent again.
 */
export async function uploadFiles(
  context: Context,
  sessions: SessionCalls,
  files: readonly string[],
  { session, parallel, wish, saveRejected, limits, reading }: Upload,
): Promise<FileReport[]> {
  const nowSeconds = Math.floor(context.now().getTime() / 1000)
  for (const file of files) readingOf(reading, file, nowSeconds)
  const there = new Set(await patiently(context, () => sessions.parts(session)))
  const meter = createMeter(context)
  const reports: FileReport[] = []
  for (const file of files) {
    const source = file === '-' ? '-' : realPath(file)
    const report = await importFile(
      file,
      { wish, name: undefined, saveRejected, parallel, limits },
      {
        ...context,
        target: targetOf(context, session),
        reading: (format) =>
          format === undefined
            ? readingOf(reading, file, nowSeconds)
            : readingIn(format, reading, nowSeconds),
        prepare: async () => undefined,
        has: ({ index }) => there.has(partOf(source, index)),
        startOver: () =>
          deleteParts(
            context,
            sessions,
            session,
            [...there].filter((part) => part.startsWith(partPrefix(source))),
          ),
        store: async ({ index }, body) => {
          await patiently(context, () => sessions.upload(session, partOf(source, index), body))
        },
        onProgress: meter.show,
      },
    )
    context.progress.end()
    reports.push(report)
  }
  return reports
}

export async function deleteParts(
  context: Context,
  sessions: SessionCalls,
  session: string,
  parts: readonly string[],
): Promise<void> {
  for (const part of parts) await patiently(context, () => sessions.deletePart(session, part))
}

type Part = { path: string; part: string }

/** Uploads files as they are, each as one part. @returns those that were sent; the others are there already */
export async function uploadParts(
  context: Context,
  sessions: SessionCalls,
  parts: readonly Part[],
  { session, parallel, again }: { session: string; parallel: number; again: boolean },
): Promise<Part[]> {
  const there = new Set(await patiently(context, () => sessions.parts(session)))
  const waiting = [...parts]
  const sent: Part[] = []
  const lane = async () => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
      const note = await noteOf(context, session, one)
      if (!again && there.has(one.part) && note.isSent) {
        if (!context.json) context.progress.note(`${one.path} is there already, as '${one.part}'`)
        continue
      }
      const { part } = one
      const body = await readPart(one.path)
      await patiently(context, () => sessions.upload(session, part, body))
      await note.sent()
      if (!context.json)
        context.progress.note(`${one.path} is uploaded as '${part}' (${(body.length / 1e6).toFixed(1)} MB)`)
      sent.push(one)
    }
  }
  const ended = await Promise.allSettled(Array.from({ length: parallel }, lane))
  const failed = ended.find((one) => one.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  return sent
}

/** What the journal says of a file that is a part. */
async function noteOf(context: Context, session: string, { path, part }: Part) {
  const state = stateDirectory(context.env)
  if (state === undefined) return { isSent: false, sent: async () => undefined }
  const { handle, fingerprint } = await openFile(path)
  await handle.close()
  const target = targetOf(context, session)
  const source = `${realPath(path)} as ${part}`
  const journal = journalPath(`${state}/imports`, target, source)
  const before = readJournal(journal)
  const isSame = JSON.stringify(before?.head.fingerprint) === JSON.stringify(fingerprint)
  return {
    isSent: before?.finished !== undefined && isSame,
    async sent() {
      const startedMs = context.now().getTime()
      const head: Head = {
        version: 1,
        target,
        source,
        fingerprint,
        reading: '',
        salt: '',
        limits: CHUNK_LIMITS,
        startedMs,
      }
      beginJournal(journal, head)
      const open = await openJournal(journal)
      await open.finish({ rows: 0, rejected: 0, atMs: startedMs })
      await open.close()
    },
  }
}

function targetOf(context: Context, session: string): Head['target'] {
  return { endpoint: context.settings().importEndpoint.origin, database: 'bulk_import', table: session }
}

function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch (error) {
    throw usageError(`${path} cannot be read: ${(error as Error).message}`)
  }
}
