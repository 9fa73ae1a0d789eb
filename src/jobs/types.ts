import type { Readable } from 'node:stream'
import type { Principal } from '../kernel/http/index.ts'
import type { SnapshotView } from '../snapshot/index.ts'
import type { JobStatus } from './life.ts'
import type { ResultFormat } from './result-formats.ts'
import type { CommitPart } from './runner.ts'

/** A job as the main database, the local queue or the sealed snapshot knows it. 64-bit numbers as bigint. */
export type Job = {
  id: bigint
  accountId: bigint
  userId: bigint
  userName: string
  type: string
  database: string
  query: string
  status: JobStatus
  priority: number
  retryLimit: number
  /** How often it has been claimed; the fencing token of everything a worker reports. */
  attempt: number
  /** Attempts given back without an end: their worker was drained, or they needed the main database. */
  givenBack: number
  /** Attempts whose worker has gone. */
  workersLost: number
  killRequested: boolean
  resultUrl: string
  poolName: string | null
  engineVersion: string | null
  domainKey: string | null
  scheduleId: bigint | null
  scheduledAt: Date | null
  createdAt: Date
  updatedAt: Date
  startAt: Date | null
  endAt: Date | null
  cpuMs: bigint | null
  resultSchema: ResultSchema | null
  resultRows: bigint | null
  /** Size of the msgpack.gz file. */
  resultBytes: bigint | null
  /** In the object store; null while there is no result. */
  resultPath: string | null
  errorName: string | null
  errorMessage: string | null
  /** Everything the runner logged; empty when only the head is known. */
  log: string
}

export type ResultSchema = [name: string, type: string][]

/** What somebody asks for: everything about a job that is decided before it has an id. */
export type NewJob = {
  accountId: bigint
  userId: bigint
  userName: string
  type: string
  database: string
  databaseId: bigint | null
  query: string
  priority: number
  retryLimit: number
  poolName: string | null
  engineVersion: string | null
  domainKey: string | null
  scheduleId: bigint | null
  /** TD_SCHEDULED_TIME(); null = when it was issued. */
  scheduledAt: Date | null
  /** Not before this instant; null = at once. */
  dueAt: Date | null
}

/** How one attempt ended, as its worker knows it. */
export type JobEnd =
  | {
      kind: 'success'
      cpuMs: number | null
      result: { path: string; rows: bigint; bytes: bigint; schema: ResultSchema } | null
      /** Takes effect with this end, or the job ends as an error. */
      commit?: CommitPart
    }
  | { kind: 'error'; cpuMs: number | null; name: string; message: string; retryable: boolean }
  | { kind: 'killed'; cpuMs: number | null }

/**
 * An end that has happened, reported or not yet, with the whole log of the job. `local`: the job was in core's local queue
 * then, and the main database knows it only when core has entered it.
 */
export type EndRecord = {
  id: bigint
  attempt: number
  endAt: Date
  end: JobEnd
  log: string
  local?: boolean
}

/** Job heads of the snapshot, for while the main database is away. */
export type JobHeads = Pick<SnapshotView, 'jobHead' | 'jobByDomainKey' | 'recentJobs' | 'usable' | 'ageMs'>

/**
 * What a principal may do with queries; `catalog` implements it.
 * Every function throws database_unknown (404, final) only when certain, not_authorized (403, final),
 * and database_away (503, retry) when nobody can say.
 */
export type JobAccess = {
  /** Empty name = no database; resolves to its id, or null for none. */
  requireQuery(principal: Principal, database: string): Promise<bigint | null>
  /** The databases whose jobs the principal may see besides its own. */
  queryable(principal: Principal): Promise<'all' | ReadonlySet<string>>
}

/** Renders a stored msgpack.gz in another format, as a stream. `query` implements it (`renderResult`). */
export type RenderResult = (request: {
  storedPath: Readable
  schema: ResultSchema
  format: Exclude<ResultFormat, 'msgpack.gz'>
  header: boolean
  nullifySpecial: boolean
}) => Readable
