import type { FastifyInstance } from 'fastify'
import { type Access, addRoute, type CatalogReader, catalogErrors } from '../catalog/index.ts'
import { type IssueDeps, issueJob, priorityOf, retryLimitOf } from '../jobs/index.ts'
import { textOf } from '../kernel/http/index.ts'
import { exportErrors } from './errors.ts'
import { exportRequestOf } from './parameters.ts'
import { EXPORT_TYPE } from './runner.ts'

export type ExportRouteDeps = {
  access: Pick<Access, 'requireQuery'>
  reader: CatalogReader
  jobs: IssueDeps
  /** Whether the operator allows exports. */
  isOffered: boolean
}

/** `export/run` (treasure-data/td-client-ruby lib/td/client/api/export.rb): a table, or a range of its times, into one file, as a job. */
export function exportRoutes(
  app: FastifyInstance,
  { access, reader, jobs, isOffered }: ExportRouteDeps,
): void {
  addRoute(app, 'POST', '/v3/export/run/:db/:table', async (request, _reply, { db, table }) => {
    const { principal, parameters } = request
    if (!isOffered) throw exportErrors.export_not_offered()
    const asked = exportRequestOf(parameters, table!)
    const databaseId = await access.requireQuery(principal, db!)
    await reader.find(
      (view) => view.findTable(principal.accountId, db!, table!),
      () => catalogErrors.table_unknown(`${db}.${table}`),
      `table '${db}.${table}'`,
    )
    const id = await issueJob(jobs, {
      accountId: principal.accountId,
      userId: principal.userId,
      userName: principal.userName,
      type: EXPORT_TYPE,
      database: db!,
      databaseId,
      query: JSON.stringify(asked),
      priority: priorityOf(parameters) ?? 0,
      retryLimit: retryLimitOf(parameters) ?? 0,
      poolName: textOf(parameters, 'pool_name') ?? null,
      engineVersion: null,
      domainKey: textOf(parameters, 'domain_key') ?? null,
      scheduleId: null,
      scheduledAt: null,
      dueAt: null,
    })
    return { job: String(id), job_id: String(id), database: db }
  })
}
