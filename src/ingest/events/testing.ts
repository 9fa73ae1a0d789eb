import { request as httpRequest } from 'node:http'
import { KEY, type TestEdge } from '../testing.ts'
import type { Directory } from '../types.ts'

export const RECORDS = '/harbour/boats'
export const JS = '/js/v3/event/harbour/boats'
export const POSTBACK = '/postback/v3/event/harbour/boats'
export const TYPE = 'application/vnd.treasuredata.v1+json'
export const JS_TYPE = 'application/vnd.treasuredata.v1.js+json'
export const MOBILE_TYPE = 'application/vnd.treasuredata.v1.mobile+json'
export const ID = '5505C764-00FC-469B-8EEF-F85A0FC85794'
export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
export const CHROME =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36'

export type Sent = {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
  json: unknown
}

/** The request exactly as described: fetch would add, drop and rename headers. */
export function send(
  port: number,
  method: string,
  path: string,
  { headers = {}, body = '' }: { headers?: Record<string, string>; body?: string | Buffer } = {},
): Promise<Sent> {
  return new Promise((resolve, reject) => {
    const isSized = method !== 'GET' && headers['transfer-encoding'] === undefined
    const length = isSized ? { 'content-length': String(Buffer.byteLength(body)) } : {}
    const options = {
      port,
      method,
      path,
      headers: { ...length, ...headers },
      host: '127.0.0.1',
      agent: false,
    }
    const call = httpRequest(options, (response) => {
      let text = ''
      response.setEncoding('latin1').on('data', (part: string) => {
        text += part
      })
      response.on('end', () => {
        const isJson = response.headers['content-type']?.includes('json')
        const json = isJson ? JSON.parse(text) : undefined
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json })
      })
    })
    call.on('error', reject)
    call.end(body)
  })
}

export const bearer = { authorization: `TD1 ${KEY}`, 'content-type': TYPE }
export const writeKey = { 'x-td-write-key': KEY, 'content-type': 'application/json' }
export const postRecords = (port: number, body: string | Buffer, headers: Record<string, string> = {}) =>
  send(port, 'POST', RECORDS, { headers: { ...bearer, ...headers }, body })

/** What a loader would find: kind, facts and body as text. */
export async function spooled(edge: TestEdge) {
  return (await edge.spooled()).map(({ record }) => ({ ...record, body: record.body.toString() }))
}
export const bodies = async (edge: TestEdge) => (await spooled(edge)).map(({ body }) => body)

export const away: Partial<Directory> = {
  findKey: async () => ({ kind: 'unknown', reason: 'away' }),
  findDatabase: async () => ({ kind: 'unknown', reason: 'away' }),
  findTable: async () => ({ kind: 'unknown', reason: 'away' }),
}
