import type { Channel, Clock } from '../kernel/index.ts'
import type { Backlog } from './metrics.ts'

const TOPIC = 'merge-backlog'
/** Without news for so long the archivist is away: loaders go on as usual. */
const NEWS_MS = 120_000
const STRETCH_CROWDED = 4

/** In the archivist: tells every loader whether some hour has more chunks than merging keeps up with. */
export function tellMergeBacklog(channel: Channel): (backlog: Backlog) => void {
  return ({ isCrowded }) => channel.notify(TOPIC, { isCrowded }, 'loader')
}

/** In a loader: by how much to stretch the time between commits. Nothing is ever refused or put off for it beyond that. */
export function followMergeBacklog(
  channel: Channel,
  clock: Pick<Clock, 'monotonicMs'>,
): { stretch(): number } {
  let crowdedMs = Number.NEGATIVE_INFINITY
  channel.on(TOPIC, (body) => {
    crowdedMs = (body as { isCrowded: boolean }).isCrowded ? clock.monotonicMs() : Number.NEGATIVE_INFINITY
  })
  return { stretch: () => (clock.monotonicMs() - crowdedMs < NEWS_MS ? STRETCH_CROWDED : 1) }
}
