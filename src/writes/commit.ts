import {
  audit,
  createDatabaseAs,
  createTableAs,
  describeAs,
  dropColumnAs,
  dropDatabaseAs,
  dropTableAs,
  holdTableAs,
  lockDatabaseAs,
  putColumnAs,
  renameTableAs,
  type TakenAway,
} from '../catalog/index.ts'
import type { CommitEnd, CommitRefusal } from '../jobs/index.ts'
import { AppError, type Sql } from '../kernel/index.ts'
import { lostRight, type UsedRight } from '../query/index.ts'
import { applyChunks, hasViews, mark, tablesOfDatabase, transactionId, undo } from './commit-store.ts'
import { type Attempt, endLocks } from './lock-store.ts'
import type { CatalogStep, ChangeList, ChunkStep, TableAt, WriteDeps } from './types.ts'
import { carryOutView } from './views.ts'

export const CHANGES = 'changes'
/** As it waits in the worker's journal: itself, or where it lies when it is large. */
export type ChangesData = { list: ChangeList } | { path: string }

const MOST_IN_JOURNAL = 128 * 1024

/** Beside the files of the same attempt, and swept with them. */
const listPath = ({ id, attempt }: Attempt) => `chunks/job/${id}/${attempt}/changes.json`

export async function keepList(
  { objects }: Pick<WriteDeps, 'objects'>,
  job: Attempt,
  list: ChangeList,
): Promise<ChangesData> {
  const text = JSON.stringify(list)
  if (text.length <= MOST_IN_JOURNAL) return { list }
  const path = listPath(job)
  // A leftover of this very attempt was never committed: the attempt would not run again otherwise.
  await objects.remove(path)
  await objects.put(path, Buffer.from(text))
  return { path }
}

async function listOf({ objects }: Pick<WriteDeps, 'objects'>, data: ChangesData): Promise<ChangeList> {
  if ('list' in data) return data.list
  return JSON.parse((await objects.get(data.path)).toString()) as ChangeList
}

/**
 * Carries a script's changes out in the transaction of its job's end: all of them, or, where the catalog is not any more as the script
 * saw it, none. What it takes away is denied by the snapshot before the commit.
 */
export function commitChanges(deps: Pick<WriteDeps, 'objects' | 'announcements' | 'faultPoint'>): CommitEnd {
  return async (sql, job, data) => {
    const list = await listOf(deps, data as ChangesData)
    await mark(sql)
    const done = await carryOut(sql, job, list).catch(asRefusal)
    if ('refusal' in done) {
      await undo(sql)
      return done.refusal
    }
    await deps.announcements.deny(await transactionId(sql), done.taken)
    await deps.faultPoint('denied')
    await deps.faultPoint('in-transaction')
    return undefined
  }
}

type Done = { taken: TakenAway[] } | { refusal: CommitRefusal }

/** What the catalog itself refuses for good, such as a name of a column that senders have taken meanwhile, is no reason to try for ever. */
function asRefusal(error: unknown): Done {
  if (!(error instanceof AppError) || error.advice !== 'final') throw error
  const message = `the catalog was changed by another transaction meanwhile (${error.message}); nothing was stored`
  return { refusal: { name: 'TRANSACTION_CONFLICT', message, again: true } }
}

async function carryOut(sql: Sql, job: Attempt, list: ChangeList): Promise<Done> {
  const taken: TakenAway[] = []
  const owner = { accountId: BigInt(list.accountId), userId: BigInt(list.userId) }
  const lost = await lostRight(sql, owner.accountId, list.rights)
  if (lost !== undefined)
    return {
      refusal: lost.because === 'gone' ? conflictOf(`database ${lost.right.database}`) : denied(lost.right),
    }
  for (const step of list.steps) {
    const refusal = await carryOutStep(sql, step, { ...owner, taken })
    if (refusal !== undefined) return { refusal }
    await audit(sql, { principal: owner }, { ...auditOf(step), details: { job_id: String(job.id) } })
  }
  for (const step of inOrder(list.chunks)) {
    const id = BigInt(step.tableId)
    if (!(await holdTableAs(sql, id))) return { refusal: gone(step.at) }
    if (!(await applyChunks(sql, job, step))) return { refusal: conflict(step.at) }
  }
  if ((await endLocks(sql, job)) !== list.locks) return { refusal: LOST }
  return { taken }
}

/** Whoever locks several tables does it in the order of their numbers. */
function inOrder(chunks: readonly ChunkStep[]): ChunkStep[] {
  return [...chunks].sort((a, b) => (BigInt(a.tableId) < BigInt(b.tableId) ? -1 : 1))
}

type Owner = { accountId: bigint; userId: bigint; taken: TakenAway[] }

async function carryOutStep(
  sql: Sql,
  step: CatalogStep,
  { accountId, userId, taken }: Owner,
): Promise<CommitRefusal | undefined> {
  const unless = (isDone: boolean, refusal: CommitRefusal) => (isDone ? undefined : refusal)
  switch (step.do) {
    case 'create-table': {
      const { id, at, columns, description } = step
      const wanted = { accountId, id: BigInt(id), ...at, columns, ...(description && { description }) }
      return unless(await createTableAs(sql, wanted), conflict(at))
    }
    case 'drop-table': {
      const id = BigInt(step.id)
      taken.push({ kind: 'tables', id })
      return unless(await dropTableAs(sql, { accountId, id, ...step.at }), conflict(step.at))
    }
    case 'rename-table': {
      const at = { accountId, id: BigInt(step.id), ...step.at }
      return unless(await renameTableAs(sql, at, step.to), conflict(step.at))
    }
    case 'add-column':
      return unless(await putColumnAs(sql, BigInt(step.id), step.column), gone(step.at))
    case 'rename-column': {
      const { key, type, to } = step
      return unless(await putColumnAs(sql, BigInt(step.id), { key, type, name: to }), gone(step.at))
    }
    case 'drop-column':
      return unless(await dropColumnAs(sql, BigInt(step.id), step.key), gone(step.at))
    case 'comment':
      return unless(await describeAs(sql, BigInt(step.id), step), gone(step.at))
    case 'create-view':
    case 'rename-view':
    case 'drop-view':
      return unless(await carryOutView(sql, step, accountId), conflictOf(`View '${path(step.at)}'`))
    case 'create-schema': {
      const wanted = { accountId, name: step.database, ownerId: userId, id: BigInt(step.id) }
      return unless(await createDatabaseAs(sql, wanted), conflictOf(`database ${step.database}`))
    }
    case 'drop-schema':
      return dropSchema(sql, step, { accountId, taken })
  }
}

async function dropSchema(
  sql: Sql,
  { database, cascade }: Extract<CatalogStep, { do: 'drop-schema' }>,
  { accountId, taken }: Pick<Owner, 'accountId' | 'taken'>,
): Promise<CommitRefusal | undefined> {
  const id = await lockDatabaseAs(sql, accountId, database)
  if (id === undefined) return conflictOf(`database ${database}`)
  const tables = await tablesOfDatabase(sql, id)
  if (!cascade && (tables.length > 0 || (await hasViews(sql, id)))) return conflictOf(`database ${database}`)
  taken.push({ kind: 'databases', id })
  for (const table of tables) taken.push({ kind: 'tables', id: table })
  const dropped = await dropDatabaseAs(sql, accountId, database)
  if (dropped === 'protected')
    return { name: 'PERMISSION_DENIED', message: `Database ${database} is protected from deletion` }
  return dropped === 'dropped' ? undefined : conflictOf(`database ${database}`)
}

const path = ({ database, name }: TableAt) => `td-presto.${database}.${name}`
const conflictOf = (what: string): CommitRefusal => ({
  name: 'TRANSACTION_CONFLICT',
  message: `${what} was changed by another transaction meanwhile; nothing was stored`,
  again: true,
})
const conflict = (at: TableAt) => conflictOf(`Table '${path(at)}'`)
const gone = (at: TableAt): CommitRefusal => ({
  name: 'TABLE_NOT_FOUND',
  message: `Table '${path(at)}' was dropped while the job ran; nothing was stored`,
  again: true,
})
const FORBIDDEN: Record<UsedRight['need'], string> = {
  query: 'select from tables of database',
  tables: 'change tables of database',
  database: 'drop schema',
}
const denied = ({ database, need }: UsedRight): CommitRefusal => ({
  name: 'PERMISSION_DENIED',
  message: `Access Denied: Cannot ${FORBIDDEN[need]} ${database}: the permission was taken away while the job ran; nothing was stored`,
})
const LOST = conflictOf('what the job had locked')

const ACTIONS: Record<CatalogStep['do'], string> = {
  'create-table': 'table.create',
  'drop-table': 'table.delete',
  'rename-table': 'table.rename',
  'add-column': 'table.append_schema',
  'drop-column': 'table.update_schema',
  'rename-column': 'table.update_schema',
  comment: 'table.update',
  'create-view': 'view.create',
  'rename-view': 'view.rename',
  'drop-view': 'view.delete',
  'create-schema': 'database.create',
  'drop-schema': 'database.delete',
}

function auditOf(step: CatalogStep): { action: string; target: string } {
  const target = 'at' in step ? `${step.at.database}.${step.at.name}` : step.database
  return { action: ACTIONS[step.do], target }
}
