import { AppError, type ErrorRow, errorTable } from '../kernel/index.ts'
import type { GateState } from './types.ts'

const away: ErrorRow = {
  status: 503,
  advice: 'retry',
  message: (d) => `the main database is not available${d === '' ? '' : `: ${d}`}`,
  help: 'The gate is shut, or the database did not answer, for longer than the caller was ready to wait. Nothing was changed. Wait as long as Retry-After says and send the same request again.',
}

export const gateErrors = errorTable('gate', {
  database_away: away,
  gate_order_refused: {
    status: 409,
    advice: 'final',
    message: (d) => `the gate refuses this order: ${d}`,
    help: 'The order does not exist in the present mode of the gate, see the table in src/gate/modes.ts. Nothing was changed.',
  },
  gate_file_damaged: {
    status: 500,
    advice: 'final',
    message: (d) => `the gate file is damaged: ${d}`,
    help: 'gate/gate.json in the data directory says which database is the true one; a damaged one is never guessed. If no maintenance was under way, move the file away and start again; otherwise finish the maintenance from its journal first.',
  },
})

/** `database_away` with the waiting time that the gate itself gives. */
export function databaseAway(state: GateState, detail: string, cause?: unknown): AppError {
  return new AppError(
    'database_away',
    { ...away, retryAfterSeconds: state.retryAfterSeconds },
    detail,
    cause,
  ).with({ planned: state.planned, mode: state.mode })
}
