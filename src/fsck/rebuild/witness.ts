import type { Clock, Log } from '../../kernel/index.ts'
import { openSnapshot, type Snapshot } from '../../snapshot/index.ts'
import type { FoundChunk } from './decide.ts'

/** Files so much younger than the snapshot's last word may have been committed after it. */
const MARGIN_MS = 5_000

/** The last state of the catalog that is left in the data directory, if there is one that can be read. */
export type Witness = {
  /** undefined without a readable snapshot. */
  view: Snapshot | undefined
  /** When it last knew everything; 0 without one. */
  atMs: number
  /** To be called with every table before `wasLive` is asked of its files. */
  learn(tableId: bigint): Promise<void>
  /** undefined where it cannot tell. */
  wasLive(file: Pick<FoundChunk, 'path' | 'tableId' | 'modifiedAtMs'>): boolean | undefined
  isOlder(modifiedAtMs: number): boolean
  close(): Promise<void>
}

export async function openWitness({
  dataDir,
  clock,
  log,
}: {
  dataDir: string
  clock: Clock
  log: Log
}): Promise<Witness> {
  const snapshot = await openSnapshot({ dataDir, clock, log, withManifests: true })
  const view = snapshot.usable && Number.isFinite(snapshot.ageMs) ? snapshot : undefined
  const atMs = view === undefined ? 0 : clock.now().getTime() - view.ageMs
  const live = new Map<bigint, Set<string>>()
  const isOlder = (modifiedAtMs: number) => modifiedAtMs < atMs - MARGIN_MS
  return {
    view,
    atMs,
    isOlder,
    async learn(tableId) {
      if (view === undefined || live.has(tableId) || view.findTableById(tableId).kind !== 'found') return
      const chunks = await view.chunksOf(tableId)
      if (chunks.kind === 'found') live.set(tableId, new Set(chunks.value.map(({ path }) => path)))
    },
    wasLive({ path, tableId, modifiedAtMs }) {
      const paths = live.get(tableId)
      if (paths === undefined) return undefined
      if (paths.has(path)) return true
      return isOlder(modifiedAtMs) ? false : undefined
    },
    close: () => snapshot.close(),
  }
}
