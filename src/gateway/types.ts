import type { Readable } from 'node:stream'
import type { Answer, Job } from '../jobs/index.ts'
import type { Principal } from '../kernel/http/index.ts'

/** What the gateway needs of jobs: every statement is one. */
export type GatewayJobs = {
  /** @throws queue_full (503, retry) */
  issue(
    principal: Principal,
    statement: { type: string; database: string; query: string; priority: number },
  ): Promise<{ id: bigint; createdAt: Date }>
  /** @throws job_unknown (404, final) · job_away (503, retry) */
  look(accountId: bigint, id: bigint): Promise<Answer<Job>>
  /** False when it had ended by itself: then its own end is what is true. */
  kill(accountId: bigint, id: bigint): Promise<boolean>
  /** Resolves when the job is said to have ended, or after that time. */
  ended(id: bigint, withinMs: number): Promise<void>
  /** The rows of a job that succeeded, one JSON array to a line. @throws result_expired (404, final) */
  rows(job: Job): Promise<Readable>
}

/** Whether the main database is there, for what is told to clients. */
export type Absence = {
  isAway(): boolean
  /** A maintenance ordered it. */
  isPlanned(): boolean
  /** When to come back, as far as anybody knows. */
  expectedBack(): Date
}
