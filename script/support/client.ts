import { gzipSync } from 'node:zlib'
import { encode } from '@msgpack/msgpack'

export type Job = {
  job_id: string
  status: string
  hive_result_schema: string | null
  num_records: number
  debug?: { cmdout: string; stderr: string }
}
export type Answer = {
  columns: { name: string; type: string }[]
  rows: unknown[][]
  jobId: string
  elapsedMs: number
}

/** The few calls a script needs, over the same public REST API that every client uses. */
export function restClient(baseUrl: string, apiKey: string) {
  const headers = { authorization: `TD1 ${apiKey}` }

  async function call(
    method: string,
    path: string,
    body?: string | URLSearchParams | Uint8Array<ArrayBuffer>,
  ): Promise<Response> {
    for (let attempt = 1; ; attempt++) {
      const response = await fetch(`${baseUrl}${path}`, { method, headers, body })
      if (response.ok || (response.status !== 503 && response.status !== 429) || attempt >= 20)
        return response
      await response.body?.cancel()
      await pause(Math.min(2_000, 100 * attempt))
    }
  }

  async function json<T>(
    method: string,
    path: string,
    body?: string | URLSearchParams | Uint8Array<ArrayBuffer>,
  ): Promise<T> {
    const response = await call(method, path, body)
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return JSON.parse(text) as T
  }

  return {
    json,
    async text(method: string, path: string): Promise<string> {
      const response = await call(method, path)
      const text = await response.text()
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
      return text
    },
    /** Creates it unless it is there: 409 is as good as 200. */
    async ensure(path: string): Promise<void> {
      const response = await call('POST', path)
      const text = await response.text()
      if (!response.ok && response.status !== 409) throw new Error(`POST ${path}: ${response.status} ${text}`)
    },
    /** One chunk of records; the id makes a repeat harmless. */
    async importRecords(
      database: string,
      table: string,
      uniqueId: string,
      records: Record<string, unknown>[],
    ): Promise<void> {
      const body = gzipSync(Buffer.concat(records.map((record) => encode(record))), { level: 1 })
      await json(
        'PUT',
        `/v3/table/import_with_id/${database}/${table}/${uniqueId}/msgpack.gz`,
        new Uint8Array(body),
      )
    },
    /** Runs a Presto query as a job and waits for its rows. @throws with the job's error text */
    async query(database: string, sql: string): Promise<Answer> {
      const startedMs = performance.now()
      const form = new URLSearchParams({ query: sql })
      const { job_id: jobId } = await json<{ job_id: string }>(
        'POST',
        `/v3/job/issue/presto/${database}`,
        form,
      )
      const job = await waitForJob(jobId)
      if (job.status !== 'success')
        throw new Error(`job ${jobId} ended as ${job.status}: ${job.debug?.stderr ?? ''}`)
      const lines = await (await call('GET', `/v3/job/result/${jobId}?format=json`)).text()
      const columns = (JSON.parse(job.hive_result_schema ?? '[]') as [string, string][]).map(
        ([name, type]) => ({ name, type }),
      )
      const rows = lines
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as unknown[])
      return { columns, rows, jobId, elapsedMs: performance.now() - startedMs }
    },
  }

  async function waitForJob(jobId: string): Promise<Job> {
    for (let waitMs = 10; ; waitMs = Math.min(500, waitMs * 1.5)) {
      const job = await json<Job>('GET', `/v3/job/show/${jobId}`)
      if (['success', 'error', 'killed'].includes(job.status)) return job
      await pause(waitMs)
    }
  }
}

export type RestClient = ReturnType<typeof restClient>

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
