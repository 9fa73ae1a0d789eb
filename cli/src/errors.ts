import { EXIT } from './exit-codes.ts'

/** An end that was to be expected: a sentence for people, an exit code for scripts. */
export class CliError extends Error {
  readonly exitCode: number
  /** Stable, for `--json`. */
  readonly code: string
  /** What to do next, on a line of its own. */
  readonly help: string | undefined
  readonly details: Record<string, unknown>

  constructor(
    message: string,
    {
      code,
      exitCode,
      help,
      details = {},
      cause,
    }: { code: string; exitCode: number; help?: string; details?: Record<string, unknown>; cause?: unknown },
  ) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'CliError'
    this.code = code
    this.exitCode = exitCode
    this.help = help
    this.details = details
  }
}

/** The command line was not understood; nothing was sent. */
export function usageError(message: string, help?: string): CliError {
  return new CliError(message, { code: 'usage', exitCode: EXIT.usage, help })
}

/** Something asked for did not happen, and this is certain. */
export function failure(message: string, help?: string, details?: Record<string, unknown>): CliError {
  return new CliError(message, { code: 'failed', exitCode: EXIT.failed, help, details })
}
