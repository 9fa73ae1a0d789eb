import type { IncomingMessage, ServerResponse } from 'node:http'
import { httpErrors } from '../kernel/http/errors.ts'
import { AppError, BURST_SECONDS, type Clock, createRateLimit, type Ids, type Log } from '../kernel/index.ts'
import type { SpoolWriter } from '../spool/index.ts'
import { answerJson, answerRefusal } from './answer.ts'
import { BodyCut, createBodyTaker } from './body.ts'
import type { IngestSettings } from './config.ts'
import { createDigester } from './digest.ts'
import { createEvents } from './events/index.ts'
import { createForwarder } from './forward.ts'
import { trustedProxies } from './forwarded.ts'
import { acceptImport, createPlaceIds } from './import.ts'
import type { IngestMetrics } from './metrics.ts'
import { importPathOf, lineOf, pathOf } from './path.ts'
import { createSlabs } from './slabs.ts'
import { createTargetFinder } from './target.ts'
import type { Directory, ServerStatus } from './types.ts'

export type EdgeOptions = {
  spool: SpoolWriter
  directory: Directory
  coreSocketPath: string
  settings: IngestSettings
  clock: Clock
  log: Log
  ids: Ids
  metrics: IngestMetrics
  serverStatus(): ServerStatus
  /** Another process of this node takes requests too: a browser may repeat there what it began here. */
  others?: boolean
}

export type Edge = {
  handler(request: IncomingMessage, response: ServerResponse): void
  /** From now on every answer closes its connection. */
  startDraining(): void
  /** Closes the connections to core. */
  close(): void
}

/** The global id call of td-js-sdk ≥ 3.1 is `GET /` with this type (treasure-data/td-js-sdk lib/plugins/globalid.js). */
const EVENT_TYPE = 'application/vnd.treasuredata.v1'

/** Vendor paths accept an optional `.json` suffix. */
const STATUS_PATHS = new Set(['/v3/system/server_status', '/v3/system/server_status.json'])

/**
 * Everything that happens on port 8080: imports and the server status here, every other path in core. Never
 * touches the main database, and goes on accepting while core and the database are away. Building it does not listen.
 */
export function createEdge(options: EdgeOptions): Edge {
  const { spool, directory, coreSocketPath, settings, clock, log, ids, metrics, serverStatus } = options
  let draining = false
  const isDraining = () => draining
  const proxies = trustedProxies(settings.trustedProxies)
  const { coreWaitSeconds } = settings
  const core = createForwarder({ coreSocketPath, coreWaitSeconds, proxies, clock, log, metrics, isDraining })
  const slabs = createSlabs()
  const digester = createDigester({ log })
  const takeBody = createBodyTaker(settings, slabs)
  const findTarget = createTargetFinder(directory)
  const { importsPerSecond } = settings
  const imports = createRateLimit({
    perSecond: importsPerSecond,
    burstSeconds: BURST_SECONDS,
    monotonicMs: clock.monotonicMs,
  })
  const admit = (keyId: bigint) => {
    const waitSeconds = importsPerSecond === 0 ? undefined : imports.take(String(keyId))
    if (waitSeconds !== undefined)
      throw httpErrors.too_many_requests(`${importsPerSecond} imports a second`).after(waitSeconds)
  }
  const idOfPlace = createPlaceIds(ids.hex128().slice(0, 12))
  const alone = options.others !== true
  const events = createEvents({ spool, directory, settings, proxies, clock, metrics, alone, isDraining })

  const serve = (request: IncomingMessage, response: ServerResponse): Promise<void> | void => {
    const { method } = request
    const path = pathOf(request.url ?? '/')
    if (method === 'PUT' || method === 'POST') {
      const target = importPathOf(path)
      if (target !== undefined) return acceptImport(importParts, target, request, response)
    } else if (method === 'GET' || method === 'HEAD') {
      if (STATUS_PATHS.has(path)) return answerStatus(response, serverStatus())
      if (path === '/' && !isEventRequest(request)) return redirectToConsole(response)
    }
    return events.serve(request, response, path) ?? core.forward(request, response)
  }

  const refuse = (request: IncomingMessage, response: ServerResponse, thrown: unknown) => {
    const line = lineOf(request)
    if (thrown instanceof BodyCut) {
      metrics.refused('body_cut')
      return log.info({ ...line, reason: thrown.message }, 'client went away in the middle of a body')
    }
    const error = thrown instanceof AppError ? thrown : internal(request, thrown)
    metrics.refused(error.code)
    if (error.advice === 'final') log.info({ ...line, code: error.code }, 'request refused')
    else log.debug({ ...line, code: error.code, err: error.cause }, 'request put off')
    answerAfterBody(request, response, error)
  }
  const internal = (request: IncomingMessage, err: unknown) => {
    const reference = ids.hex128().slice(0, 12)
    log.error({ ...lineOf(request), reference, err }, 'request failed')
    return httpErrors.internal(reference, err)
  }
  const importParts = {
    spool,
    findTarget,
    admit,
    takeBody,
    slabs,
    digester,
    clock,
    metrics,
    idOfPlace,
    isDraining,
    refuse,
  }

  return {
    handler(request, response) {
      if (draining) response.shouldKeepAlive = false
      try {
        serve(request, response)?.catch((thrown: unknown) => refuse(request, response, thrown))
      } catch (thrown) {
        refuse(request, response, thrown)
      }
    },
    startDraining() {
      draining = true
    },
    close() {
      core.close()
      digester.close()
    },
  }
}

function answerStatus(response: ServerResponse, status: ServerStatus): void {
  answerJson(response, 200, `{"status":"${status}"}`)
}

function redirectToConsole(response: ServerResponse): void {
  response.writeHead(302, { Location: '/app/', 'Content-Length': 0 })
  response.end()
}

function isEventRequest(request: IncomingMessage): boolean {
  return request.headers.accept?.includes(EVENT_TYPE) ?? false
}

/** How much of a refused body is still read, so that a client that sends first and reads then sees the answer. */
const MOST_DISCARDED_BYTES = 256 * 1024 * 1024
/** A client that sends nothing for so long is taken to wait for the answer. */
const DISCARD_PAUSE_MS = 1000

function answerAfterBody(request: IncomingMessage, response: ServerResponse, error: AppError): void {
  const answer = () => answerRefusal(response, error)
  if (request.complete || error.status !== 413) {
    answer()
    return
  }
  // Closing a connection with unread bytes resets it, and the client would see that instead of the 413.
  response.shouldKeepAlive = false
  let discarded = 0
  let answered = false
  const once = () => {
    if (answered) return
    answered = true
    answer()
  }
  request.on('data', (chunk: Buffer) => {
    discarded += chunk.length
    if (discarded > MOST_DISCARDED_BYTES) once()
  })
  request.once('end', once)
  request.once('close', once)
  request.setTimeout(DISCARD_PAUSE_MS, once)
}
