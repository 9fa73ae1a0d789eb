import { hash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../kernel/index.ts'
import type { SpoolPosition, SpoolRecord, SpoolTold, SpoolWriter } from '../spool/index.ts'
import { answerJson } from './answer.ts'
import type { BodyTold, TakeBody } from './body.ts'
import type { Digester } from './digest.ts'
import { ingestErrors } from './errors.ts'
import type { IngestMetrics } from './metrics.ts'
import type { ImportPath } from './path.ts'
import type { Slabs } from './slabs.ts'
import type { TargetFinder } from './target.ts'
import type { ImportTarget } from './types.ts'

export type ImportParts = {
  spool: SpoolWriter
  findTarget: TargetFinder
  /** @throws too_many_requests (429, retry) */
  admit(keyId: bigint): void
  takeBody: TakeBody
  slabs: Slabs
  digester: Digester
  clock: Clock
  metrics: IngestMetrics
  /** The id given to an import that comes without one. */
  idOfPlace(position: SpoolPosition): string
  isDraining(): boolean
  refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void
}

/** td's, fluentd's and fluent-bit's format; others the vendor once took (json.gz, csv.gz …) are refused. */
const FORMAT = 'msgpack.gz'
const NO_FACTS = {}
const GZIP_FACTS = { 'content-encoding': 'gzip' }

/**
 * Takes one streaming import into the spool and answers. Once it answers 200 the bytes survive kill -9 and power loss;
 * they become queryable when the loader has committed them. The content is not looked into beyond the gzip magic: what is
 * wrong with it becomes an error record, because a 4xx would make the sender throw the chunk away. Sending an id again is
 * answered alike; the loader stores it once.
 *
 * Refused with too_many_requests (429, retry), what finding the target, taking the body and appending are; import_format_unsupported, import_not_gzip,
 * import_encoding_unsupported (400).
 * @see treasure-data/td-client-ruby lib/td/client/api/import.rb: any 2xx is success; fluent/fluent-bit plugins/out_td/td.c:
 *   only 200 is
 */
export function acceptImport(
  parts: ImportParts,
  path: ImportPath,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const accepting = new Import(parts, path, request, response)
  const found = parts.findTarget(request.headers.authorization, path.database, path.table)
  if (found instanceof Promise) {
    found.then((target) => accepting.begin(target)).catch((error: unknown) => accepting.refused(error))
  } else accepting.begin(found)
}

/**
 * One import on its way: told by the body, then by the spool. An object of its own and not an async function because a
 * hundred of them are under way at any moment, ten thousands a second, and each promise would have to be kept and woken.
 */
class Import implements BodyTold, SpoolTold {
  private readonly startedMs: number
  private record: SpoolRecord | undefined
  private target: ImportTarget | undefined
  private facts: Record<string, string> = NO_FACTS
  private position: SpoolPosition | undefined
  private md5: string | undefined
  private readonly parts: ImportParts
  private readonly path: ImportPath
  private readonly request: IncomingMessage
  private readonly response: ServerResponse

  constructor(parts: ImportParts, path: ImportPath, request: IncomingMessage, response: ServerResponse) {
    this.parts = parts
    this.path = path
    this.request = request
    this.response = response
    this.startedMs = parts.clock.monotonicMs()
  }

  begin(target: ImportTarget): void {
    this.parts.admit(target.keyId)
    this.target = target
    this.facts = factsOf(this.path, this.request)
    this.parts.takeBody(this.request, this)
  }

  body(body: Buffer): void {
    try {
      this.spool(body)
    } catch (error) {
      this.refused(error)
    }
  }

  private spool(body: Buffer): void {
    if (body[0] !== 0x1f || body[1] !== 0x8b) throw ingestErrors.import_not_gzip()
    const { accountId, keyId, database, table, tableId } = this.target!
    this.record = {
      kind: 'import',
      receivedAtMs: this.parts.clock.now().getTime(),
      accountId,
      keyId,
      database,
      table,
      tableId,
      uniqueId: this.path.uniqueId,
      facts: this.facts,
      body,
    }
    this.parts.spool.enqueue(this.record, this)
    if (isShared(body)) this.parts.digester.start(body, (md5) => this.digested(md5))
  }

  accepted(position: SpoolPosition): void {
    this.position = position
    if (!isShared(this.record!.body)) this.digested(hash('md5', this.record!.body, 'hex'))
    else if (this.md5 !== undefined) this.answer(position, this.md5)
  }

  private digested(md5: string): void {
    this.md5 = md5
    if (this.position !== undefined) this.answer(this.position, md5)
  }

  private answer(position: SpoolPosition, md5: string): void {
    try {
      const { clock, metrics, idOfPlace, isDraining, slabs } = this.parts
      const { body, database, table, uniqueId } = this.record!
      metrics.accepted('import', body.length)
      const id = uniqueId === '' ? `"${idOfPlace(position)}"` : asciiJson(uniqueId)
      const seconds = Math.round(clock.monotonicMs() - this.startedMs) / 1000
      if (isDraining()) this.response.shouldKeepAlive = false
      answerJson(
        this.response,
        200,
        `{"unique_id":${id},"database":"${database}","table":"${table}",` +
          `"md5_hex":"${md5}","elapsed_time":${seconds}}`,
      )
      // On disk and digested: nobody looks at it any more.
      if (isShared(body)) slabs.giveBack(body)
    } catch (error) {
      this.refused(error)
    }
  }

  refused(error: unknown): void {
    this.parts.refuse(this.request, this.response, error)
  }
}

/** Lies in a slab, where the digester's thread can read it. */
function isShared(body: Buffer): boolean {
  return body.buffer instanceof SharedArrayBuffer
}

function factsOf(path: ImportPath, request: IncomingMessage): Record<string, string> {
  if (path.format !== FORMAT) throw ingestErrors.import_format_unsupported(path.format)
  const encoding = request.headers['content-encoding']
  if (encoding === undefined || encoding === '' || encoding === 'identity') return NO_FACTS
  // Some proxies and clients name the encoding of the file as that of the transfer; the bytes are the same gzip.
  if (encoding.toLowerCase() === 'gzip') return GZIP_FACTS
  throw ingestErrors.import_encoding_unsupported(encoding)
}

/**
 * Ids for imports that come without one: 12 hex digits of this process (`prefix`), 12 of the generation, 8 of the
 * offset. Unique, and it says where in which spool the import went.
 */
export function createPlaceIds(prefix: string): (position: SpoolPosition) => string {
  // Numbers beyond 32 bits are slow to write in hex, and a generation lasts for a hundred thousand requests.
  let last = { generation: -1, hex: '' }
  return ({ generation, offset }) => {
    if (generation !== last.generation) last = { generation, hex: generation.toString(16).padStart(12, '0') }
    return prefix + last.hex + offset.toString(16).padStart(8, '0')
  }
}

/** JSON of a text with nothing but ASCII in it. */
function asciiJson(text: string): string {
  const json = JSON.stringify(text)
  if (!/[\u007f-\uffff]/.test(json)) return json
  return json.replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
