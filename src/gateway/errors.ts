/** What the HTTP exchange itself is refused with: text, not the answer of a query. Errors of queries come with status 200. */
export class Refusal extends Error {
  readonly status: number
  readonly headers: Record<string, string>
  constructor(status: number, message: string, headers: Record<string, string> = {}, cause?: unknown) {
    super(message, { cause })
    this.name = 'Refusal'
    this.status = status
    this.headers = headers
  }
}

/**
 * Every refusal there is. `unauthorized` is said only of a key that was looked up and is wrong, or was not sent: drivers take it for
 * final, BI tools switch the connection off (reference/gateway.md §10).
 */
export const refusals = {
  unauthorized: (cause?: unknown) =>
    new Refusal(
      401,
      'Authentication failed: send an API key as the user',
      { 'www-authenticate': 'Basic realm="Trino"' },
      cause,
    ),
  forbidden: () => new Refusal(403, 'This API key may only import; queries need another one'),
  bothFamilies: () => new Refusal(400, 'Both Presto and Trino headers were sent; send one family'),
  badHeader: (name: string, why: string) => new Refusal(400, `${name} header ${why}`),
  emptyStatement: () => new Refusal(400, 'SQL statement is empty'),
  segmentGone: () =>
    new Refusal(410, 'These rows are not kept any more: they were acknowledged, or not fetched in time'),
  unknownSegment: () => new Refusal(404, 'Segment not found'),
  unknownQuery: () => new Refusal(404, 'Query not found'),
  pageGone: () => new Refusal(410, 'This page has been read already'),
  away: (seconds: number, cause?: unknown) =>
    new Refusal(
      503,
      'The query cannot be looked up at the moment; it goes on, ask again',
      { 'retry-after': String(seconds) },
      cause,
    ),
  crowded: () =>
    new Refusal(503, 'Too many queries wait for their key to be checked', { 'retry-after': '5' }),
} as const
