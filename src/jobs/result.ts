import type { Readable } from 'node:stream'
import type { ObjectStore } from '../storage/index.ts'
import { jobErrors } from './errors.ts'
import { RESULT_CONTENT_TYPES, type ResultFormat } from './result-formats.ts'
import type { Job, RenderResult } from './types.ts'

export type ResultRequest = {
  format: ResultFormat
  header: boolean
  nullifySpecial: boolean
  acceptsGzip: boolean
  range?: string
  ifRange?: string
}

export type ResultAnswer = { status: 200 | 206; headers: Record<string, string>; body: Readable }

/**
 * The result of a finished job. `msgpack.gz` is stored as such; `msgpack` to a client that accepts gzip is the same bytes
 * with a Content-Encoding, so that ranges, sizes and the tag are those of the stored file
 * (treasure-data/td-client-ruby lib/td/client/api/job.rb resumes a cut download so). Everything else is made on the fly.
 *
 * @throws no_result, result_expired (404, final) · range_unsatisfiable (416, final)
 */
export async function openResult(
  { store, render }: { store: ObjectStore; render: RenderResult },
  job: Job,
  request: ResultRequest,
): Promise<ResultAnswer> {
  if (job.status !== 'success' || job.resultPath === null) throw jobErrors.no_result(String(job.id))
  if (!(await store.exists(job.resultPath))) throw jobErrors.result_expired(String(job.id))
  const isStored = request.format === 'msgpack.gz' || (request.format === 'msgpack' && request.acceptsGzip)
  return isStored ? storedResult(store, job, request) : madeResult({ store, render }, job, request)
}

function storedResult(store: ObjectStore, job: Job, request: ResultRequest): ResultAnswer {
  const total = Number(job.resultBytes)
  const etag = `"${job.id}-${job.attempt}-${total}"`
  const headers: Record<string, string> = {
    'content-type': RESULT_CONTENT_TYPES[request.format],
    'accept-ranges': 'bytes',
    etag,
    vary: 'accept-encoding',
  }
  if (request.format === 'msgpack') headers['content-encoding'] = 'gzip'
  // A tag that is not this one means the client holds the beginning of something else: it gets the whole.
  const isSame = request.ifRange === undefined || request.ifRange === etag
  const range = isSame ? rangeOf(request.range, total) : undefined
  if (range === undefined) {
    headers['content-length'] = String(total)
    return { status: 200, headers, body: store.stream(job.resultPath!) }
  }
  headers['content-length'] = String(range.end - range.start + 1)
  headers['content-range'] = `bytes ${range.start}-${range.end}/${total}`
  return { status: 206, headers, body: store.stream(job.resultPath!, range) }
}

function madeResult(
  { store, render }: { store: ObjectStore; render: RenderResult },
  job: Job,
  request: ResultRequest,
): ResultAnswer {
  const headers: Record<string, string> = {
    'content-type': RESULT_CONTENT_TYPES[request.format],
    vary: 'accept-encoding',
  }
  const { format, header, nullifySpecial } = request
  if (format === 'msgpack.gz') throw new Error('msgpack.gz is served as stored')
  const made = (as: Exclude<ResultFormat, 'msgpack.gz'>) =>
    render({
      storedPath: store.stream(job.resultPath!),
      schema: job.resultSchema ?? [],
      format: as,
      header,
      nullifySpecial,
    })
  const isText = format === 'json' || format === 'csv' || format === 'tsv'
  if (!isText || !request.acceptsGzip) return { status: 200, headers, body: made(format) }
  headers['content-encoding'] = 'gzip'
  return { status: 200, headers, body: made(`${format}.gz`) }
}

/**
 * One range of `total` bytes, or undefined when the whole is to be sent (no range, another unit, several ranges).
 * @throws range_unsatisfiable (416)
 */
export function rangeOf(
  header: string | undefined,
  total: number,
): { start: number; end: number } | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '') ?? []
  if (first === undefined || (first === '' && last === '')) return undefined
  if (first === '') {
    const suffix = Math.min(Number(last), total)
    if (suffix === 0) throw jobErrors.range_unsatisfiable(String(total))
    return { start: total - suffix, end: total - 1 }
  }
  const start = Number(first)
  const end = last === '' ? total - 1 : Math.min(Number(last), total - 1)
  if (last !== '' && Number(last) < start) return undefined
  if (start >= total) throw jobErrors.range_unsatisfiable(String(total))
  return { start, end }
}

/** True when an Accept-Encoding header lets us send gzip; no header means no. */
export function acceptsGzip(header: string | undefined): boolean {
  const weights = new Map(
    (header ?? '').split(',').map((item) => {
      const [name, ...options] = item.split(';').map((part) => part.trim().toLowerCase())
      const q = options.find((option) => option.startsWith('q='))
      return [name, q === undefined ? 1 : Number(q.slice(2))] as const
    }),
  )
  return (weights.get('gzip') ?? weights.get('x-gzip') ?? weights.get('*') ?? 0) > 0
}
