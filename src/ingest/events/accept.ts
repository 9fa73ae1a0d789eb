import { hash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { SpoolRecord, SpoolWriter } from '../../spool/index.ts'
import type { IngestMetrics } from '../metrics.ts'
import type { Sorted } from './receipts.ts'
import type { Mark, Repeats } from './repeats.ts'
import type { EventTarget } from './target.ts'
import type { Channel } from './types.ts'

/** The events of one request for one table, and what the loader must know of the request. */
export type Accepted = {
  channel: Channel
  target: EventTarget
  sorted: Pick<Sorted, 'good' | 'goodCount' | 'refused'>
  facts: Record<string, string>
}

/** What a browser's own repeat of a request has in common with it. */
export type Sameness = { url: string; body: Buffer; address: string }

export type Acceptor = {
  /**
   * Resolves when everything is on disk, or when it is a browser's own repeat of a request that is. Bytes of the bodies must
   * not change afterwards. `sameness`: browsers send such a request again by themselves. @throws what appending throws (503, retry): then nothing may be acknowledged
   */
  accept(all: Accepted[], receivedAtMs: number, response: ServerResponse, sameness?: Sameness): Promise<void>
}

export function createAcceptor({
  spool,
  metrics,
  repeats,
  isDraining,
}: {
  spool: SpoolWriter
  metrics: IngestMetrics
  repeats: Repeats
  isDraining(): boolean
}): Acceptor {
  const count = (all: Accepted[]) => {
    for (const { channel, sorted } of all) {
      metrics.accepted(channel, sorted.good?.length ?? 0)
      metrics.events(channel, sorted.goodCount)
      for (const { reason, count } of sorted.refused) metrics.eventsRefused(reason, count)
    }
  }

  const store: (...of: Parameters<Acceptor['accept']>) => Promise<boolean> = async (
    all,
    receivedAtMs,
    response,
    sameness,
  ) => {
    if (sameness === undefined) {
      await appendAll(spool, all, receivedAtMs, NO_FACTS)
      return false
    }
    const same = samenessHash(all[0]!.target, sameness)
    return repeats.once(same, response, (mark) => {
      const facts: Record<Mark, Record<string, string>> = {
        first: { same },
        suspect: { same, suspect: '1' },
        distinct: NO_FACTS,
      }
      return appendAll(spool, all, receivedAtMs, facts[mark])
    })
  }

  return {
    async accept(all, receivedAtMs, response, sameness) {
      const isRepeat = await store(all, receivedAtMs, response, sameness)
      if (isDraining()) response.shouldKeepAlive = false
      if (isRepeat) metrics.repeated()
      else count(all)
    },
  }
}

const NO_FACTS = {}

/** Everything in one turn of the event loop: one group commit. Waits for all, so that nothing is written after a refusal. */
async function appendAll(
  spool: SpoolWriter,
  all: Accepted[],
  receivedAtMs: number,
  also: Record<string, string>,
): Promise<void> {
  const records = all.flatMap((one) => recordsOf(one, receivedAtMs, also))
  if (records.length === 1) {
    await spool.append(records[0]!)
    return
  }
  const ends = await Promise.allSettled(records.map((record) => spool.append(record)))
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}

function recordsOf(
  { channel, target, sorted, facts }: Accepted,
  receivedAtMs: number,
  also: Record<string, string>,
): SpoolRecord[] {
  const { accountId, keyId, database, table, tableId } = target
  const common = { accountId, keyId, database, table, tableId, receivedAtMs, uniqueId: '' }
  const shared = { channel, ...target.facts, ...facts, ...also }
  const refused = sorted.refused.map(({ reason, text }) => ({
    ...common,
    kind: 'refused-events',
    facts: { ...shared, reason },
    body: text,
  }))
  if (sorted.good === undefined) return refused
  return [{ ...common, kind: 'events', facts: shared, body: sorted.good }, ...refused]
}

function samenessHash({ database, table }: EventTarget, { url, body, address }: Sameness): string {
  const query = url.slice(url.indexOf('?') + 1)
  const head = Buffer.from(`${database}\n${table}\n${query}\n${address}\n`)
  return hash('md5', Buffer.concat([head, body]), 'hex')
}
