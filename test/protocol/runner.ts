import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { Agent, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { basename } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { decodeMulti, encode } from '@msgpack/msgpack'
import { fill, mismatches, type Pattern } from './pattern.ts'

/** One request and what must come back. Bodies: at most one of form, multipart, json, base64, msgpackGz. */
export type Step = {
  /** `GET /v3/database/list`; may hold `${name}`. */
  do: string
  note?: string
  headers?: Record<string, string>
  /** `none`: no Authorization header; `${name}` a saved key; default: the owner's master key. */
  key?: string
  form?: Record<string, string>
  multipart?: Record<string, string>
  json?: unknown
  base64?: string
  /** Records: encoded one after another, then gzip'd. */
  msgpackGz?: Record<string, unknown>[]
  expect: {
    status?: number | number[]
    headers?: Record<string, string>
    json?: Pattern
    text?: string
    /** Body as (gzip'd, if it says so or is) concatenated msgpack values. */
    msgpack?: Pattern
    /** Length of the body on the wire. */
    bytes?: string
    md5?: string
  }
  /** name → path like `job_id` or `jobs.0.job_id` in the JSON answer. */
  save?: Record<string, string>
  /** Sent again until the expectation holds, at most this long. */
  withinMs?: number
}
export type ProtocolCase = { name: string; steps: Step[] }
export type Target = { baseUrl: string; apiKey: string }
type Answer = { status: number; headers: Record<string, string>; body: Buffer }

/** The cases of test/protocol/cases, by file. */
export function readCases(): { file: string; cases: ProtocolCase[] }[] {
  return globSync('test/protocol/cases/*.json')
    .sort()
    .map((path) => ({
      file: basename(path, '.json'),
      cases: JSON.parse(readFileSync(path, 'utf8')) as ProtocolCase[],
    }))
}

/**
 * Runs one case against a server. `${unique}` in it is a new name for each run, so that cases do not meet each other's
 * databases. @throws with step, request, answer and every mismatch
 */
export async function runCase(target: Target, { steps }: ProtocolCase, unique: string): Promise<void> {
  const saved: Record<string, string> = { unique, apikey: target.apiKey }
  for (const [index, step] of steps.entries()) {
    const deadline = performance.now() + (step.withinMs ?? 0)
    for (;;) {
      const answer = await sendStep(target, step, saved)
      const faults = judge(answer, step, saved)
      if (faults.length === 0) {
        saveFrom(answer, step.save ?? {}, saved)
        break
      }
      if (performance.now() > deadline) {
        const body = answer.body.toString('utf8').slice(0, 600)
        throw new Error(
          `step ${index + 1}: ${fill(step.do, saved)}\n  ${faults.join('\n  ')}\n  answer ${answer.status}: ${body}`,
        )
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

const agent = new Agent({ keepAlive: false })

/** Sends exactly these bytes and headers; the path is not normalised, so `//v3` and `%2E` arrive as written. */
export function send(
  baseUrl: string,
  {
    method,
    path,
    headers,
    body,
  }: { method: string; path: string; headers: Record<string, string>; body: Buffer },
): Promise<Answer> {
  const { protocol, hostname, port } = new URL(baseUrl)
  return new Promise((resolve, reject) => {
    const options = {
      hostname,
      port,
      method,
      path,
      headers,
      agent: protocol === 'http:' ? agent : undefined,
      rejectUnauthorized: false,
    }
    const call = (protocol === 'http:' ? httpRequest : httpsRequest)(options, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('error', reject)
      response.on('end', () => {
        const flat = Object.fromEntries(
          Object.entries(response.headers).map(([name, value]) => [name, String(value)]),
        )
        resolve({ status: response.statusCode ?? 0, headers: flat, body: Buffer.concat(parts) })
      })
    })
    call.on('error', reject)
    call.end(body)
  })
}

function sendStep(target: Target, step: Step, saved: Record<string, string>): Promise<Answer> {
  const [method, path] = fill(step.do, saved).split(/ (.*)/s)
  const { body, contentType } = bodyOf(step, saved)
  const key = step.key === undefined ? target.apiKey : fill(step.key, saved)
  const headers: Record<string, string> = {
    ...(key === 'none' ? {} : { Authorization: `TD1 ${key}` }),
    ...(contentType === undefined ? {} : { 'Content-Type': contentType }),
    ...(method === 'GET' ? {} : { 'Content-Length': String(body.length) }),
    ...Object.fromEntries(
      Object.entries(step.headers ?? {}).map(([name, value]) => [name, fill(value, saved)]),
    ),
  }
  return send(target.baseUrl, { method, path, headers, body })
}

function bodyOf(step: Step, saved: Record<string, string>): { body: Buffer; contentType?: string } {
  if (step.form) {
    const filled = Object.fromEntries(
      Object.entries(step.form).map(([name, value]) => [name, fill(value, saved)]),
    )
    return {
      body: Buffer.from(new URLSearchParams(filled).toString()),
      contentType: 'application/x-www-form-urlencoded',
    }
  }
  if (step.multipart) return multipart(step.multipart, saved)
  if (step.json !== undefined) {
    return {
      body: Buffer.from(fill(JSON.stringify(step.json), saved)),
      contentType: 'application/json; charset=utf-8',
    }
  }
  if (step.base64 !== undefined)
    return { body: Buffer.from(step.base64, 'base64'), contentType: 'application/octet-stream' }
  if (step.msgpackGz) {
    const records = step.msgpackGz.map((record) => encode(record))
    return { body: gzipSync(Buffer.concat(records)), contentType: 'application/octet-stream' }
  }
  return { body: Buffer.alloc(0) }
}

function multipart(
  fields: Record<string, string>,
  saved: Record<string, string>,
): { body: Buffer; contentType: string } {
  const boundary = 'b7a72cbcf1b3aa014b51c8fd7dee5ae0'
  const parts = Object.entries(fields).map(
    ([name, value]) =>
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${fill(value, saved)}\r\n`,
  )
  return {
    body: Buffer.from(`${parts.join('')}--${boundary}--\r\n`),
    contentType: `multipart/form-data; boundary=${boundary}`,
  }
}

function judge(answer: Answer, { expect }: Step, saved: Record<string, string>): string[] {
  const faults: string[] = []
  const { status = 200 } = expect
  const allowed = Array.isArray(status) ? status : [status]
  if (!allowed.includes(answer.status))
    faults.push(`status is ${answer.status}, expected ${allowed.join(' or ')}`)
  if (expect.headers) faults.push(...mismatches(answer.headers, expect.headers, saved, 'headers'))
  if (expect.bytes !== undefined)
    faults.push(...mismatches(String(answer.body.length), expect.bytes, saved, 'body length'))
  if (expect.md5 !== undefined)
    faults.push(...mismatches(createHash('md5').update(answer.body).digest('hex'), expect.md5, saved, 'md5'))
  try {
    if (expect.json !== undefined)
      faults.push(...mismatches(JSON.parse(answer.body.toString('utf8')), expect.json, saved))
    if (expect.text !== undefined) faults.push(...mismatches(textOf(answer), expect.text, saved, 'body'))
    if (expect.msgpack !== undefined)
      faults.push(...mismatches(msgpackOf(answer), expect.msgpack, saved, 'body'))
  } catch (error) {
    faults.push(`the body cannot be read: ${(error as Error).message}`)
  }
  return faults
}

const plain = ({ body }: Answer) => (body[0] === 0x1f && body[1] === 0x8b ? gunzipSync(body) : body)
const textOf = (answer: Answer) => plain(answer).toString('utf8')
const msgpackOf = (answer: Answer) => [...decodeMulti(plain(answer))]

function saveFrom({ body }: Answer, wanted: Record<string, string>, saved: Record<string, string>): void {
  for (const [name, path] of Object.entries(wanted)) {
    let value: unknown = JSON.parse(body.toString('utf8'))
    for (const key of path.split('.')) value = (value as Record<string, unknown>)[key]
    saved[name] = String(value)
  }
}
