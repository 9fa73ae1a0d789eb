import type { FastifyInstance } from 'fastify'
import { httpErrors } from '../../kernel/http/index.ts'

/** Parts of the protocol that later releases offer, by first segment below /v3: a clear refusal, not "no such path". */
const NOT_YET: Record<string, string> = {
  bulk_import: 'bulk import sessions',
  bulk_loads: 'data connectors',
  export: 'table export',
  connections: 'connections',
}

export function notOfferedRoutes(app: FastifyInstance): void {
  for (const [segment, what] of Object.entries(NOT_YET)) {
    const refuse = () => {
      throw httpErrors.not_supported(what)
    }
    app.all(`/v3/${segment}`, refuse)
    app.all(`/v3/${segment}/*`, refuse)
  }
}
