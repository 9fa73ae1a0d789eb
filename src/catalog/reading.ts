import type { FastifyReply } from 'fastify'
import type { Gate } from '../gate/index.ts'
import type { Lookup, SnapshotView } from '../snapshot/index.ts'
import { catalogErrors } from './errors.ts'
import type { SnapshotExporter } from './exporter.ts'

const READ_LIMIT_MS = 3_600_000
const CONFIRM_MS = 2000

/** Answers reads from the snapshot that core itself keeps: always there, and never older than our own commits. */
export type CatalogReader = {
  readonly view: SnapshotView
  /**
   * To be called before a read is answered: makes sure the snapshot is good enough and marks the answer when it is
   * not up to date. @throws catalog_away (503, retry) when it is older than an hour
   */
  begin(reply: FastifyReply): Promise<void>
  /**
   * Looks something up; a miss is confirmed with the main database.
   * @throws what `absent` makes when it is certain, catalog_away (503, retry) when nobody can say
   */
  find<T>(look: (view: SnapshotView) => Lookup<T>, absent: () => Error, what: string): Promise<T>
  /** As `find`, with undefined for a confirmed no. */
  findOrNothing<T>(look: (view: SnapshotView) => Lookup<T>, what: string): Promise<T | undefined>
}

export function createCatalogReader({
  view,
  exporter,
  gate,
}: {
  view: SnapshotView
  exporter: Pick<SnapshotExporter, 'catchUp' | 'inSync'>
  gate: Pick<Gate, 'current'>
}): CatalogReader {
  const findOrNothing: CatalogReader['findOrNothing'] = async (look, what) => {
    const first = look(view)
    if (first.kind === 'found') return first.value
    try {
      await exporter.catchUp({ deadlineMs: CONFIRM_MS })
    } catch (error) {
      throw catalogErrors.catalog_away(what, error)
    }
    const second = look(view)
    if (second.kind === 'unknown') throw catalogErrors.catalog_away(what, second.reason)
    return second.kind === 'found' ? second.value : undefined
  }
  return {
    view,
    async begin(reply) {
      if (exporter.inSync()) return
      const open = ['serving', 'recovering'].includes(gate.current().mode)
      if (open && (await succeeds(exporter.catchUp({ deadlineMs: CONFIRM_MS })))) return
      if (view.ageMs > READ_LIMIT_MS) throw catalogErrors.catalog_away('the catalog')
      markAsOld(reply, view.ageMs)
    },
    findOrNothing,
    async find(look, absent, what) {
      const found = await findOrNothing(look, what)
      if (found === undefined) throw absent()
      return found
    },
  }
}

/** RFC 9111 `Age` and the warning that says why. */
function markAsOld(reply: FastifyReply, ageMs: number): void {
  const seconds = String(Math.max(0, Math.round(ageMs / 1000)))
  reply.header('age', seconds)
  reply.header('warning', '110 - "answered from a snapshot"')
  reply.header('x-millrace-snapshot-age', seconds)
}

async function succeeds(work: Promise<void>): Promise<boolean> {
  try {
    await work
    return true
  } catch {
    // The answer is then marked with its age instead.
    return false
  }
}
