import { CliError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'

/** The server has looked and says no. */
export class Refused extends CliError {
  readonly status: number
  /** `error_code` of the body, where the server is a Millrace. */
  readonly errorCode: string | undefined
  /** `details.conflicts_with` and its like. */
  readonly bodyDetails: Record<string, unknown>

  constructor(
    message: string,
    {
      status,
      errorCode,
      bodyDetails = {},
      help,
    }: { status: number; errorCode?: string; bodyDetails?: Record<string, unknown>; help?: string },
  ) {
    super(message, {
      code: errorCode ?? `http_${status}`,
      exitCode: EXIT.failed,
      help,
      details: { status, ...bodyDetails },
    })
    this.name = 'Refused'
    this.status = status
    this.errorCode = errorCode
    this.bodyDetails = bodyDetails
  }
}

/** Not reached, or away for longer than was to be waited. Nothing was changed. */
export function away(message: string, help: string, details: Record<string, unknown>): CliError {
  return new CliError(message, { code: 'away', exitCode: EXIT.away, help, details })
}

/** Sent, and the answer was lost. */
export function outcomeUnknown(does: string, reason: string, look: string): CliError {
  return new CliError(`it is not known whether this took effect: ${does} (${reason})`, {
    code: 'outcome_unknown',
    exitCode: EXIT.unknown,
    help: `It was sent, and no answer came. Look: ${look}`,
    details: { outcome: 'unknown', look },
  })
}

/** Ctrl-C. `outcome` says of the request under way what is certain. */
export function interrupted(does: string, outcome: 'not done' | 'unknown', look?: string): CliError {
  const isUnknown = outcome === 'unknown'
  return new CliError(
    isUnknown
      ? `interrupted; it is not known whether this took effect: ${does}`
      : `interrupted; not done: ${does}`,
    {
      code: 'interrupted',
      exitCode: EXIT.interrupted,
      help: isUnknown ? `It was sent, and the answer was not waited for. Look: ${look}` : undefined,
      details: { outcome: isUnknown ? 'unknown' : 'not done' },
    },
  )
}
