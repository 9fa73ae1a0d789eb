import type { FastifyInstance } from 'fastify'
import type { Database } from '../database/index.ts'
import type { SnapshotTable } from '../snapshot/index.ts'
import { auditRoutes } from './audit-routes.ts'
import { databaseRoutes } from './database-routes.ts'
import { deletedRoutes } from './deleted-routes.ts'
import { permissionRoutes } from './permission-routes.ts'
import { resultRoutes } from './result-routes.ts'
import type { SecretBox } from './secret-box.ts'
import { tableRoutes } from './table-routes.ts'
import { userRoutes } from './user-routes.ts'
import type { UserDeps } from './users.ts'

/** The newest `count` rows of a table, newest first: msgpack maps one after another, or a JSON array. */
export type Tail = (
  table: SnapshotTable,
  options: { count: number; format: 'msgpack' | 'json' },
) => Promise<Buffer>

export type CatalogRouteDeps = UserDeps & {
  database: Database
  /** How long what was deleted can be restored. */
  undeleteHours: number
  secrets: SecretBox
  /** Comes from the side that reads chunks; without it table/tail answers 501. */
  tail?: Tail
}

/** The REST API of databases, tables, users, keys, account, permissions and result targets. */
export function catalogRoutes(app: FastifyInstance, deps: CatalogRouteDeps): void {
  databaseRoutes(app, deps)
  tableRoutes(app, deps)
  deletedRoutes(app, deps)
  userRoutes(app, deps)
  resultRoutes(app, deps)
  permissionRoutes(app, deps)
  auditRoutes(app, deps)
}
