import { isFinished } from './life.ts'
import type { Job } from './types.ts'

/**
 * The ends that this process has told somebody from the main database. The snapshot may be a moment behind when the database
 * goes away unplanned: a job that was shown as ended is not shown as running from there.
 */
export type ShownEnds = {
  note(job: Job): void
  /** The job of the snapshot, with its end if that was shown. */
  with(job: Job): Job
}

/** Longer than the snapshot is ever behind, at any rate of looking. */
const MOST_REMEMBERED = 10_000

export function createShownEnds(): ShownEnds {
  const ends = new Map<bigint, Partial<Job>>()
  return {
    note(job) {
      if (!isFinished(job.status) || ends.has(job.id)) return
      ends.set(job.id, endOf(job))
      for (const oldest of ends.keys()) {
        if (ends.size <= MOST_REMEMBERED) break
        ends.delete(oldest)
      }
    },
    with: (job) => (isFinished(job.status) ? job : { ...job, ...ends.get(job.id) }),
  }
}

/** All that an end changes; neither query nor log, which may be long. */
function endOf(job: Job): Partial<Job> {
  const { status, attempt, killRequested, updatedAt, startAt, endAt, cpuMs } = job
  const { resultSchema, resultRows, resultBytes, resultPath, errorName, errorMessage } = job
  const result = { resultSchema, resultRows, resultBytes, resultPath, errorName, errorMessage }
  return { status, attempt, killRequested, updatedAt, startAt, endAt, cpuMs, ...result }
}
