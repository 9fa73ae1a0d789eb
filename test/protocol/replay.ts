import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { encode } from '@msgpack/msgpack'
import { send } from './runner.ts'

/** Requests recorded from real clients (see captures/README.md), sent again byte for byte but for key and job number. */
export type Recorded = { method: string; url: string; headers: Record<string, string>; bodyBase64: string }
export type Walk = { command: string; requests: Recorded[] }
export type Replayed = { command: string; request: string; ranged: boolean; status: number; body: string }

export function readWalks(file: string): Walk[] {
  return JSON.parse(readFileSync(`test/protocol/captures/${file}.json`, 'utf8')) as Walk[]
}

/** The recording server knew these; a server under test must have them before the walk. */
export async function prepare(baseUrl: string, apiKey: string): Promise<string> {
  const call = async (
    method: string,
    path: string,
    body?: string | Buffer,
    type = 'application/x-www-form-urlencoded',
  ) => {
    const bytes = Buffer.from(body ?? '')
    const headers = {
      Authorization: `TD1 ${apiKey}`,
      'Content-Type': type,
      'Content-Length': String(bytes.length),
    }
    return send(baseUrl, { method, path, headers, body: bytes })
  }
  await call('POST', '/v3/database/delete/abc')
  for (const path of ['database/create/sampledb', 'database/create/harbour'])
    await call('POST', `/v3/${path}`)
  for (const table of ['sampledb/events', 'sampledb/a', 'sampledb/b', 'sampledb/t1', 'harbour/boats']) {
    await call('POST', `/v3/table/create/${table}/log`)
  }
  await call(
    'PUT',
    '/v3/table/import/sampledb/events/msgpack.gz',
    gzipSync(Buffer.from(encode({ time: 1_600_000_000, name: 'a', id: 1 }))),
  )
  await call(
    'POST',
    '/v3/schedule/create/daily',
    'cron=0+0+*+*+*&query=select+1&database=sampledb&type=presto',
  )
  const issued = await call('POST', '/v3/job/issue/presto/sampledb', 'query=select+1')
  const { job_id } = JSON.parse(issued.body.toString()) as { job_id: string }
  for (let tries = 0; tries < 400; tries++) {
    const shown = await call('GET', `/v3/job/status/${job_id}`)
    if (JSON.parse(shown.body.toString()).status === 'success') return job_id
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`job ${job_id} did not succeed`)
}

/** Sends one walk; the recorded job 19 becomes `jobId`, and the session s1 gets a name that is long enough. */
export async function replay(
  baseUrl: string,
  apiKey: string,
  { command, requests }: Walk,
  jobId: string,
): Promise<Replayed[]> {
  const answers: Replayed[] = []
  for (const { method, url, headers, bodyBase64 } of requests) {
    const path = url
      .replace(/\/19(?=$|\?)/, `/${jobId}`)
      .replace(/^(\/v3\/bulk_import\/\w+)\/s1(?=$|\/)/, '$1/walked')
    const sent = Object.fromEntries(
      Object.entries(headers)
        .filter(([name]) => name.toLowerCase() !== 'host')
        .map(([name, value]) => [name, name.toLowerCase() === 'authorization' ? `TD1 ${apiKey}` : value]),
    )
    const answer = await send(baseUrl, {
      method,
      path,
      headers: sent,
      body: Buffer.from(bodyBase64, 'base64'),
    })
    const body = answer.headers['content-type']?.includes('json') ? answer.body.toString('utf8') : ''
    answers.push({
      command,
      request: `${method} ${url}`,
      ranged: Object.keys(headers).some((name) => name.toLowerCase() === 'range'),
      status: answer.status,
      body,
    })
  }
  return answers
}
