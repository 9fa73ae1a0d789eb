import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { type Access, addRoute, type CatalogReader, catalogErrors } from '../catalog/index.ts'
import { type IssueDeps, instantOf, issueJob, priorityOf, type Runner } from '../jobs/index.ts'
import { httpErrors, type Parameters, textOf } from '../kernel/http/index.ts'
import { AppError } from '../kernel/index.ts'
import { commitDeletion, DELETION, type DeleteDeps, prepareDeletion } from './delete-rows.ts'
import { archiveErrors } from './errors.ts'

const TYPE = 'partialdelete'
const HOUR_SECONDS = 3600

/** What a job of type partialdelete carries as its query: the table by its id, whatever it is called by then. */
type Query = { table: string; table_id: string; from: number; to: number }

export type PartialDeleteRouteDeps = {
  access: Pick<Access, 'requireManage'>
  reader: CatalogReader
  jobs: IssueDeps
}

/** `table/partialdelete` (digdag TDOperator, older td-client-ruby lib/td/client/api/partial_delete.rb): whole hours, as a job. */
export function partialDeleteRoutes(
  app: FastifyInstance,
  { access, reader, jobs }: PartialDeleteRouteDeps,
): void {
  addRoute(app, 'POST', '/v3/table/partialdelete/:db/:table', async (request, _reply, { db, table }) => {
    const { principal, parameters } = request
    const { from, to } = hoursOf(parameters)
    const database = await access.requireManage(principal, db!)
    const found = await reader.find(
      (view) => view.findTable(principal.accountId, db!, table!),
      () => catalogErrors.table_unknown(`${db}.${table}`),
      `table '${db}.${table}'`,
    )
    const query: Query = { table: table!, table_id: String(found.id), from, to }
    const id = await issueJob(jobs, {
      accountId: principal.accountId,
      userId: principal.userId,
      userName: principal.userName,
      type: TYPE,
      database: db!,
      databaseId: database.id,
      query: JSON.stringify(query),
      priority: priorityOf(parameters) ?? 0,
      retryLimit: 0,
      poolName: textOf(parameters, 'pool_name') ?? null,
      engineVersion: null,
      domainKey: textOf(parameters, 'domain_key') ?? null,
      scheduleId: null,
      scheduledAt: null,
      dueAt: null,
    })
    return { job_id: String(id), database: db, table, from, to }
  })
}

/** @throws bad_request (400), hour_expected (422) */
function hoursOf(parameters: Parameters): { from: number; to: number } {
  const seconds = (name: 'from' | 'to') => {
    const instant = instantOf(parameters, name)
    if (instant === undefined) throw httpErrors.bad_request(`parameter ${name} is missing`)
    return instant.getTime() / 1000
  }
  const [from, to] = [seconds('from'), seconds('to')]
  if (from % HOUR_SECONDS !== 0 || to % HOUR_SECONDS !== 0 || from >= to)
    throw archiveErrors.hour_expected(`from ${from}, to ${to}`)
  return { from, to }
}

/** Runs jobs of type partialdelete, one after the other. */
export function createPartialDeleteRunner(options: DeleteDeps): Runner {
  return {
    types: [TYPE],
    commits: { [DELETION]: commitDeletion },
    async run(job, report, signal) {
      const { table, table_id, from, to } = JSON.parse(job.query) as Query
      const deps = { ...options, draftDirectory: join(options.draftDirectory, 'jobs') }
      try {
        const range = { from: BigInt(from), to: BigInt(to) }
        const deletion = await prepareDeletion(
          deps,
          job,
          { tableId: BigInt(table_id), range },
          { signal, onProgress: report.progress },
        )
        if (deletion === undefined) {
          const message = `Table '${job.database}.${table}' does not exist`
          return { kind: 'error', name: 'TABLE_NOT_FOUND', message, retryable: false }
        }
        report.log(`deleting ${deletion.rows} rows in ${deletion.chunks} chunks`)
        return { kind: 'success', commit: deletion.part }
      } catch (error) {
        if (signal.aborted || !(error instanceof AppError)) throw error
        if (error.code === 'database_away') return { kind: 'needs-database' }
        report.log(`${error.code}: ${error.message}`)
        const retryable = error.advice === 'retry'
        return { kind: 'error', name: error.code, message: error.message, retryable }
      }
    },
  }
}
