import { writeSync } from 'node:fs'
import pino from 'pino'

/** Fields first, constant message second: `log.info({ table, records }, 'import accepted')`. */
export type Log = Pick<pino.Logger, 'debug' | 'info' | 'warn' | 'error' | 'fatal'> & {
  child(fields: Record<string, unknown>): Log
}

/**
 * A logger that writes one JSON object per line on standard output. The supervisor collects its children's
 * lines and renders them for people when standard output is a terminal.
 */
export function createLog({
  process,
  level = 'info',
  write,
}: {
  process: string
  level?: string
  /** Takes each line instead of standard output: the supervisor's own lines go the way of its children's. */
  write?: (line: string) => void
}): Log {
  const options = { level, base: { process }, timestamp: pino.stdTimeFunctions.isoTime }
  return pino(options, { write: write ?? writeOut })
}

const STDOUT = 1
const READER_BUSY_MS = 10
const never = new Int32Array(new SharedArrayBuffer(4))

/**
 * Writes a line before it returns, however slowly it is read. When nobody reads any more (the supervisor was killed) the line is
 * dropped: pino's own stream tries again for ever then when it writes a fatal line, and the process never ends.
 */
function writeOut(line: string): void {
  const bytes = Buffer.from(line)
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(STDOUT, bytes, at)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return
      Atomics.wait(never, 0, 0, READER_BUSY_MS)
    }
  }
}

const nothing = () => undefined
/** Says nothing; for tests. */
export const silentLog: Log = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  fatal: nothing,
  child: () => silentLog,
}
