import pg from 'pg'

/**
 * What a failure of the driver means to us.
 * unreachable: nobody answers, or answers that it cannot now · full: no connection free at the server ·
 * lost: the connection ended under a statement · again: a conflict, a timeout or a cancellation, run it again ·
 * exhausted: disk or memory of the server · statement: the database refused the statement, or a fault of ours.
 */
export type Failure = 'unreachable' | 'full' | 'lost' | 'again' | 'exhausted' | 'statement'

/** starting up, shutting down, crashed; 25006: a read-only server is an old or a standby side. */
const NOT_NOW = new Set(['57P01', '57P02', '57P03', '57P04', '57P05', '25006', '25P03'])
/** The login role of a fenced epoch, a password that was replaced, a database not yet there. */
const NO_LOGIN = new Set(['28000', '28P01', '3D000', '42501'])

/** Serialization, deadlock; cancelled: by its own timeout, or by a drain that could not wait any longer. */
const RUN_AGAIN = new Set(['40001', '40P01', '57014'])

export function serverCode(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined
}

/** True when the socket ended or never existed; false for errors made by the server or by our own code. */
function isBrokenConnection(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code, syscall } = error as NodeJS.ErrnoException
  if (syscall !== undefined || (typeof code === 'string' && /^E[A-Z]+$/.test(code))) return true
  return /^(Connection terminated|Client has encountered a connection error|Client was closed|Query read timeout|timeout expired|The server does not support SSL)/.test(
    error.message,
  )
}

/** A failure to connect. */
export function connectFailure(error: unknown): Failure {
  const code = serverCode(error)
  if (code === '53300') return 'full'
  if (code === undefined || code.startsWith('08') || NOT_NOW.has(code) || NO_LOGIN.has(code))
    return 'unreachable'
  return 'statement'
}

/** A failure of a statement on a connection that stood. */
export function statementFailure(error: unknown): Failure {
  const code = serverCode(error)
  if (code === undefined) return isBrokenConnection(error) ? 'lost' : 'statement'
  if (RUN_AGAIN.has(code)) return 'again'
  if (code === '53100' || code === '53200') return 'exhausted'
  if (code.startsWith('08') || NOT_NOW.has(code)) return 'lost'
  return 'statement'
}

/**
 * After a failed COMMIT: only an answer of a server that lives on decides that nothing was stored. Everything else,
 * a FATAL among them, leaves it open.
 */
export function leavesCommitOpen(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return true
  return error.severity === 'FATAL' || error.severity === 'PANIC' || (error.code ?? '').startsWith('08')
}

/** True for a violated unique key, of the given constraint when named. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  return (
    error instanceof pg.DatabaseError &&
    error.code === '23505' &&
    (constraint === undefined || error.constraint === constraint)
  )
}

/** True for a violated foreign key, of the given constraint when named. */
export function isForeignKeyViolation(error: unknown, constraint?: string): boolean {
  return (
    error instanceof pg.DatabaseError &&
    error.code === '23503' &&
    (constraint === undefined || error.constraint === constraint)
  )
}
