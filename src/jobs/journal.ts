import { constants } from 'node:fs'
import { copyFile, type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { ensureDirectory, type Log, readIfThere, syncDirectory, writeFileDurably } from '../kernel/index.ts'

/** A small append-only file of JSON lines, each `{"crc":…,"body":…}`; readable by people, safe against a torn end. */
export type Journal<Body> = {
  /** Resolves after fsync; lines appended at the same time share one. Rejects when the disk refused: then nothing is kept. */
  append(body: Body): Promise<void>
  /** Replaces the file as a whole by the lines to keep, durably; nothing is appended meanwhile. */
  rewrite(keep: (bodies: Body[]) => readonly Body[]): Promise<void>
  readonly bytes: number
  close(): Promise<void>
}

type Scan = { bodies: unknown[]; goodBytes: number; damagedLines: number }

/**
 * Opens the journal and returns what it holds. A torn last line was never acknowledged and is cut off; a damaged line in
 * the middle is reported, kept in a copy beside the file, and skipped.
 */
export async function openJournal<Body>(
  path: string,
  { log }: { log: Log },
): Promise<{ journal: Journal<Body>; bodies: Body[] }> {
  await ensureDirectory(dirname(path))
  const { bodies, goodBytes, damagedLines } = scan(await readIfThere(path))
  if (damagedLines > 0) {
    await copyFile(path, `${path}.damaged`)
    log.error({ path, damagedLines, copy: `${path}.damaged` }, 'damaged lines in a journal were skipped')
  }
  return { journal: journalAt<Body>(path, goodBytes), bodies: bodies as Body[] }
}

/** The complete lines of a journal another process may be appending to; none when there is no such file. */
export async function readJournal<Body>(path: string): Promise<Body[]> {
  return scan(await readIfThere(path)).bodies as Body[]
}

function scan(bytes: Buffer): Scan {
  const result: Scan = { bodies: [], goodBytes: 0, damagedLines: 0 }
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(10, start)
    if (newline < 0) break
    const body = bodyOf(bytes.toString('utf8', start, newline))
    if (body === undefined) result.damagedLines += 1
    else result.bodies.push(body)
    start = newline + 1
    result.goodBytes = start
  }
  return result
}

function lineOf(body: unknown): string {
  const text = JSON.stringify(body)
  return `{"crc":${crc32(text)},"body":${text}}\n`
}

/** undefined when the line is not what was written. */
function bodyOf(line: string): unknown {
  const [, crc, text] = /^\{"crc":(\d+),"body":(.*)\}$/s.exec(line) ?? []
  if (text === undefined || crc32(text) !== Number(crc)) return undefined
  return JSON.parse(text)
}

type Waiting = { line: string; resolve(): void; reject(error: unknown): void }

function journalAt<Body>(path: string, goodBytes: number): Journal<Body> {
  let handle: FileHandle | undefined
  let bytes = goodBytes
  let waiting: Waiting[] = []
  let last: Promise<void> = Promise.resolve()

  const opened = async () => {
    if (handle !== undefined) return handle
    const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600)
    // What lies beyond the good bytes was never acknowledged: a torn line, or the remains of a refused write.
    await file.truncate(bytes)
    await file.sync()
    await syncDirectory(dirname(path))
    handle = file
    return file
  }
  const forget = async () => {
    const file = handle
    handle = undefined
    await file?.close()
  }
  const write = async (lines: string) => {
    const buffer = Buffer.from(lines)
    const file = await opened()
    try {
      for (let at = 0; at < buffer.length; )
        at += (await file.write(buffer, at, buffer.length - at, bytes + at)).bytesWritten
      await file.datasync()
    } catch (error) {
      await forget()
      throw error
    }
    bytes += buffer.length
  }
  const writeWaiting = async () => {
    const batch = waiting
    waiting = []
    if (batch.length === 0) return
    try {
      await write(batch.map((one) => one.line).join(''))
      for (const one of batch) one.resolve()
    } catch (error) {
      for (const one of batch) one.reject(error)
    }
  }
  /** One after the other; a failure is its caller's, not the next one's. */
  const inTurn = <T>(task: () => Promise<T>): Promise<T> => {
    const turn = last.then(task)
    last = turn.then(
      () => undefined,
      () => undefined,
    )
    return turn
  }

  return {
    append: (body) =>
      new Promise((resolve, reject) => {
        waiting.push({ line: lineOf(body), resolve, reject })
        if (waiting.length === 1) void inTurn(writeWaiting)
      }),
    rewrite: (keep) =>
      inTurn(async () => {
        const kept = keep(await readJournal<Body>(path))
        const text = kept.map(lineOf).join('')
        await writeFileDurably(path, text)
        await forget()
        bytes = Buffer.byteLength(text)
      }),
    get bytes() {
      return bytes
    },
    close: () => inTurn(forget),
  }
}
