import { type Access, type Actor, audit, catalogErrors } from '../catalog/index.ts'
import type { Database } from '../database/index.ts'
import { announceJob, type GateView, insertJob, patientUpTo } from '../jobs/index.ts'
import { httpErrors, type Principal } from '../kernel/http/index.ts'
import { type Channel, isRetryable, type Log, type Sql } from '../kernel/index.ts'
import type { ObjectStore } from '../storage/index.ts'
import { bulkImportErrors } from './errors.ts'
import { requireStep, type SessionStep } from './life.ts'
import { ROOT } from './paths.ts'
import { PERFORM_TYPE, removeAll } from './perform.ts'
import {
  beginPerforming,
  deleteSession,
  findSession,
  findTableId,
  freezeSession,
  insertSession,
  listParts,
  listSessions,
  lockSession,
  removePart,
} from './store.ts'
import type { Session } from './types.ts'

export type SessionDeps = {
  database: Database
  gate: GateView
  access: Access
  objects: ObjectStore
  channel: Channel
  log: Log
  /** Kills a job of the account; what happens to jobs while the database is away is not asked for. */
  killJob(accountId: bigint, id: bigint): Promise<unknown>
}

const DEADLINE_MS = 10_000
/** A failed perform is tried again so often when its cause may pass, such as a full disk. */
const RETRIES = 3

/** While the database is away nobody waits: all clients of this family repeat a 503 (event-collection reference §7). */
export const reading = ({ gate }: Pick<SessionDeps, 'gate'>) => patientUpTo(gate, 'read', DEADLINE_MS)
export const writing = ({ gate }: Pick<SessionDeps, 'gate'>) => patientUpTo(gate, 'write', DEADLINE_MS)

/** @throws bulk_import_name_invalid (422, final) */
export function requireSessionName(name: string): string {
  // The wording of td-client-ruby's other fixtures (spec/td/client/result_api_spec.rb).
  if (name.length < 3) throw invalid('Name is too short (minimum is 3 characters)')
  if (name.length > 255) throw invalid('Name is too long (maximum is 255 characters)')
  if (hasControls(name)) throw invalid('Name holds control characters')
  return name
}

/** @throws bulk_import_name_invalid (422, final) */
export function requirePartName(name: string): string {
  if (name.length < 1 || name.length > 255 || hasControls(name))
    throw invalid('a part name has 1 to 255 characters, no control characters')
  return name
}

const invalid = (what: string) => bulkImportErrors.bulk_import_name_invalid(what)
const hasControls = (text: string) => [...text].some((char) => char < ' ' || char === '\u007f')

/** Of what is gone the one who made the session, or an administrator, may still see and delete it. */
async function requirePermission(
  { access }: SessionDeps,
  principal: Principal,
  session: Session,
): Promise<void> {
  if (!session.isTargetGone) {
    await access.requireImport(principal, session.database)
    return
  }
  if (principal.role === 'member' && principal.userId !== session.userId)
    throw httpErrors.not_authorized(`to access bulk import session '${session.name}'`)
}

/** @throws bulk_import_unknown (404, final) · not_authorized (403, final) · database_away (503, retry) */
export async function showSession(deps: SessionDeps, principal: Principal, name: string): Promise<Session> {
  const session = await deps.database.read(reading(deps), (sql) =>
    findSession(sql, principal.accountId, name),
  )
  if (session === undefined) throw bulkImportErrors.bulk_import_unknown(name)
  await requirePermission(deps, principal, session)
  return session
}

/** As `showSession`, for whatever needs the table. @throws bulk_import_target_gone (404, final) */
export async function openSession(deps: SessionDeps, principal: Principal, name: string): Promise<Session> {
  const session = await showSession(deps, principal, name)
  if (session.isTargetGone) throw bulkImportErrors.bulk_import_target_gone(name)
  return session
}

/** Those that the principal may import into, and its own of deleted tables. */
export async function visibleSessions(deps: SessionDeps, principal: Principal): Promise<Session[]> {
  const sessions = await deps.database.read(reading(deps), (sql) => listSessions(sql, principal.accountId))
  if (principal.role !== 'member') return sessions
  const visible: Session[] = []
  for (const session of sessions) if (await isPermitted(deps, principal, session)) visible.push(session)
  return visible
}

async function isPermitted(deps: SessionDeps, principal: Principal, session: Session): Promise<boolean> {
  try {
    await requirePermission(deps, principal, session)
    return true
  } catch (error) {
    if (isRetryable(error)) throw error
    return false
  }
}

export async function createSession(
  deps: SessionDeps,
  actor: Actor,
  { name, database, table }: { name: string; database: string; table: string },
): Promise<void> {
  requireSessionName(name)
  const { accountId, userId } = actor.principal
  const { id: databaseId } = await deps.access.requireImport(actor.principal, database)
  await deps.database.write(writing(deps), async (sql) => {
    const tableId = await findTableId(sql, databaseId, table)
    if (tableId === undefined) throw catalogErrors.table_unknown(`${database}.${table}`)
    if (!(await insertSession(sql, { accountId, userId, name, database, table, tableId })))
      throw bulkImportErrors.bulk_import_exists(name)
    await audit(sql, actor, { action: 'bulk_import.create', target: name, details: { database, table } })
  })
}

/** Runs the change on the locked session, when its state allows the step; otherwise nothing happens. */
export async function changeSession<T>(
  deps: SessionDeps,
  actor: Actor,
  { name, step }: { name: string; step: SessionStep },
  change: (sql: Sql, session: Session) => Promise<T>,
): Promise<T> {
  await openSession(deps, actor.principal, name)
  return deps.database.write(writing(deps), async (sql) => {
    const session = await lockSession(sql, actor.principal.accountId, name)
    if (session === undefined) throw bulkImportErrors.bulk_import_unknown(name)
    if (session.isTargetGone) throw bulkImportErrors.bulk_import_target_gone(name)
    requireStep(session, step)
    return change(sql, session)
  })
}

export async function freeze(
  deps: SessionDeps,
  actor: Actor,
  name: string,
  isFrozen: boolean,
): Promise<void> {
  await changeSession(deps, actor, { name, step: isFrozen ? 'freeze' : 'unfreeze' }, (sql, session) =>
    freezeSession(sql, session.id, isFrozen),
  )
}

export async function namesOfParts(deps: SessionDeps, principal: Principal, name: string): Promise<string[]> {
  const session = await openSession(deps, principal, name)
  const parts = await deps.database.read(reading(deps), (sql) => listParts(sql, session.id))
  return parts.map((part) => part.name)
}

export async function deletePart(deps: SessionDeps, actor: Actor, name: string, part: string): Promise<void> {
  const path = await changeSession(deps, actor, { name, step: 'delete_part' }, async (sql, session) => {
    const removed = await removePart(sql, session.id, part)
    if (removed === undefined) throw bulkImportErrors.bulk_import_part_unknown(part)
    return removed
  })
  await deps.objects.remove(path)
}

/** Issues the job; the session waits for it from the same moment on. */
export async function performSession(
  deps: SessionDeps,
  actor: Actor,
  { name, priority, poolName }: { name: string; priority: number; poolName: string | null },
): Promise<bigint> {
  const { accountId, userId, userName } = actor.principal
  const jobId = await changeSession(deps, actor, { name, step: 'perform' }, async (sql, session) => {
    const { database, table } = session
    const id = await insertJob(sql, {
      accountId,
      userId,
      userName,
      type: PERFORM_TYPE,
      database,
      databaseId: null,
      // What the CLI shows as the job's destination.
      query: `${name} INTO ${database}.${table}`,
      priority,
      retryLimit: RETRIES,
      poolName,
      engineVersion: null,
      domainKey: null,
      scheduleId: null,
      scheduledAt: null,
      dueAt: null,
    })
    await beginPerforming(sql, session.id, id)
    await audit(sql, actor, { action: 'bulk_import.perform', target: name, details: { job_id: String(id) } })
    return id
  })
  announceJob(deps.channel)
  return jobId
}

/** The session is gone with this; its job, if one runs, is told to die and can store nothing any more; files follow. */
export async function removeSession(deps: SessionDeps, actor: Actor, name: string): Promise<void> {
  const { principal } = actor
  await showSession(deps, principal, name)
  const session = await deps.database.write(writing(deps), async (sql) => {
    const locked = await lockSession(sql, principal.accountId, name)
    if (locked === undefined) throw bulkImportErrors.bulk_import_unknown(name)
    requireStep(locked, 'delete')
    await deleteSession(sql, locked.id)
    await audit(sql, actor, { action: 'bulk_import.delete', target: name })
    return locked
  })
  try {
    if (session.status === 'performing') await deps.killJob(session.accountId, session.jobId!)
    else if (session.status !== 'committed') await removeAll(deps.objects, `${ROOT}${session.id}/`)
  } catch (error) {
    // The session is deleted; the job finds nothing to do, and the sweep takes the files.
    deps.log.warn({ err: error, session: name }, 'what a deleted bulk import session left is removed later')
  }
}
