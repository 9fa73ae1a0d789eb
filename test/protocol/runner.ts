import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { Agent, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { basename } from 'node:path'
import { deflateSync, gunzipSync, gzipSync } from 'node:zlib'
import { decodeMulti } from '@msgpack/msgpack'
import { fill, mismatches, type Pattern } from './pattern.ts'
import { gzippedRecords } from './records.ts'

/** One request and what must come back. Bodies: at most one of form, multipart, json, base64, msgpackGz, text. */
export type RequestStep = {
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
  /** Records: encoded one after another, then gzip'd; an array of arrays is one gzip member for each. See records.ts. */
  msgpackGz?: unknown[]
  /** Sent as it stands; the content type, if any, comes from `headers`. */
  text?: string
  /** The body without Content-Length, in chunks. */
  chunked?: boolean
  /** The body is compressed so and says so. */
  encoded?: 'gzip' | 'deflate'
  expect: {
    status?: number | number[]
    headers?: Record<string, Pattern>
    json?: Pattern
    text?: string
    /** The error body all clients can read, with this (a pattern) as its message; `status` names the status. */
    refusal?: string
    /** Body as (gzip'd, if it says so or is) concatenated msgpack values. */
    msgpack?: Pattern
    /** Length of the body on the wire. */
    bytes?: string
    md5?: string
  }
  /** name → path like `job_id` or `jobs.0.job_id` in the JSON answer. */
  save?: Record<string, string>
  /** name → header of the answer. */
  saveHeaders?: Record<string, string>
  /** Sent again until the expectation holds, at most this long. */
  withinMs?: number
}
/** Issues the query as a presto job until its rows, the result as msgpack, are these (a pattern). */
export type QueryStep = { query: string; in?: string; rows: Pattern; key?: string }
export type Step = RequestStep | QueryStep
/** `given` names lists of steps in given.json, done first. */
export type ProtocolCase = { name: string; given?: string[]; steps: Step[] }
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

const given = JSON.parse(readFileSync('test/protocol/given.json', 'utf8')) as Record<string, Step[]>

/**
 * Runs one case against a server. `${unique}` in it is a new name for each run, so that cases do not meet each other's
 * databases; `${apikey}` the owner's key, `${account}` and `${hex}` its parts; `${sent_md5}` of the last body sent.
 * @throws with step, request, answer and every mismatch
 */
export async function runCase(target: Target, one: ProtocolCase, unique: string): Promise<void> {
  const [account, hex] = target.apiKey.split('/')
  const saved: Record<string, string> = { unique, apikey: target.apiKey, account, hex }
  for (const name of one.given ?? []) {
    if (given[name] === undefined) throw new Error(`given.json has no '${name}'`)
    for (const step of given[name]) await runStep(target, step, saved, `given ${name}`)
  }
  for (const [index, step] of one.steps.entries()) await runStep(target, step, saved, `step ${index + 1}`)
}

async function runStep(
  target: Target,
  step: Step,
  saved: Record<string, string>,
  title: string,
): Promise<void> {
  if ('query' in step) return runQuery(target, step, saved, title)
  const deadline = performance.now() + (step.withinMs ?? 0)
  for (;;) {
    const answer = await sendStep(target, step, saved)
    const faults = judge(answer, step, saved)
    if (faults.length === 0) return saveFrom(answer, step, saved)
    if (performance.now() > deadline) {
      const body = answer.body.toString('utf8').slice(0, 600)
      throw new Error(
        `${title}: ${fill(step.do, saved)}\n  ${faults.join('\n  ')}\n  answer ${answer.status}: ${body}`,
      )
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** How long imported rows may take to show in a query here; the loader and a busy machine included. */
const VISIBLE_MS = 15_000

async function runQuery(
  target: Target,
  { query, rows, key, in: named }: QueryStep,
  saved: Record<string, string>,
  title: string,
): Promise<void> {
  const deadline = performance.now() + VISIBLE_MS
  const database = named ?? saved.unique
  const issue = {
    do: `POST /v3/job/issue/presto/${database}`,
    key,
    form: { query },
    expect: {},
    save: { query_job: 'job_id' },
  }
  for (;;) {
    await runStep(target, issue, saved, title)
    const finished: RequestStep = {
      do: `GET /v3/job/show/${saved.query_job}`,
      key,
      expect: { json: { status: '~^(success|error|killed)$' } },
      withinMs: 30_000,
    }
    await runStep(target, finished, saved, title)
    const path = `/v3/job/result/${saved.query_job}?format=msgpack`
    const result: RequestStep = { do: `GET ${path}`, key, expect: { msgpack: rows } }
    const answer = await sendStep(target, result, saved)
    const faults = judge(answer, result, saved)
    if (faults.length === 0) return
    if (performance.now() > deadline) {
      const shown = await sendStep(target, finished, saved)
      throw new Error(`${title}: ${fill(query, saved)}\n  ${faults.join('\n  ')}\n  job ${shown.body}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** Long enough for a write that waits for the gate; no request of a case may hang. */
const ANSWER_MS = 20_000
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
    call.setTimeout(ANSWER_MS, () => call.destroy(new Error(`no answer within ${ANSWER_MS} ms`)))
    call.end(body)
  })
}

const ENCODERS = { gzip: gzipSync, deflate: deflateSync }

function sendStep(target: Target, step: RequestStep, saved: Record<string, string>): Promise<Answer> {
  const [method, path] = fill(step.do, saved).split(/ (.*)/s)
  const { body: plain, contentType } = bodyOf(step, saved)
  const body = step.encoded === undefined ? plain : ENCODERS[step.encoded](plain)
  saved.sent_md5 = createHash('md5').update(body).digest('hex')
  const key = step.key === undefined ? target.apiKey : fill(step.key, saved)
  const headers: Record<string, string> = {
    ...(key === 'none' ? {} : { Authorization: `TD1 ${key}` }),
    ...(contentType === undefined ? {} : { 'Content-Type': contentType }),
    ...(step.encoded === undefined ? {} : { 'Content-Encoding': step.encoded }),
    ...(method === 'GET' || step.chunked ? {} : { 'Content-Length': String(body.length) }),
    ...Object.fromEntries(
      Object.entries(step.headers ?? {}).map(([name, value]) => [name, fill(value, saved)]),
    ),
  }
  return send(target.baseUrl, { method, path, headers, body })
}

function bodyOf(step: RequestStep, saved: Record<string, string>): { body: Buffer; contentType?: string } {
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
    return { body: gzippedRecords(step.msgpackGz), contentType: 'application/octet-stream' }
  }
  if (step.text !== undefined) return { body: Buffer.from(fill(step.text, saved)) }
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

function judge(answer: Answer, { expect }: RequestStep, saved: Record<string, string>): string[] {
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
    if (expect.refusal !== undefined) faults.push(...judgeRefusal(answer, expect.refusal, saved))
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

/** Ruby reads message, Java text, Go errorMessage or error: one object holds them all. */
function judgeRefusal(answer: Answer, message: string, saved: Record<string, string>): string[] {
  const body = JSON.parse(answer.body.toString('utf8')) as Record<string, string>
  const shape: Pattern = {
    message,
    error: body.message ?? null,
    text: body.message ?? null,
    errorMessage: body.message ?? null,
    severity: 'error',
    status_code: answer.status,
  }
  const type = { 'content-type': 'application/json; charset=utf-8' }
  return [...mismatches(body, shape, saved), ...mismatches(answer.headers, type, saved, 'headers')]
}

const expanded = ({ body }: Answer) => (body[0] === 0x1f && body[1] === 0x8b ? gunzipSync(body) : body)
const textOf = (answer: Answer) => expanded(answer).toString('utf8')
const msgpackOf = (answer: Answer) => [...decodeMulti(expanded(answer))]

function saveFrom(
  { body, headers }: Answer,
  { save = {}, saveHeaders = {} }: RequestStep,
  saved: Record<string, string>,
): void {
  for (const [name, path] of Object.entries(save)) {
    let value: unknown = JSON.parse(body.toString('utf8'))
    for (const key of path.split('.')) value = (value as Record<string, unknown>)[key]
    saved[name] = String(value)
  }
  for (const [name, header] of Object.entries(saveHeaders)) saved[name] = headers[header]
}
