import type { TestServer } from '../support/server.ts'

/** How a job ended: the rows of its result, or Presto's name and message of its error. */
export type JobOutcome =
  | { status: 'success'; rows: unknown[][]; columns: [string, string][] }
  | { status: string; error: string; message: string }

/** A job through the API, from issuing it to its result. */
export async function runJob(
  server: Pick<TestServer, 'url' | 'apiKey'>,
  database: string,
  query: string,
): Promise<JobOutcome> {
  return jobOutcome(server, await issueJob(server, database, query))
}

export async function issueJob(
  server: Pick<TestServer, 'url' | 'apiKey'>,
  database: string,
  query: string,
): Promise<string> {
  const body = new URLSearchParams({ query })
  const response = await call(server, `/v3/job/issue/presto/${database}`, { method: 'POST', body })
  return ((await response.json()) as { job_id: string }).job_id
}

export async function jobOutcome(
  server: Pick<TestServer, 'url' | 'apiKey'>,
  id: string,
): Promise<JobOutcome> {
  for (;;) {
    const job = await showJob(server, id)
    if (job.status === 'success') {
      const text = await (await call(server, `/v3/job/result/${id}?format=json`)).text()
      const rows = text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as unknown[]]))
      return { status: 'success', rows, columns: JSON.parse(job.hive_result_schema) }
    }
    if (job.status !== 'queued' && job.status !== 'running') {
      // The log says `NAME: message` in its last lines, the message over as many as it has.
      const [, error = '', message = ''] = /^([A-Za-z_]+): ([\s\S]*)$/m.exec(job.debug.cmdout) ?? []
      return { status: job.status, error, message: message.trim() }
    }
    await new Promise((resolve) => setTimeout(resolve, 40))
  }
}

export type ShownJob = {
  status: string
  hive_result_schema: string
  debug: { cmdout: string; stderr: string }
  [field: string]: unknown
}

export async function showJob(server: Pick<TestServer, 'url' | 'apiKey'>, id: string): Promise<ShownJob> {
  return (await (await call(server, `/v3/job/show/${id}`)).json()) as ShownJob
}

async function call(
  { url, apiKey }: Pick<TestServer, 'url' | 'apiKey'>,
  path: string,
  init: RequestInit = {},
): Promise<Response> {
  const response = await fetch(`${url}${path}`, { ...init, headers: { authorization: `TD1 ${apiKey}` } })
  if (response.status !== 200) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return response
}
