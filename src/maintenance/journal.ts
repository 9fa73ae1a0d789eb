import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Clock, ensureDirectory, readIfThere, syncDirectory } from '../kernel/index.ts'
import { maintenanceErrors } from './errors.ts'

/**
 * One line of the journal: what was about to be done (`intent`), what was done (`done`), or what happened otherwise (`note`). Each
 * carries the hash of the line before, so that nothing can be taken out, put in or changed unseen.
 */
export type JournalLine = {
  /** 1, 2, 3 … */
  n: number
  /** Wall clock, for people. */
  at: string
  /** Of the machine that wrote it; lengths of time are judged by this one only, and only between lines of one `run`. */
  monotonicMs: number
  /** Changes with every process that writes: monotonic times of two runs say nothing about each other. */
  run: string
  kind: 'intent' | 'done' | 'note'
  /** The step or event, such as `drain` or `hook.2`. */
  what: string
  detail?: Record<string, unknown>
  /** Hash of the line before; `-` in the first. */
  previous: string
  hash: string
}

export type JournalEntry = Pick<JournalLine, 'kind' | 'what' | 'detail'>

/** Append-only, one JSON object per line, on disk before `append` resolves; readable by people at night. */
export type Journal = {
  readonly lines: readonly JournalLine[]
  /** @throws journal_refused (final): from then on every append is refused, for nobody knows what the disk holds. */
  append(entry: JournalEntry): Promise<JournalLine>
  close(): Promise<void>
}

/**
 * Opens the journal of one maintenance. A torn last line was never acted upon and is cut off.
 * @throws journal_damaged (final) when any other line is not what was written
 */
export async function openJournal(
  path: string,
  { clock, run }: { clock: Clock; run: string },
): Promise<Journal> {
  await ensureDirectory(dirname(path))
  const { lines, goodBytes } = chainOf(await readIfThere(path))
  const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600)
  await file.truncate(goodBytes)
  await file.sync()
  await syncDirectory(dirname(path))
  let bytes = goodBytes
  let failed: unknown
  let last: Promise<unknown> = Promise.resolve()

  async function write(entry: JournalEntry): Promise<JournalLine> {
    if (failed !== undefined) throw maintenanceErrors.journal_refused(String(failed), failed)
    const line = lineAfter(lines.at(-1), {
      ...entry,
      n: lines.length + 1,
      at: clock.now().toISOString(),
      monotonicMs: Math.round(clock.monotonicMs()),
      run,
    })
    const buffer = Buffer.from(`${JSON.stringify(line)}\n`)
    try {
      for (let at = 0; at < buffer.length; )
        at += (await file.write(buffer, at, buffer.length - at, bytes + at)).bytesWritten
      await file.datasync()
    } catch (error) {
      failed = error
      throw maintenanceErrors.journal_refused(error instanceof Error ? error.message : String(error), error)
    }
    bytes += buffer.length
    lines.push(line)
    return line
  }

  return {
    lines,
    append(entry) {
      const result = last.then(() => write(entry))
      // A failure is its caller's; the next one is refused by itself.
      last = result.catch(() => undefined)
      return result
    },
    async close() {
      await last
      await file.close()
    },
  }
}

/** The lines of a journal that somebody else may be writing; none when there is no such file. */
export async function readJournal(path: string): Promise<JournalLine[]> {
  return chainOf(await readIfThere(path)).lines
}

function chainOf(bytes: Buffer): { lines: JournalLine[]; goodBytes: number } {
  const lines: JournalLine[] = []
  let goodBytes = 0
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(10, start)
    if (newline < 0) break
    const line = lineFrom(bytes.toString('utf8', start, newline), lines.at(-1))
    const isLast = bytes.indexOf(10, newline + 1) < 0 && newline + 1 === bytes.length
    // The last line may be a mixture after power was lost in the middle of writing it.
    if (line === undefined && isLast) break
    if (line === undefined) throw maintenanceErrors.journal_damaged(`line ${lines.length + 1}`)
    lines.push(line)
    start = newline + 1
    goodBytes = start
  }
  return { lines, goodBytes }
}

function lineFrom(text: string, before: JournalLine | undefined): JournalLine | undefined {
  let line: JournalLine
  try {
    line = JSON.parse(text) as JournalLine
  } catch {
    return undefined
  }
  const { hash, ...rest } = line
  const isNext = line.n === (before?.n ?? 0) + 1 && line.previous === (before?.hash ?? '-')
  return isNext && hash === hashOf(rest) ? line : undefined
}

function lineAfter(
  before: JournalLine | undefined,
  entry: Omit<JournalLine, 'previous' | 'hash'>,
): JournalLine {
  const { n, at, monotonicMs, run, kind, what, detail } = entry
  const said = { n, at, monotonicMs, run, kind, what, ...(detail === undefined ? {} : { detail }) }
  const body = { ...said, previous: before?.hash ?? '-' }
  return { ...body, hash: hashOf(body) }
}

function hashOf(body: Omit<JournalLine, 'hash'>): string {
  return createHash('sha256').update(JSON.stringify(body)).digest('hex').slice(0, 32)
}
