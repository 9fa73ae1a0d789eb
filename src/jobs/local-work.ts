import type { Channel, Log } from '../kernel/index.ts'
import type { Held } from './claim-store.ts'
import type { LocalAnswer, LocalClaim, LocalGrant, LocalPutBack, LocalQuestion } from './local-claims.ts'
import { type GateView, isOpen } from './patience.ts'
import { jobFromRow } from './row.ts'
import type { Job } from './types.ts'

/**
 * The jobs of core's local queue that this worker runs on the snapshot. The main database does not know them until core
 * has entered them: until then it must not be asked about them, or a job that is not there yet would look like one that
 * was taken away.
 */
export type LocalWork = {
  /** Asks for up to `free` jobs and learns what became of those it holds; nothing when core does not answer. */
  claim(free: number, held: readonly Held[]): Promise<{ start: Job[]; lost: string[]; killed: string[] }>
  /** Says after a restart that this job came from the local queue. */
  add(id: bigint): void
  /** It came from the local queue, and core has not said that the main database has it. */
  isLocal(id: bigint): boolean
  /** Asks core which of them have entered the main database, once that may be. */
  refresh(): Promise<void>
  /** Gives an attempt back to core; false when it is the main database's business or another's, or core did not answer. */
  putBack(held: Held, how: { log: string; needsDatabase: boolean }): Promise<boolean>
}

const CLAIM_TIMEOUT_MS = 5_000
const ASK_TIMEOUT_MS = 2_000

export function createLocalWork({
  channel,
  gate,
  log,
  worker,
  types,
}: {
  channel: Channel
  gate: GateView
  log: Log
  worker: string
  types: readonly string[]
}): LocalWork {
  const waiting = new Set<bigint>()

  /** Undefined when core cannot be asked at the moment: every question is asked again. */
  const askCore = async <T>(topic: string, body: unknown, timeoutMs: number): Promise<T | undefined> => {
    try {
      const [answer] = [await channel.ask(topic, body, { to: 'core', timeoutMs })].flat()
      return answer as T | undefined
    } catch (error) {
      log.debug({ topic, err: error }, 'core does not answer')
      return undefined
    }
  }

  const learnWhatEntered = async () => {
    const ids = [...waiting]
    const question: LocalQuestion = { ids: ids.map(String) }
    const answer = await askCore<LocalAnswer>('local-waiting', question, ASK_TIMEOUT_MS)
    if (answer === undefined) return
    const stillThere = new Set(answer.waiting)
    for (const id of ids) if (!stillThere.has(String(id))) waiting.delete(id)
  }

  return {
    add: (id) => void waiting.add(id),
    isLocal: (id) => waiting.has(id),
    async refresh() {
      if (waiting.size > 0 && isOpen(gate)) await learnWhatEntered()
    },
    async claim(free, held) {
      const claim: LocalClaim = {
        worker,
        types: [...types],
        free: Math.max(0, free),
        held: held.map(({ id, attempt }) => ({ id: String(id), attempt })),
      }
      const grant = await askCore<LocalGrant>('claim-local', claim, CLAIM_TIMEOUT_MS)
      if (grant === undefined) return { start: [], lost: [], killed: [] }
      const start = grant.start.map(jobFromRow)
      for (const { id } of start) waiting.add(id)
      return { ...grant, start }
    },
    async putBack({ id, attempt }, how) {
      const body: LocalPutBack = { id: String(id), attempt, ...how }
      const isBack = (await askCore<boolean>('local-put-back', body, ASK_TIMEOUT_MS)) === true
      if (isBack) waiting.delete(id)
      return isBack
    },
  }
}
