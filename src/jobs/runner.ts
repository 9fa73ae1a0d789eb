import type { Sql } from '../kernel/index.ts'

/** What runs jobs of some types. `query` implements it; `server/roles.ts` puts them together. */
export type RunnableJob = {
  id: bigint
  attempt: number
  type: string
  accountId: bigint
  userId: bigint
  database: string
  query: string
  /** Unix seconds: TD_SCHEDULED_TIME(). */
  scheduledTime: bigint
}

export type RunReport = {
  /** Appended to the job's log as it happens; also what `td query -w` prints. */
  log(line: string): void
  /** 0 … 100, when known. */
  progress(percent: number): void
}

export type RunOutcome =
  | { kind: 'success'; result?: StoredResult; commit?: CommitPart; cpuMs?: number }
  | { kind: 'error'; name: string; message: string; retryable: boolean; cpuMs?: number }
  /** Nobody can say without the main database: no end, the job waits for it. */
  | { kind: 'needs-database'; cpuMs?: number }

/**
 * What takes effect together with the job's success, in the transaction that records it. It waits in the worker's journal
 * until then: `data` must survive JSON, and is small (what is large lies in the object store).
 */
export type CommitPart = { kind: string; data: Readonly<Record<string, unknown>> }

/**
 * Stores the part of a job whose attempt is still its own. Runs inside the transaction of the end, perhaps more than once, and
 * takes effect once. A refusal must have changed nothing; the job then ends with this error, and is not tried again unless it says so.
 */
export type CommitEnd = (
  sql: Sql,
  job: { id: bigint; attempt: number },
  data: Readonly<Record<string, unknown>>,
) => Promise<CommitRefusal | undefined>
/** `again`: what the job was planned on has changed meanwhile, and it may be planned anew, once. */
export type CommitRefusal = { name: string; message: string; again?: boolean }

/** A result is stored once, as the exact msgpack.gz bytes clients download, plus its schema. */
export type StoredResult = {
  /** In the object store. */
  path: string
  rows: bigint
  /** Size of the msgpack.gz file: the job's result_size. */
  bytes: bigint
  /** Presto (or Hive) names and type texts, in order. */
  schema: [name: string, type: string][]
}

export type Runner = {
  readonly types: readonly string[]
  /** Runs until done or until the signal aborts (kill): then the promise rejects promptly. */
  run(job: RunnableJob, report: RunReport, signal: AbortSignal): Promise<RunOutcome>
  /** By kind, for the commit parts of its outcomes. */
  readonly commits?: Readonly<Record<string, CommitEnd>>
}
