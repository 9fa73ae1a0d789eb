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
  | { kind: 'success'; result?: StoredResult; cpuMs?: number }
  | { kind: 'error'; name: string; message: string; retryable: boolean; cpuMs?: number }
  /** Nobody can say without the main database: no end, the job waits for it. */
  | { kind: 'needs-database'; cpuMs?: number }

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
}
