import type { IncomingMessage, ServerResponse } from 'node:http'
import { ingestErrors } from '../errors.ts'
import { corsHeaders } from './cors.ts'

/** `{"created":true}`: never an empty body, which td-js-sdk 3.0.0 takes for a failure. */
export const CREATED = '{"created":true}'

/** 200 exactly: devices of iOS keep everything on any other 2xx. The JSON is all ASCII. */
export function answerEvent(
  request: IncomingMessage,
  response: ServerResponse,
  json: string,
  also: string[] = [],
): void {
  response.writeHead(200, [
    'Content-Type',
    'application/json; charset=utf-8',
    'Content-Length',
    String(json.length),
    ...corsHeaders(request),
    ...also,
  ])
  response.end(json, 'latin1')
}

const CALLBACK = /^[A-Za-z_$][\w$.]{0,63}$/

/** The name of a JSONP callback; undefined when the page wants plain JSON. @throws event_callback_invalid (400) */
export function callbackOf(query: URLSearchParams): string | undefined {
  const callback = query.get('callback')
  if (callback === null) return undefined
  if (!CALLBACK.test(callback)) throw ingestErrors.event_callback_invalid()
  return callback
}

/** JSON, or a script that hands it to the callback, as td-js-sdk 1.x and 2.x read it. */
export function answerScript(
  request: IncomingMessage,
  response: ServerResponse,
  callback: string | undefined,
  json: string,
  also: string[] = [],
): void {
  if (callback === undefined) {
    answerEvent(request, response, json, also)
    return
  }
  const script = `typeof ${callback} === 'function' && ${callback}(${json});`
  response.writeHead(200, [
    'Content-Type',
    'application/javascript; charset=utf-8',
    'Content-Length',
    String(script.length),
    'X-Content-Type-Options',
    'nosniff',
    ...corsHeaders(request),
    ...also,
  ])
  response.end(script, 'latin1')
}
