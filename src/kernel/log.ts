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
  return write === undefined ? pino(options) : pino(options, { write })
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
