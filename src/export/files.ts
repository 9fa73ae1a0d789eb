import { createWriteStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { RunnableJob } from '../jobs/index.ts'
import { syncDirectory } from '../kernel/index.ts'
import type { ExportRequest } from './parameters.ts'

/** Beside the exports, on the same disk: a file moves out of it whole. Prefixes cannot name it. */
const DRAFTS = '.millrace'
const OWNERS_ONLY = 0o750
/** Longer than anybody keeps an end that has not been reported. */
const FORGOTTEN_MS = 14 * 24 * 3_600_000

type Attempt = Pick<RunnableJob, 'id' | 'attempt' | 'accountId'>

/** Where the export of a job comes to lie: the same for each attempt, so that a later one replaces, never adds. */
export function targetOf({ id, accountId }: Attempt, { bucket, prefix, format }: ExportRequest): string {
  return join(String(accountId), bucket, `${prefix}${id}.${format}`)
}

export function draftOf({ id, attempt }: Attempt): string {
  return join(DRAFTS, `${id}-${attempt}`)
}

/** Writes the whole draft, synced; what is there of an earlier try is replaced. Returns its bytes. */
export async function writeDraft(
  directory: string,
  draft: string,
  content: Readable,
  signal: AbortSignal,
): Promise<number> {
  const path = join(directory, draft)
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await pipeline(content, createWriteStream(path, { mode: 0o640 }), { signal })
  const handle = await open(path, 'r')
  try {
    await handle.sync()
    return (await handle.stat()).size
  } finally {
    await handle.close()
  }
}

/** Moves the draft to its place, durably. Again, after that has happened, it changes nothing. False: the draft is gone. */
export async function publish(directory: string, draft: string, target: string): Promise<boolean> {
  const [from, to] = [join(directory, draft), join(directory, target)]
  await makeDirectories(directory, dirname(to))
  try {
    await rename(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return isThere(to)
  }
  await syncDirectory(dirname(to))
  await syncDirectory(dirname(from))
  return true
}

/** Makes what is missing on the way, so that it survives power loss. */
async function makeDirectories(directory: string, wanted: string): Promise<void> {
  let at = directory
  for (const part of relative(directory, wanted).split('/')) {
    const parent = at
    at = join(at, part)
    try {
      await mkdir(at, { mode: OWNERS_ONLY })
      await syncDirectory(parent)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

export function removeDraft(directory: string, draft: string): Promise<void> {
  return rm(join(directory, draft), { force: true })
}

/** Drafts of earlier attempts of this job, which are fenced, and those that nobody can still be waiting for. */
export async function sweepDrafts(directory: string, { id, attempt }: Attempt, now: Date): Promise<void> {
  for (const name of await namesIn(join(directory, DRAFTS))) {
    const [, job, of] = /^(\d+)-(\d+)$/.exec(name) ?? []
    if (job === undefined) continue
    const path = join(directory, DRAFTS, name)
    const isEarlier = BigInt(job) === id && Number(of) < attempt
    if (isEarlier || (await isForgotten(path, now))) await rm(path, { force: true })
  }
}

async function isForgotten(path: string, now: Date): Promise<boolean> {
  try {
    return now.getTime() - (await stat(path)).mtimeMs > FORGOTTEN_MS
  } catch (error) {
    // Somebody else has swept it.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
