import type { Admission } from '../gate/index.ts'
import type { Sql } from '../kernel/index.ts'

/**
 * The main database as everybody sees it: always through the gate.
 * Both methods throw `database_away` (503, retry) when the gate is shut past the caller's deadline or the
 * connection fails before anything was decided; never a driver error for an unreachable server.
 */
export type Database = {
  /** Statements that change nothing, each on its own; retried once on a lost connection. */
  read<T>(admission: ReadAdmission, run: (sql: Sql) => Promise<T>): Promise<T>
  /**
   * One transaction (READ COMMITTED). It stores an operation id of its own; when the reply to COMMIT is lost the id
   * is looked up after reconnecting: found → the value is returned, not found → `run` runs again. So `run` may
   * run more than once but takes effect exactly once; it must not have effects outside the database.
   * `beforeCommit` runs last inside, e.g. to fsync denials into the snapshot; it sees the transaction's xid.
   */
  write<T>(admission: WriteAdmission, run: (sql: Sql) => Promise<T>, hooks?: WriteHooks): Promise<T>
  /**
   * One REPEATABLE READ, READ ONLY transaction: every statement of `run` sees the database of one moment, however long it
   * takes. Not repeated: what breaks it rises. For copying the database, as background work.
   */
  snapshot<T>(admission: Admission, run: (statements: SnapshotStatements) => Promise<T>): Promise<T>
  /** Resolves when every connection of this process is idle and closed. */
  close(): Promise<void>
}

/**
 * `prepared`: the server parses and plans each statement once for each connection. For short statements that come often and
 * whose plan does not hang on their values: parsing and planning are most of what such a one costs.
 */
export type ReadAdmission = Admission & { prepared?: boolean }
/** Of a write likewise. Then no statement of it may say `*`: an answer of another shape, after a migration, is refused. */
export type WriteAdmission = Admission & { prepared?: boolean }

/** Text as it goes to the server: for names of tables, which cannot be bind parameters. */
export type SnapshotStatements = {
  query<Row>(text: string, values?: unknown[]): Promise<Row[]>
}

export type WriteHooks = {
  operationId?: string
  /** Called with the transaction id, after `run`, before COMMIT. */
  beforeCommit?: (xid: bigint) => Promise<void>
  /** Called after COMMIT is certain, before `write` resolves: wait here until the snapshot holds the grants. */
  afterCommit?: (xid: bigint) => Promise<void>
}
