import { maintenanceErrors } from './errors.ts'

/** The life of a maintenance, from its plan to its report. */
export const STATES = [
  'draft',
  'announced',
  'reminded',
  'preflight',
  'draining',
  'paused',
  'operating',
  'resuming',
  'verifying',
  'completed',
  'rolling-back',
  'aborted',
  'postponed',
  'cancelled',
  'stuck',
] as const
export type State = (typeof STATES)[number]

/**
 * announce … cancel: orders of people · remind, open, start, drained, operated, resumed, verified: what the run itself reached ·
 * absent: nobody started it in time · fail: a step failed or time ran out before the point of no return · undone: the old side serves
 * again · lost: nothing automatic is left.
 */
export const EVENTS = [
  'announce',
  'reschedule',
  'cancel',
  'remind',
  'open',
  'start',
  'drained',
  'operate',
  'operated',
  'resumed',
  'verified',
  'absent',
  'fail',
  'undone',
  'lost',
] as const
export type Event = (typeof EVENTS)[number]

/** The whole life. An event missing from a row is refused; nothing else decides. */
export const TRANSITIONS: Record<State, Partial<Record<Event, State>>> = {
  draft: { announce: 'announced', cancel: 'cancelled' },
  announced: { remind: 'reminded', reschedule: 'announced', cancel: 'cancelled', absent: 'postponed' },
  reminded: { open: 'preflight', reschedule: 'announced', cancel: 'cancelled', absent: 'postponed' },
  preflight: { start: 'draining', fail: 'postponed', absent: 'postponed', cancel: 'cancelled' },
  draining: { drained: 'paused', fail: 'aborted' },
  paused: { operate: 'operating', fail: 'aborted' },
  operating: { operated: 'resuming', fail: 'rolling-back', lost: 'stuck' },
  resuming: { resumed: 'verifying', fail: 'rolling-back', lost: 'stuck' },
  verifying: { verified: 'completed', fail: 'rolling-back', lost: 'stuck' },
  'rolling-back': { undone: 'aborted', lost: 'stuck' },
  aborted: { reschedule: 'announced', absent: 'postponed' },
  postponed: { reschedule: 'announced', cancel: 'cancelled' },
  stuck: { undone: 'aborted', operated: 'resuming' },
  completed: {},
  cancelled: {},
}

/** The four public words of Statuspage, and what is added where they are too few. */
export const PUBLIC: Record<State, { status: PublicStatus | undefined; says: string }> = {
  draft: { status: undefined, says: 'not announced' },
  announced: { status: 'scheduled', says: 'announced' },
  reminded: { status: 'scheduled', says: 'coming soon' },
  preflight: { status: 'scheduled', says: 'checks before the start' },
  draining: { status: 'in_progress', says: 'work is being brought to a halt' },
  paused: { status: 'in_progress', says: 'the main database is away' },
  operating: { status: 'in_progress', says: 'the main database is away' },
  resuming: { status: 'in_progress', says: 'the main database is back, work that waited is let in' },
  verifying: { status: 'verifying', says: 'everything is being verified' },
  completed: { status: 'completed', says: 'completed' },
  'rolling-back': { status: 'in_progress', says: 'the change is being taken back' },
  aborted: { status: 'completed', says: 'not carried out' },
  postponed: { status: 'completed', says: 'not carried out, postponed' },
  cancelled: { status: 'completed', says: 'not carried out, cancelled' },
  stuck: { status: 'in_progress', says: 'needs a person; see the incident' },
}
export type PublicStatus = 'scheduled' | 'in_progress' | 'verifying' | 'completed'

/** @throws order_refused (409, final) naming state and event. */
export function nextState(state: State, event: Event): State {
  const next = TRANSITIONS[state][event]
  if (next === undefined) throw maintenanceErrors.order_refused(`${event} while ${state}`)
  return next
}
