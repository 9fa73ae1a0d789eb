import type { Channel } from '../kernel/index.ts'
import { entityKey } from '../snapshot/index.ts'
import { catalogErrors } from './errors.ts'
import type { SnapshotExporter } from './exporter.ts'

/**
 * What a job's end takes away from the catalog is committed by a worker, and the snapshot is written by core: so core is asked, inside the
 * transaction, to deny it first.
 */
const TOPIC = 'catalog-denials'
const TIMEOUT_MS = 5_000

export type TakenAway = { kind: 'tables' | 'databases'; id: bigint }

/** In a worker. */
export type Announcements = {
  /**
   * Resolves when the snapshot denies these durably and every ingest process here knows.
   * @throws catalog_away (503, retry) when core does not answer
   */
  deny(xid: bigint, taken: readonly TakenAway[]): Promise<void>
}

type Question = { xid: string; keys: string[] }

export function announceFor(channel: Channel): Announcements {
  return {
    async deny(xid, taken) {
      if (taken.length === 0) return
      const keys = taken.map(({ kind, id }) => entityKey(kind, { id: String(id) }))
      const question: Question = { xid: String(xid), keys }
      let answer: unknown
      try {
        answer = await channel.ask(TOPIC, question, { to: 'core', timeoutMs: TIMEOUT_MS })
      } catch (error) {
        throw catalogErrors.catalog_away('what a job takes away', error)
      }
      if ([answer].flat()[0] !== true) throw catalogErrors.catalog_away('what a job takes away')
    },
  }
}

/** In core. */
export function answerAnnouncements(
  channel: Channel,
  exporter: Pick<SnapshotExporter, 'announceDenials'>,
): void {
  channel.on(TOPIC, async (body) => {
    const { xid, keys } = body as Question
    await exporter.announceDenials(BigInt(xid), keys, { untilKnown: true })
    return true
  })
}
