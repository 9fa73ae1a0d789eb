import type { FastifyContextConfig, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Actor } from './audit-store.ts'

export type Handler = (
  request: FastifyRequest,
  reply: FastifyReply,
  path: Record<string, string>,
) => Promise<unknown>

/**
 * Adds a v3 route. Vendor paths accept an optional `.json` suffix (`(.:format)`): it is taken off the last segment,
 * whether that is a word or a parameter.
 */
export function addRoute(
  app: FastifyInstance,
  method: 'GET' | 'POST' | 'PATCH' | ('GET' | 'POST')[],
  path: string,
  handler: Handler,
  config: FastifyContextConfig = {},
): void {
  const last = /:([a-z0-9_]+)$/.exec(path)?.[1]
  const urls = last === undefined ? [path, `${path}.json`] : [path]
  const handle = (request: FastifyRequest, reply: FastifyReply) => {
    const params = { ...(request.params as Record<string, string>) }
    if (last !== undefined) params[last] = params[last]!.replace(/\.json$/, '')
    return handler(request, reply, params)
  }
  for (const url of urls) app.route({ method, url, config, handler: handle })
}

export function actorOf(request: FastifyRequest): Actor {
  return { principal: request.principal, address: request.ip }
}
