import type { IncomingMessage, ServerResponse } from 'node:http'
import { ingestErrors } from '../errors.ts'
import { answerEvent } from './answer.ts'
import { refusedReceipt, type Sorted, sortEvents } from './receipts.ts'
import { brokenAt, MOST_EVENTS, type RecordsParts } from './records.ts'
import { isName } from './routes.ts'
import { type Member, scanBody } from './scan.ts'
import { DEVICES_RULES } from './target.ts'

const MOST_TABLES = 1000
const MOST_NAME = 255

type TableEvents = { database: string; table: string; sorted: Sorted; answer: string }

/**
 * `POST /android/v3/event` and `/ios/v3/event`: devices of the first generation send all tables in one request, `{"db.table":[…]}`.
 * The answer has the same keys and a receipt for each event. Nothing is ever left unsettled in a 2xx: Android ≤ 0.6 would
 * send again at once, without end (event-collection reference §3.3).
 *
 * @throws write_key_missing, write_key_refused (403), event_body_invalid (400), event_too_many, event_body_too_large (413),
 *   what appending throws (503, retry)
 * @see treasure-data/KeenClient-Java KeenClient.java at 2.0.0.5
 */
export async function acceptDevices(
  { acceptor, findTarget, readBody, nowMs }: RecordsParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { headers } = request
  const key = (headers['x-td-write-key'] as string | undefined) ?? headers.authorization
  if (key === undefined) throw ingestErrors.write_key_missing()
  const tables = tablesOf(await readBody(request))
  const accepted = await Promise.all(
    tables.map(async ({ database, table, sorted }) => {
      const target = await findTarget(key, database, table, DEVICES_RULES)
      return { channel: 'mobile-legacy', target, sorted, facts: {} } as const
    }),
  )
  await acceptor.accept(accepted, nowMs(), response)
  answerEvent(request, response, `{${tables.map(({ answer }) => answer).join()}}`)
}

/** @throws event_body_invalid (400), event_too_many (413) */
function tablesOf(body: Buffer): TableEvents[] {
  const scanned = scanBody(body)
  if (scanned.kind === 'malformed') throw ingestErrors.event_body_invalid(brokenAt(body, scanned.at))
  const { scan, members, others } = scanned
  const events = members.reduce((sum, { count }) => sum + count, 0)
  if (events > MOST_EVENTS || members.length > MOST_TABLES)
    throw ingestErrors.event_too_many(String(MOST_EVENTS))
  if (others > 0) throw ingestErrors.event_body_invalid('a table without an array of events')
  return members.map((member) => {
    const rawKey = body.toString('utf8', member.keyStart, member.keyEnd)
    const [database = '', table = ''] = (JSON.parse(`"${rawKey}"`) as string).split(/\.(.*)/s)
    const place = { database: asText(database), table: asText(table) }
    const sorted =
      isName(database) && isName(table) ? sortEvents(body, scan, member, undefined) : refuseAll(body, member)
    return { ...place, sorted, answer: `"${ascii(rawKey)}":[${sorted.receipts}]` }
  })
}

/** The inside of a JSON text with its other characters escaped. */
function ascii(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** A name of anything, for the error records: the main database keeps no zero bytes and no halves of characters. */
function asText(name: string): string {
  return name.slice(0, MOST_NAME).replace(/[^\x20-\x7e]/g, '?')
}

/** No table can have such a name: the device deletes the events, and they are kept as error records. */
function refuseAll(body: Buffer, { count, insideStart, insideEnd }: Member): Sorted {
  const receipt = refusedReceipt('InvalidCollectionNameError', 'not the name of a database and a table')
  return {
    good: undefined,
    goodCount: 0,
    refused:
      count === 0 ? [] : [{ reason: 'name-invalid', text: body.subarray(insideStart, insideEnd), count }],
    receipts: Array(count).fill(receipt).join(),
    hasPlaceholder: false,
  }
}
