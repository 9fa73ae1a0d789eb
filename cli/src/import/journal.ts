import { createHash } from 'node:crypto'
import {
  closeSync,
  constants,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ChunkLimits } from './chunks.ts'
import type { Fingerprint } from './source.ts'

/** What an import is, so that it can be gone on with: written before the first chunk is sent. */
export type Head = {
  version: 1
  target: { endpoint: string; database: string; table: string }
  /** Of the table, where it can be asked: one that was deleted and made anew has nothing of what was sent before. */
  identity?: string
  /** Real path, or the name given to it. */
  source: string
  fingerprint: Fingerprint | undefined
  /** How the source is read. Read otherwise, its rows would be others. */
  reading: string
  /** Ids begin with it: another one, and everything is stored once more. */
  salt: string
  limits: ChunkLimits
  /** Times without a year, and `--time-value now`, are of this moment however often it is gone on with. */
  startedMs: number
  /** The moment it began is the time of its rows: begun anew, they keep it, or they would be other rows. */
  isItsOwnTime?: boolean
}

export type Acknowledged = { id: string; index: number; from: number; rows: number }
export type Finished = { rows: number; rejected: number; atMs: number }
export type Written = {
  head: Head
  acknowledged: Map<number, Acknowledged>
  finished: Finished | undefined
  lastMs: number
}

/** Where the journal of a source for a target lies. */
export function journalPath(directory: string, target: Head['target'], source: string): string {
  const name = createHash('sha256')
    .update(JSON.stringify([target, source]))
    .digest('hex')
    .slice(0, 32)
  return join(directory, `${name}.journal`)
}

/** What was acknowledged so far; undefined when there is no journal, or none that can be read. */
export function readJournal(path: string): Written | undefined {
  let text: string
  let lastMs: number
  try {
    text = readFileSync(path, 'utf8')
    lastMs = statSync(path).mtimeMs
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  let head: Head | undefined
  const acknowledged = new Map<number, Acknowledged>()
  let finished: Finished | undefined
  for (const line of text.split('\n')) {
    const entry = parsed(line)
    if (entry === undefined) continue
    if ('head' in entry) head ??= entry.head as Head
    else if ('finished' in entry) finished = entry.finished as Finished
    else acknowledged.set((entry as Acknowledged).from, entry as Acknowledged)
  }
  return head?.version === 1 ? { head, acknowledged, finished, lastMs } : undefined
}

/** A line that was torn by a crash says nothing: its chunk is sent again, under the same id. */
function parsed(line: string): object | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

export type Journal = {
  acknowledge(chunk: Acknowledged): Promise<void>
  finish(finished: Finished): Promise<void>
  close(): Promise<void>
}

/** Begins a journal anew, with what is known of an earlier one. Durable when it returns. */
export function beginJournal(path: string, head: Head, known: Iterable<Acknowledged> = []): void {
  const directory = dirname(path)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const draft = `${path}.${process.pid}.tmp`
  const lines = [{ head }, ...known].map((entry) => `${JSON.stringify(entry)}\n`).join('')
  const fd = openSync(draft, 'w', 0o600)
  try {
    const bytes = Buffer.from(lines)
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(draft, path)
  const folder = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

/**
 * Appends to a journal that was begun. Each entry starts on a line of its own, also behind one that was torn. Durable when the promise
 * resolves; those that arrive while one sync runs share the next.
 */
export async function openJournal(path: string): Promise<Journal> {
  const file = await open(path, 'a', 0o600)
  let waiting: string[] = []
  let next: Promise<void> | undefined
  let last: Promise<void> = Promise.resolve()
  const flush = async () => {
    await last.catch(() => undefined)
    const lines = waiting
    waiting = []
    next = undefined
    last = (async () => {
      await file.appendFile(lines.join(''))
      await file.datasync()
    })()
    await last
  }
  const append = (entry: object): Promise<void> => {
    waiting.push(`\n${JSON.stringify(entry)}\n`)
    next ??= flush()
    return next
  }
  return {
    acknowledge: ({ id, index, from, rows }) => append({ id, index, from, rows }),
    finish: (finished) => append({ finished }),
    async close() {
      await last.catch(() => undefined)
      await file.close()
    },
  }
}

const KEPT_MS = 180 * 86_400_000

/** Removes journals nobody has written to for half a year. */
export function sweepJournals(directory: string, nowMs: number): void {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name)
    if (!/\.(?:journal|tmp)$/.test(name)) continue
    if (nowMs - statSync(path).mtimeMs > KEPT_MS) rmSync(path, { force: true })
  }
}

/** `$XDG_STATE_HOME/millrace`, or `~/.local/state/millrace`; undefined when there is no home either. */
export function stateDirectory(env: Record<string, string | undefined>): string | undefined {
  if (env.XDG_STATE_HOME?.startsWith('/')) return join(env.XDG_STATE_HOME, 'millrace')
  return env.HOME ? join(env.HOME, '.local', 'state', 'millrace') : undefined
}
