/** What a refused caller should do next: the one thing every client needs to know. */
export type Advice = 'final' | 'retry'

/** One row per refusal. Each capability keeps its own table in its `errors.ts`. */
export type ErrorRow = {
  /** HTTP status of the REST answer; other protocols map from it. */
  status: number
  advice: Advice
  message: (detail: string) => string
  /** Sent as Retry-After when the advice is `retry`; 5 when absent. */
  retryAfterSeconds?: number
  /** One sentence for docs/reference/errors.md: when it happens and what to do. */
  help?: string
}

/** An expected refusal: carries its stable code and what the caller should do next. */
export class AppError extends Error {
  readonly code: string
  readonly status: number
  readonly advice: Advice
  retryAfterSeconds: number
  /** What to do about it, for people at a terminal. */
  readonly help: string | undefined
  /** Extra members of the answer's body, such as `details.conflicts_with`. */
  details: Record<string, unknown> | undefined

  constructor(code: string, row: ErrorRow, detail: string, cause?: unknown) {
    super(row.message(detail), cause === undefined ? undefined : { cause })
    this.name = 'AppError'
    this.code = code
    this.status = row.status
    this.advice = row.advice
    this.retryAfterSeconds = row.retryAfterSeconds ?? 5
    this.help = row.help
  }

  /** With the time to wait that is known for this one. */
  after(seconds: number): this {
    this.retryAfterSeconds = seconds
    return this
  }

  with(details: Record<string, unknown>): this {
    this.details = details
    return this
  }
}

type Constructors<T extends Record<string, ErrorRow>> = {
  [K in keyof T]: (detail?: string, cause?: unknown) => AppError
}

const allTables = new Map<string, Record<string, ErrorRow>>()

/**
 * Turns a table into constructors: `errors.table_unknown('db.t')` makes the error, ready to throw.
 * `capability` is the heading under which docs/reference/errors.md lists the rows.
 */
export function errorTable<T extends Record<string, ErrorRow>>(capability: string, rows: T): Constructors<T> {
  allTables.set(capability, rows)
  const entries = Object.entries(rows).map(([code, row]) => [
    code,
    (detail = '', cause?: unknown) => new AppError(code, row, detail, cause),
  ])
  return Object.fromEntries(entries) as Constructors<T>
}

/** Every table loaded so far, by capability; the documentation generator reads it. */
export function errorTables(): ReadonlyMap<string, Record<string, ErrorRow>> {
  return allTables
}

/** True for an error whose caller may simply try again. */
export function isRetryable(error: unknown): boolean {
  return error instanceof AppError && error.advice === 'retry'
}
