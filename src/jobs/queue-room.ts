import { isRetryable } from '../kernel/index.ts'
import { jobErrors } from './errors.ts'

/** How many jobs an account may have queued. */
export type QueueRoom = {
  /** @throws account_queue_full (429, retry) */
  require(accountId: bigint): Promise<void>
  /** A job of it has been accepted. */
  accepted(accountId: bigint): void
}

/** Other nodes accept jobs, too: what was counted is counted anew after so long. */
const COUNT_AGAIN_MS = 60_000
/** An account at its limit asks again and again; the main database is not asked each time. */
const REFUSE_AGAIN_MS = 1_000

/**
 * Counts only when an account may be near its limit: a submission costs nothing otherwise. Several nodes may together exceed
 * the limit by what they accept within a minute. While nobody can count, nobody is refused.
 */
export function createQueueRoom({
  most,
  count,
  monotonicMs,
}: {
  /** 0 = no limit. */
  most: number
  /** Queued jobs of an account, counted up to `most`. */
  count(accountId: bigint, most: number): Promise<number>
  monotonicMs(): number
}): QueueRoom {
  if (most === 0) return { require: async () => undefined, accepted: () => undefined }
  type Counted = { jobs: number; atMs: number }
  const known = new Map<bigint, Counted>()

  const countAgain = async (accountId: bigint): Promise<Counted | undefined> => {
    try {
      const counted = { jobs: await count(accountId, most), atMs: monotonicMs() }
      known.set(accountId, counted)
      return counted
    } catch (error) {
      if (!isRetryable(error)) throw error
      return undefined
    }
  }
  const isTrue = ({ jobs, atMs }: Counted) =>
    monotonicMs() - atMs < (jobs < most ? COUNT_AGAIN_MS : REFUSE_AGAIN_MS)

  return {
    async require(accountId) {
      const before = known.get(accountId)
      const counted = before !== undefined && isTrue(before) ? before : await countAgain(accountId)
      if (counted !== undefined && counted.jobs >= most) throw jobErrors.account_queue_full(String(most))
    },
    accepted(accountId) {
      const counted = known.get(accountId)
      if (counted !== undefined) counted.jobs += 1
    },
  }
}
