import { closeSync, fdatasync, fdatasyncSync, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import { snapshotErrors } from './errors.ts'
import { encodeLine, type Line } from './line.ts'

const flush = promisify(fdatasync)

/** The end of one log file, for its only writer. Writes are synchronous (a page cache away) so that order is plain. */
export type LogFile = {
  readonly bytes: number
  /** @throws snapshot_unwritable: then nothing of the line is in the file. */
  append(line: Line): void
  /** Resolves when everything appended before the call survives power loss; calls share an fsync. */
  sync(): Promise<void>
  /** As `sync`, without letting anything else happen in between. */
  syncNow(): void
  /** Once the syncs under way have ended. */
  close(): Promise<void>
}

/** Opens a log at its last good line; anything behind it (a torn line) is cut off. */
export function openLogFile(path: string, end: { bytes: number; chain: number }): LogFile {
  const fd = openSync(path, 'r+')
  let { bytes, chain } = end
  let broken = false
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined

  const cutBack = () => {
    if (fstatSync(fd).size !== bytes) ftruncateSync(fd, bytes)
    broken = false
  }
  cutBack()
  const start = (): Promise<void> => {
    running = flush(fd).finally(() => {
      running = undefined
    })
    return running
  }
  /** One that is under way may have started before our line: the next one is ours, shared with all who wait. */
  const shareSync = (): Promise<void> => {
    if (running === undefined) return start()
    const after = () => {
      next = undefined
      return start()
    }
    next ??= running.then(after, after)
    return next
  }
  return {
    get bytes() {
      return bytes
    },
    append(line) {
      const encoded = encodeLine(line, chain)
      try {
        if (broken) cutBack()
        broken = true
        for (let at = 0; at < encoded.bytes.length; ) {
          at += writeSync(fd, encoded.bytes, at, encoded.bytes.length - at, bytes + at)
        }
      } catch (error) {
        throw snapshotErrors.snapshot_unwritable(String(error), error)
      }
      broken = false
      bytes += encoded.bytes.length
      chain = encoded.chain
    },
    async sync() {
      try {
        await shareSync()
      } catch (error) {
        throw snapshotErrors.snapshot_unwritable(String(error), error)
      }
    },
    syncNow: () => fdatasyncSync(fd),
    async close() {
      while (running !== undefined || next !== undefined) await Promise.allSettled([running, next])
      closeSync(fd)
    },
  }
}
