import { closeSync, openSync, writeSync } from 'node:fs'
import type { Rejected } from './types.ts'

/** So many are shown; the rest is counted. */
const SHOWN = 10

/**
 * Shows the first rows that could not be read, and writes all of them to a file as they stand in the source: mended there, the file
 * can be imported in its turn. The file is made with the first of them.
 */
export function createRejections({
  name,
  path,
  isText,
  say,
}: {
  name: string
  isText: boolean
  /** undefined: they are only counted. */
  path: string | undefined
  say(line: string): void
}) {
  let fd: number | undefined
  let header: Buffer | undefined
  let count = 0
  const write = (bytes: Buffer) => {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd!, bytes, at)
  }
  return {
    header(source: Buffer): void {
      header = Buffer.from(source)
    },
    add({ line, reason, source }: Rejected): void {
      count++
      if (count <= SHOWN) say(`${name}:${line}: ${reason}`)
      if (count === SHOWN + 1)
        say(
          `${name}: more rows are refused; they are counted${path === undefined ? ' (--save-rejected writes them to a file)' : ''}`,
        )
      if (path === undefined) return
      if (fd === undefined) {
        fd = openSync(path, 'w', 0o600)
        if (header !== undefined) write(header)
      }
      write(source)
      // JSON values, and the last line of a file, may come without one.
      if (isText && source.at(-1) !== 0x0a) write(Buffer.from('\n'))
    },
    close(): void {
      if (fd !== undefined) closeSync(fd)
      fd = undefined
    },
  }
}
