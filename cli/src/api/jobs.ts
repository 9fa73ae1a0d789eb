import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { failure } from '../errors.ts'
import { type Call, jobNumber, path, type Query } from './call.ts'
import type { Job } from './types.ts'

export type IssueText = {
  type: string
  database: string
  query: string
  priority?: number
  retry_limit?: number
  result?: string
  pool_name?: string
  engine_version?: string
  domain_key: string
}

/** So often in a row a download may break off without having brought anything. */
const MOST_CUTS = 8

/** `/v3/job/…` (rest-api reference §5.5, §5.6). */
export function jobCalls(call: Call) {
  const show = (id: string, isPatient: boolean) =>
    call.json<Job>({ does: `look up job ${id}`, path: path`/v3/job/show/${id}`, isPatient })

  return {
    /**
     * Its number. The domain key starts one job only: sent again after a lost answer, the refusal names the job.
     */
    async issue({ type, database, ...form }: IssueText): Promise<string> {
      const answer = await call.write<{ job_id: string }>({
        does: 'issue the query',
        path: path`/v3/job/issue/${type}/${database}`,
        form: { type, ...form } as Query,
        repeat: 409,
        look: `millrace job:list (domain_key ${form.domain_key})`,
      })
      return jobNumber(answer)
    },
    list: async (filter: { from: number; to: number; status?: string; slower_than?: number }) =>
      (await call.json<{ jobs: Job[] }>({ does: 'list the jobs', path: '/v3/job/list', query: filter })).jobs,
    show: (id: string) => show(id, false),
    /** While somebody waits for the end of the job. */
    follow: (id: string) => show(id, true),
    status: (id: string) =>
      call.json<Pick<Job, 'job_id' | 'status'>>({
        does: `look up job ${id}`,
        path: path`/v3/job/status/${id}`,
      }),
    async kill(id: string): Promise<string | undefined> {
      const { body } = await call.write<{ former_status?: string }>({
        does: `kill job ${id}`,
        path: path`/v3/job/kill/${id}`,
        repeat: 'same',
        look: `millrace job:status ${id}`,
      })
      return body?.former_status
    },
    resultExport: async (
      id: string,
      form: { result: string; priority?: number; retry_limit?: number },
      key: string,
    ) => {
      const answer = await call.write<{ job_id: string }>({
        does: `write the result of job ${id}`,
        path: path`/v3/job/result_export/${id}`,
        form: { ...form, domain_key: key },
        repeat: 409,
        look: 'millrace job:list',
      })
      return jobNumber(answer)
    },
    /** The rows as lines, each a JSON array. A download that is cut goes on where it was. */
    async *resultLines(id: string): AsyncGenerator<string> {
      let delivered = 0
      for (let cuts = 0; ; cuts++) {
        const { body } = await call.stream({
          does: `download the result of job ${id}`,
          path: path`/v3/job/result/${id}`,
          query: { format: 'json' },
          isPatient: true,
        })
        let seen = 0
        try {
          for await (const line of linesOf(body)) {
            if (++seen <= delivered) continue
            delivered = seen
            cuts = 0
            yield line
          }
          return
        } catch (error) {
          if (cuts >= MOST_CUTS) throw brokenOff(id, error)
        } finally {
          body.destroy()
        }
      }
    },
    /** The stored file, or what is in it; a download that is cut goes on with the byte where it was. */
    async *resultBytes(id: string, format: 'msgpack' | 'msgpack.gz'): AsyncGenerator<Buffer> {
      const stored = storedBytes(call, id)
      if (format === 'msgpack.gz') yield* stored
      else yield* unzipped(stored)
    },
  }
}

function brokenOff(id: string, error: unknown): Error {
  return failure(
    `the download of the result of job ${id} broke off again and again: ${(error as Error).message}`,
    `It is kept: millrace job:show ${id}`,
  )
}

async function* storedBytes(call: Call, id: string): AsyncGenerator<Buffer> {
  let delivered = 0
  let etag: string | undefined
  for (let cuts = 0; ; cuts++) {
    const { body, status, headers } = await call.stream({
      does: `download the result of job ${id}`,
      path: path`/v3/job/result/${id}`,
      query: { format: 'msgpack.gz' },
      headers: etag === undefined ? {} : { range: `bytes=${delivered}-`, 'if-range': etag },
      isPatient: true,
    })
    etag = headers.etag ?? etag
    // Answered with the whole: what was delivered already is passed over.
    let toPassOver = status === 206 ? 0 : delivered
    try {
      for await (const part of body as AsyncIterable<Buffer>) {
        const fresh = part.subarray(toPassOver)
        toPassOver -= part.length - fresh.length
        if (fresh.length === 0) continue
        delivered += fresh.length
        cuts = 0
        yield fresh
      }
      return
    } catch (error) {
      if (cuts >= MOST_CUTS) throw brokenOff(id, error)
    } finally {
      body.destroy()
    }
  }
}

async function* unzipped(parts: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const source = Readable.from(parts)
  const gunzip = createGunzip()
  source.once('error', (error) => gunzip.destroy(error))
  yield* source.pipe(gunzip) as AsyncIterable<Buffer>
}

/** Lines of UTF-8 text; not node:readline, which also breaks at U+2028 and lone carriage returns. */
async function* linesOf(body: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest: Buffer[] = []
  for await (const part of body) {
    let start = 0
    for (let end = part.indexOf(10); end >= 0; end = part.indexOf(10, start)) {
      const line = Buffer.concat([...rest, part.subarray(start, end)]).toString('utf8')
      rest = []
      start = end + 1
      if (line !== '') yield line
    }
    if (start < part.length) rest.push(part.subarray(start))
  }
  const last = Buffer.concat(rest).toString('utf8')
  if (last !== '') yield last
}
