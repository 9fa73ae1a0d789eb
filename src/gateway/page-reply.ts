import type { Job } from '../jobs/index.ts'
import { type AnswerParts, answerText, type State } from './answer.ts'
import { effectHeaders } from './effects.ts'
import { encodedData, encodeSegment, type Segment } from './encodings.ts'
import { refusals } from './errors.ts'
import { createPageReader, type Page } from './pages.ts'
import { columnsOf, pathOf, type Query, type Reply } from './query.ts'
import type { SegmentStore } from './segments.ts'
import { segmentMac } from './slug.ts'
import type { GatewayJobs } from './types.ts'

export type PageOptions = {
  jobs: GatewayJobs
  segments: SegmentStore
  secret: Buffer
  pageBytes: number
  /** A page's size for clients that read segments. */
  segmentBytes: number
  /** Smaller segments go with the answer. */
  inlineBytes: number
}

/** A page of a statement that succeeded. @throws Refusal 404 when there is no such page */
export async function pageReply(
  options: PageOptions,
  { query, job, index, parts }: { query: Query; job: Job; index: number; parts: Omit<AnswerParts, 'state'> },
): Promise<Reply> {
  const { facts, form, transactionId } = query
  const { columns, adjust } = columnsOf(query, job)
  const all = { ...parts, columns, updateType: facts.updateType }
  const headers = effectHeaders(facts.effect, form.family, transactionId)
  if (columns === undefined) return { body: answerText({ ...all, state: 'FINISHED' }, undefined), headers }
  const pageBytes = form.encoding === undefined ? options.pageBytes : options.segmentBytes
  query.reader ??= createPageReader({ open: () => options.jobs.rows(job), pageBytes, adjust })
  const page = await query.reader.page(index)
  if (page.index !== index) throw refusals.unknownQuery()
  if (page.isLast) {
    query.reader.close()
    query.reader = undefined
  }
  const updateCount = facts.countsRows ? countOf(page.data) : undefined
  const nextPath = page.isLast ? undefined : pathOf(query, 'executing', index + 1)
  const state: State = page.isLast ? 'FINISHED' : 'RUNNING'
  const data = await dataOf(options, query, page, parts.baseUrl)
  return { body: answerText({ ...all, state, nextPath, updateCount }, data), headers }
}

/** No rows are told by no data at all. */
async function dataOf(
  options: PageOptions,
  query: Query,
  page: Page,
  baseUrl: string,
): Promise<Buffer | undefined> {
  const { encoding } = query.form
  if (page.rows === 0) return undefined
  if (encoding === undefined) return page.data
  const { bytes, metadata } = await encodeSegment(page, encoding)
  const isKept =
    bytes.length > options.inlineBytes && (await options.segments.put(query.id, page.index, bytes))
  const segment: Segment = isKept
    ? {
        type: 'spooled',
        ...segmentUris(query.id, page.index, options.secret, baseUrl),
        headers: {},
        metadata,
      }
    : { type: 'inline', data: bytes.toString('base64'), metadata }
  return encodedData(encoding, [segment])
}

/** Clients fetch these without their key: who was answered has them. */
function segmentUris(queryId: string, index: number, secret: Buffer, baseUrl: string) {
  const place = `${queryId}/${index}/${segmentMac(queryId, index, secret)}`
  return { uri: `${baseUrl}/v1/spooled/download/${place}`, ackUri: `${baseUrl}/v1/spooled/ack/${place}` }
}

/** The one number of an answer that counts rows. */
function countOf(rows: Buffer): bigint | undefined {
  const [, count] = /^\[\[(\d+)\]\]$/.exec(rows.toString()) ?? []
  return count === undefined ? undefined : BigInt(count)
}
