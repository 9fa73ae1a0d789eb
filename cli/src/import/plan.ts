import type { Acknowledged, Head, Written } from './journal.ts'

/** What the user said about an earlier import of the same source. */
export type Wish = 'go on' | 'restart' | 'again'

type Before = 'none' | 'unfinished' | 'unfinished, changed' | 'finished' | 'finished, changed'
type Step = 'begin' | 'go on' | 'from the beginning' | 'store again' | 'nothing to do' | 'refuse'

/** All there is to decide, on one screen. */
export const STEPS: Record<Before, Record<Wish, Step>> = {
  none: { 'go on': 'begin', restart: 'begin', again: 'begin' },
  unfinished: { 'go on': 'go on', restart: 'from the beginning', again: 'go on' },
  'unfinished, changed': { 'go on': 'refuse', restart: 'from the beginning', again: 'store again' },
  finished: { 'go on': 'nothing to do', restart: 'from the beginning', again: 'store again' },
  'finished, changed': { 'go on': 'refuse', restart: 'from the beginning', again: 'store again' },
}

export type Plan =
  /** A new journal is to be begun with this head. `known`: where it was cut before. */
  | { kind: 'begin'; head: Head; known: Acknowledged[]; isRepeat: boolean }
  | { kind: 'go on'; head: Head; acknowledged: Map<number, Acknowledged> }
  | { kind: 'nothing to do'; rows: number; rejected: number; atMs: number }
  | { kind: 'refuse'; reason: string }

/** Decides what becomes of a source, by what its journal says. `fresh` is the head of an import that begins now. */
export function planImport(fresh: Head, before: Written | undefined, wish: Wish): Plan {
  const { identity } = fresh
  const isOtherTable =
    identity !== undefined && before?.head.identity !== undefined && before.head.identity !== identity
  if (before === undefined || isOtherTable) return { kind: 'begin', head: fresh, known: [], isRepeat: false }
  const changes = changesBetween(before.head, fresh)
  const state =
    `${before.finished === undefined ? 'unfinished' : 'finished'}${changes === undefined ? '' : ', changed'}` as Before
  const { salt } = before.head
  // Cut otherwise than before, rows that are stored already would come in other chunks, with other ids.
  const limits = before.acknowledged.size > 0 ? before.head.limits : fresh.limits
  const startedMs = before.head.isItsOwnTime && fresh.isItsOwnTime ? before.head.startedMs : fresh.startedMs
  switch (STEPS[state][wish]) {
    case 'begin':
    case 'store again':
      return { kind: 'begin', head: fresh, known: [], isRepeat: true }
    case 'from the beginning':
      // The same ids: chunks that are as they were are not stored twice.
      return {
        kind: 'begin',
        head: { ...fresh, salt, limits, startedMs },
        known: [...before.acknowledged.values()],
        isRepeat: true,
      }
    case 'go on':
      return { kind: 'go on', head: { ...before.head, limits }, acknowledged: before.acknowledged }
    case 'nothing to do':
      return { kind: 'nothing to do', ...before.finished! }
    case 'refuse':
      return { kind: 'refuse', reason: changes! }
  }
}

function changesBetween(before: Head, now: Head): string | undefined {
  if (before.reading !== now.reading) return 'its rows are to be read in another way than before'
  const [a, b] = [before.fingerprint, now.fingerprint]
  if (a?.bytes !== b?.bytes) return `it has changed: ${a?.bytes ?? '?'} bytes then, ${b?.bytes ?? '?'} now`
  if (a?.modifiedMs !== b?.modifiedMs) return 'it has been written to since'
  return undefined
}
