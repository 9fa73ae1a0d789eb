import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { AppError } from '../../kernel/index.ts'
import { BodyCut } from '../body.ts'
import { ingestErrors } from '../errors.ts'
import { createAcceptor } from './accept.ts'
import { acceptBrowserEvent } from './browser.ts'
import { allowOrigin, answerPreflight } from './cors.ts'
import { acceptDevices } from './devices.ts'
import { answerCookieId, answerGlobalId, answerSegments } from './identity.ts'
import { answerPersonalizationError } from './personalization.ts'
import { acceptPostback } from './postback.ts'
import { acceptPersonalization, acceptRecords } from './records.ts'
import { createRepeats } from './repeats.ts'
import { type EventRoute, eventRouteOf } from './routes.ts'
import { addressOf, cookieOf } from './sender.ts'
import { createEventBodyReader } from './sender-body.ts'
import { createEventTargetFinder } from './target.ts'
import type { EventOptions } from './types.ts'
import { createUserAgentParser } from './user-agent.ts'

export type { EventOptions } from './types.ts'

export type Events = {
  /** Serves the request when it is one of the event protocols'; undefined: it is somebody else's, and was not touched. */
  serve(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> | undefined
}

/**
 * Event collection: browsers, devices, webhooks and the ingestion API, into the spool. An answer of 200 means fsynced. What is
 * certainly wrong is refused in the protocol's own form; what nobody can check is accepted and checked by the loader.
 */
export function createEvents(options: EventOptions): Events {
  const { spool, directory, settings, proxies, clock, metrics, alone, isDraining } = options
  const { eventBodyBytes, memoryBytes, stallSeconds, postbackV2Hosts } = settings
  const parts = {
    acceptor: createAcceptor({ spool, metrics, repeats: createRepeats(clock, { alone }), isDraining }),
    findTarget: createEventTargetFinder(directory, clock),
    readBody: createEventBodyReader({ bodyBytes: eventBodyBytes, memoryBytes, stallSeconds }),
    senderOf: (request: IncomingMessage) => ({
      address: addressOf(request, proxies),
      userAgent: request.headers['user-agent'] ?? '',
      globalId: cookieOf(request, '_td_global'),
    }),
    makeUuid: options.makeUuid ?? randomUUID,
    nowMs: () => clock.now().getTime(),
    parseUserAgent: createUserAgentParser(),
    proxies,
    v2Hosts: postbackV2Hosts.map((host) => host.toLowerCase()),
  }

  const run = async (route: EventRoute, request: IncomingMessage, response: ServerResponse) => {
    if (request.method === 'OPTIONS') return answerPreflight(request, response)
    requireMethod(route, request.method)
    switch (route.kind) {
      case 'records': {
        const isPersonal = request.headers['wp13n-token'] !== undefined
        return (isPersonal ? acceptPersonalization : acceptRecords)(parts, route, request, response)
      }
      case 'personalization':
        return acceptPersonalization(parts, route, request, response)
      case 'browser':
        return acceptBrowserEvent(parts, route, request, response)
      case 'postback':
        return acceptPostback(parts, route, request, response)
      case 'devices':
        return acceptDevices(parts, request, response)
      case 'global-id':
        return answerGlobalId(request, response, { ...parts, jsonp: route.jsonp })
      case 'cookie-id':
        return answerCookieId(request, response, parts)
      case 'segments':
        return answerSegments(request, response)
    }
  }

  const serve = async (route: EventRoute, request: IncomingMessage, response: ServerResponse) => {
    try {
      await run(route, request, response)
    } catch (error) {
      if (error instanceof BodyCut) throw error
      allowOrigin(request, response)
      if (route.kind === 'personalization' && error instanceof AppError && error.status !== 413)
        return answerPersonalizationError(response, error)
      throw error
    }
  }

  return {
    serve(request, response, path) {
      const route = eventRouteOf(request.method, path, request.headers.accept)
      return route && serve(route, request, response)
    },
  }
}

const GET_ONLY = ['GET']
const POST_ONLY = ['POST']
const BOTH = ['GET', 'POST']
const METHODS: Record<EventRoute['kind'], string[]> = {
  records: POST_ONLY,
  personalization: POST_ONLY,
  browser: BOTH,
  postback: BOTH,
  devices: POST_ONLY,
  'global-id': GET_ONLY,
  'cookie-id': GET_ONLY,
  segments: GET_ONLY,
}

/** @throws event_method_unsupported (405) */
function requireMethod({ kind }: EventRoute, method = ''): void {
  if (!METHODS[kind].includes(method)) throw ingestErrors.event_method_unsupported(method)
}
