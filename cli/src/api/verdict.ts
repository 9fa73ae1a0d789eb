import { Refused } from './errors.ts'

/** What an answer says about the request it answers. */
export type Verdict =
  | { kind: 'done' }
  /** Looked at and refused: sending it again changes nothing. */
  | { kind: 'refused'; error: Refused }
  /** Certainly not done; to be sent again after so long. */
  | { kind: 'later'; reason: string; retryAfterMs: number | undefined; untilMs: number | undefined }
  /** It may have taken effect. */
  | { kind: 'unclear'; reason: string; retryAfterMs: number | undefined; untilMs: number | undefined }

/**
 * Answers 503 of a Millrace that do not promise that nothing was changed: core_away when core ended in the middle
 * (docs/reference/errors.md), write_outcome_unknown when the reply to a COMMIT was lost.
 */
const UNCLEAR = new Set(['core_away', 'write_outcome_unknown', 'internal'])

/**
 * Judges an answer. A server that names the error by a code of its own has certainly changed nothing when it says 503; of
 * any other server, or a proxy before it, a 5xx says nothing about the effect.
 */
export function verdictOf(
  status: number,
  headers: Record<string, string>,
  body: string,
  nowMs: number,
): Verdict {
  if (status >= 200 && status < 300) return { kind: 'done' }
  const error = refusalOf(status, body)
  const isBusy = status === 429 || status >= 500
  if (!isBusy) return { kind: 'refused', error }
  const isCertain = status === 429 || (error.errorCode !== undefined && !UNCLEAR.has(error.errorCode))
  const timing = {
    retryAfterMs: retryAfterMs(headers['retry-after'], nowMs),
    untilMs: announcedEnd(headers, error),
  }
  return { kind: isCertain ? 'later' : 'unclear', reason: error.message, ...timing }
}

/** The error bodies of all servers of this protocol (rest-api reference §3.1); what is not JSON is shown as it is. */
export function refusalOf(status: number, body: string): Refused {
  let parsed: Record<string, unknown> = {}
  try {
    const value: unknown = JSON.parse(body)
    if (typeof value === 'object' && value !== null) parsed = value as Record<string, unknown>
  } catch {
    parsed = { message: body.trim().split('\n', 1)[0]!.slice(0, 300) }
  }
  const said = [parsed.message, parsed.error, parsed.text].find(
    (text) => typeof text === 'string' && text !== '',
  )
  return new Refused((said as string | undefined) ?? `the server answered ${status}`, {
    status,
    errorCode: typeof parsed.error_code === 'string' ? parsed.error_code : undefined,
    bodyDetails: (parsed.details ?? {}) as Record<string, unknown>,
  })
}

/** Seconds or a date. */
function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined
  const seconds = Number(header)
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - nowMs
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined
}

/** When a maintenance was announced to end: `X-Maintenance: …; until=INSTANT`, or `details.until` of the body. */
function announcedEnd(headers: Record<string, string>, error: Refused): number | undefined {
  const said =
    /(?:^|[;\s])until=([^;\s]+)/.exec(headers['x-maintenance'] ?? '')?.[1] ?? error.bodyDetails.until
  const ms = typeof said === 'string' ? Date.parse(said) : Number.NaN
  return Number.isFinite(ms) ? ms : undefined
}
