import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { actorOf } from '../catalog/index.ts'
import { priorityOf } from '../jobs/index.ts'
import { httpErrors, type Parameters, textOf } from '../kernel/http/index.ts'
import { type CommitDeps, commitSession } from './commit.ts'
import { errorsPath } from './paths.ts'
import {
  createSession,
  deletePart,
  freeze,
  namesOfParts,
  openSession,
  performSession,
  removeSession,
  showSession,
  visibleSessions,
} from './sessions.ts'
import { PART_FORMATS, type PartFormat, type Session } from './types.ts'
import { type UploadDeps, uploadPart } from './upload.ts'

export type BulkImportRoutesDeps = CommitDeps & UploadDeps

/**
 * `/v3/bulk_import/…` as td-client-ruby lib/td/client/api/bulk_import.rb, td-client-python tdclient/bulk_import_api.py and
 * td-client-java call it. While the main database is away all of it is 503: every client of this family repeats that.
 */
export function addBulkImportRoutes(app: FastifyInstance, deps: BulkImportRoutesDeps): void {
  for (const path of ['/v3/bulk_import/list', '/v3/bulk_import/list.json'])
    app.get(path, async ({ principal }) => ({
      bulk_imports: (await visibleSessions(deps, principal)).map(sessionBody),
    }))
  app.get('/v3/bulk_import/show/:session', async ({ principal, parameters }) =>
    sessionBody(await showSession(deps, principal, sessionName(parameters))),
  )
  app.get('/v3/bulk_import/list_parts/:session', async ({ principal, parameters }) => {
    const name = sessionName(parameters)
    return { parts: await namesOfParts(deps, principal, name), ...named(name) }
  })
  app.get('/v3/bulk_import/error_records/:session', (request, reply) =>
    sendErrorRecords(deps, request, reply),
  )

  app.post('/v3/bulk_import/create/:session/:database/:table', async (request) => {
    const { parameters } = request
    const name = sessionName(parameters)
    const [database, table] = [textOf(parameters, 'database') ?? '', textOf(parameters, 'table') ?? '']
    await createSession(deps, actorOf(request), { name, database, table })
    return named(name)
  })
  const post = (step: string, verb: (request: FastifyRequest, name: string) => Promise<unknown>) =>
    app.post(`/v3/bulk_import/${step}`, async (request) => {
      const name = sessionName(request.parameters)
      return { ...named(name), ...((await verb(request, name)) as object | undefined) }
    })
  post('delete_part/:session/:part', (request, name) =>
    deletePart(deps, actorOf(request), name, partName(request.parameters)),
  )
  post('freeze/:session', (request, name) => freeze(deps, actorOf(request), name, true))
  post('unfreeze/:session', (request, name) => freeze(deps, actorOf(request), name, false))
  post('perform/:session', async (request, name) => {
    const { parameters } = request
    const priority = priorityOf(parameters) ?? 0
    const poolName = textOf(parameters, 'pool_name') ?? null
    // A number, as td-client-go insists on.
    return { job_id: Number(await performSession(deps, actorOf(request), { name, priority, poolName })) }
  })
  post('commit/:session', (request, name) => commitSession(deps, actorOf(request), name))
  post('delete/:session', (request, name) => removeSession(deps, actorOf(request), name))

  addUploadRoute(app, deps)
}

/** Apart from the others: its body is not read into memory. */
function addUploadRoute(app: FastifyInstance, deps: UploadDeps): void {
  void app.register(async (streaming) => {
    streaming.removeAllContentTypeParsers()
    streaming.addContentTypeParser('*', (_request, _body, done) => done(null, undefined))
    streaming.put('/v3/bulk_import/upload_part/:session/:part', async (request) => {
      const { parameters, raw } = request
      const [name, part] = [sessionName(parameters), partName(parameters)]
      try {
        await uploadPart(deps, actorOf(request), { name, part, format: formatOf(parameters, part) }, raw)
      } finally {
        // What a refused sender still sends is read and forgotten, so that it comes to reading the answer.
        raw.resume()
      }
      return named(name)
    })
  })
}

const sessionName = (parameters: Parameters) => textOf(parameters, 'session') ?? ''
const partName = (parameters: Parameters) => textOf(parameters, 'part') ?? ''
const named = (name: string) => ({ name, bulk_import: name })

/** What the sender says: parameter `format`, else how the part's name ends. Otherwise the content will tell. */
function formatOf(parameters: Parameters, part: string): PartFormat | null {
  const asked = textOf(parameters, 'format')
  const known = (text: string) => PART_FORMATS.find((format) => format === text || format === `${text}.gz`)
  if (asked === undefined) return known(/\.([a-z]+(?:\.gz)?)$/.exec(part)?.[1] ?? '') ?? null
  const format = known(asked)
  if (format === undefined)
    throw httpErrors.bad_request(`there is no part format '${asked}': ${PART_FORMATS.join(', ')} are`)
  return format
}

/** Empty until a perform has ended well, and when it refused nothing. */
async function sendErrorRecords(
  deps: BulkImportRoutesDeps,
  { principal, parameters }: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const session = await openSession(deps, principal, sessionName(parameters))
  const { id, jobId: job, attempt } = session
  // No Content-Encoding: all clients gunzip it themselves (rest-api reference §2.3).
  reply.type('application/octet-stream')
  if (job === null || attempt === null) return reply.send(Buffer.alloc(0))
  const path = errorsPath({ session: id, job, attempt })
  if (!(await deps.objects.exists(path))) return reply.send(Buffer.alloc(0))
  return reply.send(deps.objects.stream(path))
}

/** `status` is one of five words: td-client-java fails on any other, so that `frozen` is not among them. */
function sessionBody(session: Session): Record<string, unknown> {
  const { counters } = session
  const count = (value: bigint | undefined) => (value === undefined ? null : Number(value))
  return {
    name: session.name,
    database: session.database,
    table: session.table,
    status: session.status,
    upload_frozen: session.uploadFrozen,
    job_id: count(session.jobId ?? undefined),
    valid_records: count(counters?.validRecords),
    error_records: count(counters?.errorRecords),
    valid_parts: count(counters?.validParts),
    error_parts: count(counters?.errorParts),
  }
}
