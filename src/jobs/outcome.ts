import { AppError } from '../kernel/index.ts'

/** True when the COMMIT of a write was sent and nobody could say whether it was stored. */
export function isOutcomeUnknown(error: unknown): boolean {
  return error instanceof AppError && error.code === 'write_outcome_unknown'
}
