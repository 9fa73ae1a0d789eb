import type { ServerResponse } from 'node:http'
import { v3ErrorBody } from '../kernel/http/errors.ts'
import type { AppError } from '../kernel/index.ts'

/** A JSON answer from text that is JSON already, and all ASCII. */
export function answerJson(response: ServerResponse, status: number, json: string): void {
  response.writeHead(status, [
    'Content-Type',
    'application/json; charset=utf-8',
    'Content-Length',
    String(json.length),
  ])
  response.end(json, 'latin1')
}

/** The v3 error body all clients can read; Retry-After when the caller should come back. */
export function answerRefusal(response: ServerResponse, error: AppError): void {
  if (response.headersSent || response.destroyed) return void response.destroy()
  const json = JSON.stringify(v3ErrorBody(error))
  const retry = error.advice === 'retry' ? ['Retry-After', String(error.retryAfterSeconds)] : []
  response.writeHead(error.status, [
    'Content-Type',
    'application/json; charset=utf-8',
    'Content-Length',
    String(Buffer.byteLength(json)),
    ...retry,
  ])
  response.end(json)
}
