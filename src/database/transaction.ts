import { numbered, type Sql } from '../kernel/index.ts'
import type { Connection } from './connection.ts'
import { databaseErrors } from './errors.ts'
import { leavesCommitOpen, serverCode, statementFailure } from './failures.ts'

/** The largest timeout PostgreSQL takes. */
const LONGEST_MS = 2_147_483_647
const LOCK_NOT_AVAILABLE = '55P03'

/** How one attempt at a write ended, when it did not throw. */
export type Attempt<T> =
  | { kind: 'committed'; value: T; xid: bigint }
  /** The operation id was there already: an earlier attempt, or somebody else's, had been committed. */
  | { kind: 'repeated' }
  /** COMMIT was sent and nobody said how it ended. */
  | { kind: 'open'; value: T; xid: bigint; cause: unknown }

export type AttemptOptions<T> = {
  operationId: string
  run: (sql: Sql) => Promise<T>
  beforeCommit?: (xid: bigint) => Promise<void>
  /** How long to wait for an earlier transaction with the same id that is still at work at the server. */
  patienceMs: number
  /** Called once it is certain that no earlier attempt with this id was or will be committed. */
  onFirst: () => void
  /** What the server shall call a statement, to plan it once for each connection; absent = it plans anew each time. */
  nameOf?: (text: string) => string
}

/**
 * BEGIN, operation id, `run`, `beforeCommit`, COMMIT. The id goes in first: should an earlier attempt with the same
 * id still be under way at the server, the INSERT waits until that one has ended, so "not there" is never a guess.
 */
export async function attemptWrite<T>(
  connection: Connection,
  options: AttemptOptions<T>,
): Promise<Attempt<T>> {
  try {
    const xid = await begin(connection, options)
    if (xid === undefined) {
      await connection.script('ROLLBACK')
      return { kind: 'repeated' }
    }
    options.onFirst()
    const { value, failed } = await runOnce(connection, options)
    await options.beforeCommit?.(xid)
    return await commit(connection, { value, xid, failed })
  } catch (error) {
    await rollBack(connection)
    throw error
  }
}

/**
 * The transaction's id, or undefined when the operation id was there already. One round trip.
 * @throws operation_under_way (503, retry) when an earlier transaction with this id does not end in time.
 */
async function begin<T>(
  connection: Connection,
  { operationId, patienceMs }: AttemptOptions<T>,
): Promise<bigint | undefined> {
  const lockTimeoutMs = Math.min(LONGEST_MS, Math.max(1, Math.ceil(patienceMs)))
  try {
    const results = await connection.script<{ xid: bigint }>(
      `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
       SET LOCAL lock_timeout = ${lockTimeoutMs};
       INSERT INTO operations (id) VALUES (${literal(operationId)}) ON CONFLICT DO NOTHING
       RETURNING pg_current_xact_id() AS xid;
       SET LOCAL lock_timeout = DEFAULT`,
    )
    return results[2]!.rows[0]?.xid
  } catch (error) {
    if (serverCode(error) === LOCK_NOT_AVAILABLE) throw databaseErrors.operation_under_way(operationId, error)
    throw error
  }
}

/** Runs the caller's statements one after the other; afterwards its `sql` is dead. */
async function runOnce<T>(
  connection: Connection,
  { run, nameOf }: Pick<AttemptOptions<T>, 'run' | 'nameOf'>,
) {
  let last: Promise<unknown> = Promise.resolve()
  let ended = false
  let failed: unknown
  const sql: Sql = <Row>(text: TemplateStringsArray, ...values: unknown[]): Promise<Row[]> => {
    if (ended) return Promise.reject(new Error('this transaction has ended; its sql cannot be used any more'))
    const statement = numbered(text)
    const rows = last.then(() => connection.query<Row>(statement, values, nameOf?.(statement)))
    last = rows.catch((error: unknown) => {
      failed ??= error
    })
    return rows
  }
  try {
    const value = await run(sql)
    ended = true
    await last
    return { value, failed }
  } catch (error) {
    ended = true
    await last
    // What the connection itself says decides whether to try again, whatever the caller made of it.
    throw failed !== undefined && statementFailure(failed) !== 'statement' ? failed : error
  }
}

async function commit<T>(
  connection: Connection,
  { value, xid, failed }: { value: T; xid: bigint; failed: unknown },
): Promise<Attempt<T>> {
  // PostgreSQL answers COMMIT with ROLLBACK when a statement failed and the caller did not let the error rise.
  if (failed !== undefined) throw failed
  try {
    const [answer] = await connection.script('COMMIT')
    if (answer!.command === 'COMMIT') return { kind: 'committed', value, xid }
  } catch (error) {
    if (!connection.alive || leavesCommitOpen(error)) {
      connection.destroy()
      return { kind: 'open', value, xid, cause: error }
    }
    throw error
  }
  throw new Error('COMMIT was answered with ROLLBACK although no statement had failed')
}

/** A connection that cannot be rolled back is not used again. */
async function rollBack(connection: Connection): Promise<void> {
  if (!connection.alive) return
  try {
    await connection.script('ROLLBACK')
  } catch {
    // Its own failure adds nothing to the error on its way up; the server rolls back when the socket ends.
    connection.destroy()
  }
}

/** Quotes a text for the one place where a parameter is not possible; no backslashes, no zero byte. */
export function literal(text: string): string {
  if (/[\\\0]/.test(text)) throw new TypeError('an operation id holds no backslash and no zero byte')
  return `'${text.replaceAll("'", "''")}'`
}
