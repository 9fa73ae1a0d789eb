import type { Channel, Log } from '../kernel/index.ts'
import type { Lookup, Snapshot } from './types.ts'

/** Topics: `snapshot` core → readers, `snapshot-damaged` reader → core, `lookup` reader → core. */
const POSITION = 'snapshot'
const DAMAGED = 'snapshot-damaged'
const LOOK_UP = 'lookup'

/** For readers: answers core's "hold position N" once it does, and tells core about damage. */
export function attachSnapshotToChannel(snapshot: Snapshot, channel: Channel): void {
  channel.on(POSITION, async (body) => {
    const { position, timeoutMs } = body as { position: number; timeoutMs?: number }
    const held = await snapshot.catchUp(position, { timeoutMs: timeoutMs ?? 1000 })
    return { held, position: snapshot.position }
  })
  snapshot.onDamage((what) => channel.notify(DAMAGED, { what }, 'core'))
}

export type SnapshotBroadcast = {
  /**
   * Resolves true when every local ingest process holds everything up to `position`; false (and a line in the
   * log) after `timeoutMs` or when one could not be asked. Never rejects: the change has been committed.
   */
  everyoneHolds(position: number, options?: { timeoutMs?: number }): Promise<boolean>
  onDamage(listener: (what: string) => void): void
}

/** For core. Workers and loaders are told as well but not waited for: they read the database. */
export function createSnapshotBroadcast(channel: Channel, log: Log): SnapshotBroadcast {
  const everyoneHolds: SnapshotBroadcast['everyoneHolds'] = async (position, { timeoutMs = 1000 } = {}) => {
    channel.notify(POSITION, { position }, 'worker')
    try {
      const answers = await channel.ask(POSITION, { position, timeoutMs }, { to: 'ingest', timeoutMs })
      const holders = (Array.isArray(answers) ? answers : [answers]) as ({ held: boolean } | undefined)[]
      const held = holders.every((answer) => answer?.held !== false)
      if (!held) log.warn({ position }, 'an ingest process does not hold the latest grants yet')
      return held
    } catch (error) {
      log.warn({ position, err: error }, 'an ingest process does not hold the latest grants yet')
      return false
    }
  }
  return {
    everyoneHolds,
    onDamage: (listener) =>
      channel.on(DAMAGED, (body) => {
        listener(String((body as { what: string }).what))
      }),
  }
}

/** What a process without database may ask core. Ids are decimal texts: the channel carries JSON. */
export type Question =
  | { about: 'key'; sha256: string }
  | { about: 'table'; accountId: string; database: string; table: string }
  | { about: 'database'; accountId: string; database: string }
/** `yes`: the asker's copy holds it after catching up to `position`. `no`: confirmed after the question arrived. */
export type Verdict = { verdict: 'yes' | 'no'; position: number } | { verdict: 'unknown'; reason: string }

/** For core: `decide` is catalog's. */
export function answerQuestions(channel: Channel, decide: (question: Question) => Promise<Verdict>): void {
  channel.on(LOOK_UP, (body) => decide(body as Question))
}

export type Asker = (question: Question) => Promise<Verdict>

/** For readers: core's verdict within `timeoutMs` (200 ms by default), or unknown. Never rejects. */
export function createAsker(channel: Channel, { timeoutMs = 200 } = {}): Asker {
  return async (question) => {
    try {
      const answer = (await channel.ask(LOOK_UP, question, { to: 'core', timeoutMs })) as Verdict | undefined
      return answer ?? { verdict: 'unknown', reason: 'core did not answer' }
    } catch (error) {
      return { verdict: 'unknown', reason: String(error) }
    }
  }
}

/**
 * A hit is trusted; a miss is put to core; only core's confirmed no is `absent`. On core's yes the snapshot catches
 * up and is asked again. `find` is a look-up of the same snapshot.
 */
export async function lookUp<T>(
  snapshot: Snapshot,
  ask: Asker,
  question: Question,
  find: (snapshot: Snapshot) => Lookup<T>,
): Promise<Lookup<T>> {
  const first = find(snapshot)
  if (first.kind === 'found') return first
  const answer = await ask(question)
  if (answer.verdict === 'unknown') return { kind: 'unknown', reason: answer.reason }
  const held = await snapshot.catchUp(answer.position, { timeoutMs: 200 })
  const second = find(snapshot)
  if (second.kind === 'found') return second
  if (answer.verdict === 'no') return { kind: 'absent' }
  return { kind: 'unknown', reason: held ? 'core and snapshot disagree' : 'the snapshot is behind' }
}
