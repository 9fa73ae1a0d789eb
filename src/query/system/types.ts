import type { TimeRange } from '../../snapshot/index.ts'

export type SystemValue = string | bigint | boolean | Date | null
/** By column name. */
export type SystemRow = Readonly<Record<string, SystemValue>>

/** What a statement needs of one system table. A source may give more rows, never fewer. */
export type SystemWanted = {
  accountId: bigint
  userId: bigint
  /** Names of the databases the user may query; null = everything of the account. */
  databases: readonly string[] | null
  columns: ReadonlySet<string>
  /** Of the column `time`: half-open, unix seconds. */
  times: readonly TimeRange[]
  /** What a column of that name must be, where the statement says so. */
  texts: ReadonlyMap<string, readonly string[]>
}

/** Pages of rows. @throws database_away (503, retry) when they cannot be read now */
export type SystemSource = (wanted: SystemWanted) => AsyncIterable<SystemRow[]>

/** Rows that other capabilities keep: given when the runner is made. */
export type SystemSources = Record<'import_errors' | 'jobs' | 'audit_log', SystemSource>
