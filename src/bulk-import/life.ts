import { bulkImportErrors } from './errors.ts'

/** What the REST API shows; td-client-java (model/TDBulkImportSession.java) knows exactly these. */
export type SessionStatus = 'uploading' | 'performing' | 'ready' | 'committing' | 'committed'

/** The statuses as the table below knows them: an upload that is frozen is a state of its own, but not a status. */
export type SessionState = 'uploading' | 'frozen' | 'performing' | 'ready' | 'committed'

export const SESSION_STEPS = [
  'upload',
  'delete_part',
  'freeze',
  'unfreeze',
  'perform',
  'succeed',
  'fail',
  'commit',
  'delete',
] as const
export type SessionStep = (typeof SESSION_STEPS)[number]

/**
 * The whole life of a session (rest-api reference §5.9); a step missing from a row is refused. `succeed` and `fail` are
 * the ends of the job. A commit is one transaction, so that nobody ever sees `committing`; one more changes nothing.
 */
export const SESSION_LIFE: Record<SessionState, Partial<Record<SessionStep, SessionState | 'gone'>>> = {
  uploading: {
    upload: 'uploading',
    delete_part: 'uploading',
    freeze: 'frozen',
    perform: 'performing',
    delete: 'gone',
  },
  frozen: { unfreeze: 'uploading', perform: 'performing', delete: 'gone' },
  performing: { succeed: 'ready', fail: 'uploading', delete: 'gone' },
  ready: { perform: 'performing', commit: 'committed', delete: 'gone' },
  committed: { commit: 'committed', delete: 'gone' },
}

export function stateOf({
  status,
  uploadFrozen,
}: {
  status: SessionStatus
  uploadFrozen: boolean
}): SessionState {
  if (status === 'uploading') return uploadFrozen ? 'frozen' : 'uploading'
  return status === 'committing' ? 'ready' : status
}

/** @throws bulk_import_step_refused (409, final) naming session, state and step; details.job_id: the job it is performed by */
export function requireStep(
  session: { name: string; status: SessionStatus; uploadFrozen: boolean; jobId: bigint | null },
  step: SessionStep,
): void {
  const state = stateOf(session)
  if (SESSION_LIFE[state][step] !== undefined) return
  const said = step.replace('_', ' ')
  const refusal = bulkImportErrors.bulk_import_step_refused(
    `'${session.name}' is ${state}: ${said} is not possible now`,
  )
  // A client whose perform was answered by nobody finds its job.
  throw state === 'performing' ? refusal.with({ job_id: String(session.jobId) }) : refusal
}
