import type { FastifyInstance } from 'fastify'
import { httpErrors } from '../../kernel/http/index.ts'

/** Parts of the protocol that later releases offer, by the path they begin with: a clear refusal, not "no such path". */
const NOT_YET: Record<string, string> = {
  '/v3/bulk_loads': 'data connectors',
  '/v3/connections': 'connections',
  '/v3/job/result_export': 'result output',
}

export function notOfferedRoutes(app: FastifyInstance): void {
  for (const [path, what] of Object.entries(NOT_YET)) {
    const refuse = () => {
      throw httpErrors.not_supported(what)
    }
    app.all(path, refuse)
    app.all(`${path}/*`, refuse)
  }
}
