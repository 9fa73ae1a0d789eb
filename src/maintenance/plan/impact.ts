/**
 * What a maintenance may do to a component, in a closed vocabulary: each word has one sentence for people (`says` of reading or writing, `alone` of the whole component), one state for machines (the
 * words of Statuspage) and one way of being measured. Hence text, JSON and measurement cannot disagree.
 */
export const IMPACTS = {
  unaffected: {
    says: 'works as usual',
    alone: 'works as usual',
    status: 'operational',
    kept: 'every probe succeeds',
  },
  accepted: {
    says: 'is accepted and stored safely at once',
    alone: 'what is sent is accepted and stored safely at once',
    status: 'operational',
    kept: 'every probe is accepted, and its row is found afterwards, once',
  },
  stale: {
    says: 'is answered from a copy made just before the operation, with its age',
    alone: 'requests are answered from a copy made just before the operation, with its age',
    status: 'degraded_performance',
    kept: 'every probe is answered, with its age when it comes from the copy',
  },
  queued: {
    says: 'is accepted, waits, and is carried out when the database is back',
    alone: 'requests are accepted, wait, and are carried out when the database is back',
    status: 'degraded_performance',
    kept: 'every probe is accepted, and its outcome is found afterwards, once',
  },
  delayed: {
    says: 'starts later than usual, and nothing is left out',
    alone: 'work starts later than usual, and nothing is left out',
    status: 'degraded_performance',
    kept: 'every run that was due is found afterwards, once',
  },
  'refused-503': {
    says: 'is refused with status 503 and the time after which to try again',
    alone: 'requests are refused with status 503 and the time after which to try again',
    status: 'partial_outage',
    kept: 'every refusal is a 503 that names a time; nothing else is answered',
  },
  unavailable: {
    says: 'is not available',
    alone: 'is not available',
    status: 'major_outage',
    kept: 'ends with the phase',
  },
} as const satisfies Record<string, { says: string; alone: string; status: ComponentStatus; kept: string }>

export type Impact = keyof typeof IMPACTS
export const IMPACT_WORDS = Object.keys(IMPACTS) as Impact[]

/** As Statuspage names them; a maintenance shows `under_maintenance` unless a component is worse or not touched. */
export type ComponentStatus = 'operational' | 'degraded_performance' | 'partial_outage' | 'major_outage'

export function isImpact(word: unknown): word is Impact {
  return typeof word === 'string' && Object.hasOwn(IMPACTS, word)
}
