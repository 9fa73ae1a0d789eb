import type { ServerResponse } from 'node:http'
import type { AppError } from '../../kernel/index.ts'

/** Numbers of the vendor's personalization API: 3004 invalid event, 3002 wrong account, 3009 method; 1001 something behind it. */
const CODES: Record<number, number> = { 400: 3004, 401: 3002, 403: 3002, 405: 3009 }

/** A refusal as `{code, message}`, which is what callers of the personalization API read. */
export function answerPersonalizationError(response: ServerResponse, error: AppError): void {
  const json = JSON.stringify({ code: CODES[error.status] ?? 1001, message: error.message })
  response.writeHead(error.status, [
    'Content-Type',
    'application/json; charset=utf-8',
    'Content-Length',
    String(Buffer.byteLength(json)),
    ...(error.advice === 'retry' ? ['Retry-After', String(error.retryAfterSeconds)] : []),
  ])
  response.end(json)
}
