import type { ServerResponse } from 'node:http'
import { v3ErrorBody } from '../kernel/http/errors.ts'
import type { AppError } from '../kernel/index.ts'

/** By length: nearly all answers have one of a few. */
const headersOfLength: string[][] = []
const MOST_REMEMBERED_LENGTH = 2048

function jsonHeaders(length: number): string[] {
  const known = headersOfLength[length]
  if (known !== undefined) return known
  const headers = ['Content-Type', 'application/json; charset=utf-8', 'Content-Length', String(length)]
  if (length < MOST_REMEMBERED_LENGTH) headersOfLength[length] = headers
  return headers
}

/** A JSON answer from text that is JSON already, and all ASCII. */
export function answerJson(response: ServerResponse, status: number, json: string): void {
  response.writeHead(status, jsonHeaders(json.length))
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
