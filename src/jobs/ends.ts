import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock, Log } from '../kernel/index.ts'
import { openJournal, readJournal } from './journal.ts'
import { type EndJson, endFromJson, endToJson, type JobRow, jobFromRow, rowFromJob } from './row.ts'
import type { EndRecord, Job } from './types.ts'

/**
 * A worker's own record of how its jobs ended: written before anybody is told, so that an end survives a kill -9 and an
 * absence of the main database, and read by core to tell the truth about a job during one.
 */
type EndLine =
  | { op: 'ended'; at: number; end: EndJson; job: JobRow }
  | { op: 'reported'; at: number; id: string; attempt: number }

export type EndsJournal = {
  /** Durable when it resolves. */
  record(job: Job, end: EndRecord): Promise<void>
  /** Ends nobody has been told of yet, oldest first. */
  pending(): EndRecord[]
  reported(end: EndRecord): Promise<void>
  close(): Promise<void>
}

/** Ends already reported stay readable so long: the snapshot may be behind by then, but not by this much. */
const KEEP_REPORTED_MS = 15 * 60_000
const COMPACT_ABOVE_BYTES = 1024 * 1024

const directoryOf = (dataDir: string) => join(dataDir, 'jobs')
const keyOf = (id: bigint | string, attempt: number) => `${id}:${attempt}`

export async function openEndsJournal({
  dataDir,
  worker,
  clock,
  log,
}: {
  dataDir: string
  worker: string
  clock: Clock
  log: Log
}): Promise<EndsJournal> {
  const path = join(directoryOf(dataDir), `ends-${worker}.jsonl`)
  const { journal, bodies } = await openJournal<EndLine>(path, { log })
  const pending = new Map<string, EndRecord>()
  let compactAboveBytes = COMPACT_ABOVE_BYTES
  for (const line of bodies) {
    if (line.op === 'ended') pending.set(keyOf(line.end.id, line.end.attempt), endFromJson(line.end))
    else pending.delete(keyOf(line.id, line.attempt))
  }
  return {
    async record(job, end) {
      const line: EndLine = {
        op: 'ended',
        at: clock.now().getTime(),
        end: endToJson(end),
        job: rowFromJob({ ...job, log: '' }),
      }
      await journal.append(line)
      pending.set(keyOf(end.id, end.attempt), end)
    },
    pending: () => [...pending.values()],
    async reported(end) {
      await journal.append({
        op: 'reported',
        at: clock.now().getTime(),
        id: String(end.id),
        attempt: end.attempt,
      })
      pending.delete(keyOf(end.id, end.attempt))
      if (journal.bytes < compactAboveBytes) return
      const oldestMs = clock.now().getTime() - KEEP_REPORTED_MS
      await journal.rewrite((lines) => worthKeeping(lines, oldestMs))
      compactAboveBytes = Math.max(COMPACT_ABOVE_BYTES, 2 * journal.bytes)
    },
    close: () => journal.close(),
  }
}

/** The lines of ends that are unreported or were reported a short while ago. */
function worthKeeping(lines: EndLine[], oldestMs: number): EndLine[] {
  const reportedAt = new Map<string, number>()
  for (const line of lines) if (line.op === 'reported') reportedAt.set(keyOf(line.id, line.attempt), line.at)
  return lines.filter((line) => {
    const key = line.op === 'ended' ? keyOf(line.end.id, line.end.attempt) : keyOf(line.id, line.attempt)
    return (reportedAt.get(key) ?? Number.POSITIVE_INFINITY) >= oldestMs
  })
}

export type KnownEnd = { job: Job; end: EndRecord }
/** What the workers of this data directory wrote down; files are read again only when they have changed. */
export type EndsReader = { all(): Promise<ReadonlyMap<bigint, KnownEnd>> }

export function createEndsReader(dataDir: string): EndsReader {
  const files = new Map<string, { stamp: string; ends: KnownEnd[] }>()

  const refresh = async (name: string) => {
    const path = join(directoryOf(dataDir), name)
    const { size, mtimeMs, ino } = await stat(path)
    const stamp = `${ino}:${size}:${mtimeMs}`
    if (files.get(name)?.stamp === stamp) return
    const lines = await readJournal<EndLine>(path)
    const ends = lines.flatMap((line) =>
      line.op === 'ended' ? [{ job: jobFromRow(line.job), end: endFromJson(line.end) }] : [],
    )
    files.set(name, { stamp, ends })
  }

  const readAll = async () => {
    for (const name of await endsFiles(dataDir)) await refresh(name)
    const latest = new Map<bigint, KnownEnd>()
    for (const { ends } of files.values()) {
      for (const known of ends) {
        const other = latest.get(known.end.id)
        if (other === undefined || other.end.attempt <= known.end.attempt) latest.set(known.end.id, known)
      }
    }
    return latest
  }
  /** One look after the other, each at what is there after it was asked for. */
  let last: Promise<unknown> = Promise.resolve()
  return {
    all() {
      const look = last.then(readAll)
      last = look.catch(() => undefined)
      return look
    },
  }
}

async function endsFiles(dataDir: string): Promise<string[]> {
  try {
    const names = await readdir(directoryOf(dataDir))
    return names.filter((name) => /^ends-.*\.jsonl$/.test(name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
