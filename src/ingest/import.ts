import { hash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../kernel/index.ts'
import type { SpoolPosition, SpoolWriter } from '../spool/index.ts'
import { answerJson } from './answer.ts'
import { ingestErrors } from './errors.ts'
import type { IngestMetrics } from './metrics.ts'
import type { ImportPath } from './path.ts'
import type { TargetFinder } from './target.ts'

export type ImportParts = {
  spool: SpoolWriter
  findTarget: TargetFinder
  readBody(request: IncomingMessage): Promise<Buffer>
  clock: Clock
  metrics: IngestMetrics
  /** The id given to an import that comes without one. */
  idOfPlace(position: SpoolPosition): string
  isDraining(): boolean
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
 * @throws what finding the target, reading the body and appending throw; import_format_unsupported, import_not_gzip,
 *   import_encoding_unsupported (400)
 * @see treasure-data/td-client-ruby lib/td/client/api/import.rb: any 2xx is success; fluent/fluent-bit plugins/out_td/td.c:
 *   only 200 is
 */
export async function acceptImport(
  { spool, findTarget, readBody, clock, metrics, idOfPlace, isDraining }: ImportParts,
  path: ImportPath,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const startedMs = clock.monotonicMs()
  const found = findTarget(request.headers.authorization, path.database, path.table)
  const target = found instanceof Promise ? await found : found
  const facts = factsOf(path, request)
  const body = await readBody(request)
  if (body[0] !== 0x1f || body[1] !== 0x8b) throw ingestErrors.import_not_gzip()

  const receivedAtMs = clock.now().getTime()
  const position = await spool.append({
    kind: 'import',
    receivedAtMs,
    accountId: target.accountId,
    keyId: target.keyId,
    database: target.database,
    table: target.table,
    tableId: target.tableId,
    uniqueId: path.uniqueId,
    facts,
    body,
  })
  metrics.accepted('import', body.length)
  const uniqueId = path.uniqueId === '' ? idOfPlace(position) : path.uniqueId
  const seconds = Math.round(clock.monotonicMs() - startedMs) / 1000
  if (isDraining()) response.shouldKeepAlive = false
  answerJson(
    response,
    200,
    `{"unique_id":${asciiJson(uniqueId)},"database":"${target.database}","table":"${target.table}",` +
      `"md5_hex":"${hash('md5', body, 'hex')}","elapsed_time":${seconds}}`,
  )
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
