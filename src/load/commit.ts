import type { Database } from '../database/index.ts'
import type { Admission } from '../gate/index.ts'
import type { Sql } from '../kernel/index.ts'
import { type SpoolPosition, spoolPositionText } from '../spool/index.ts'
import { loadErrors } from './errors.ts'
import { insertEventIds } from './events-store.ts'
import { storeRequests } from './requests.ts'
import {
  applyChanges,
  findTables,
  insertChunks,
  insertErrorRecords,
  insertImportIds,
  lockTables,
  movePosition,
} from './store.ts'
import type { BuiltBatch, FaultPoint, LoadTable } from './types.ts'

export type Move = { spool: string; epoch: bigint; from: SpoolPosition; to: SpoolPosition; throughMs: number }
export type CommitOutcome = 'committed' | 'stale'

/** Rolls the transaction back: what the batch was built on has changed meanwhile. */
const stale = Symbol('stale')

/**
 * Stores the batch: chunk rows, ids, columns, error records and the spool's position, in one transaction or not at all.
 * `stale`: another loader stored one of the ids or changed one of the tables since the look-up; build again.
 *
 * @throws loader_fenced (another owner) · database_away (503, retry: nothing stored) · write_outcome_unknown
 */
export async function commitBatch(
  database: Database,
  admission: Admission,
  batch: BuiltBatch,
  move: Move,
  faultPoint: FaultPoint,
): Promise<CommitOutcome> {
  const from = spoolPositionText(move.from)
  const to = spoolPositionText(move.to)
  // Decided by what is stored, so that a repeat after a lost reply is the same operation.
  const operationId = `load:${move.spool}:${move.epoch}:${from}`
  try {
    await database.write(
      admission,
      async (sql) => {
        if (
          !(await movePosition(sql, {
            spool: move.spool,
            epoch: move.epoch,
            from,
            to,
            throughMs: move.throughMs,
          }))
        )
          throw loadErrors.loader_fenced(move.spool)
        await store(sql, batch)
        await faultPoint('in-transaction')
      },
      { operationId },
    )
    return 'committed'
  } catch (error) {
    if (error === stale) return 'stale'
    throw error
  }
}

async function store(sql: Sql, batch: BuiltBatch): Promise<void> {
  const { importIds, eventIds, requests, changes, chunks, errors, owner } = batch
  if (importIds.length > 0 && (await insertImportIds(sql, importIds)) !== importIds.length) throw stale
  if (eventIds.length > 0 && (await insertEventIds(sql, eventIds)) !== eventIds.length) throw stale
  if (changes.length > 0) {
    await lockTables(
      sql,
      changes.map(({ table }) => table.id),
    )
    const now = await findTables(
      sql,
      changes.map(({ table }) => table.id),
    )
    if (
      !changes.every(({ table }) =>
        sameColumns(
          table,
          now.find(({ id }) => id === table.id),
        ),
      )
    )
      throw stale
    await applyChanges(sql, changes)
  }
  if (chunks.length > 0) await insertChunks(sql, owner, chunks)
  if (errors.length > 0) await insertErrorRecords(sql, errors)
  // Last: it takes a lock that other loaders wait for until this transaction ends.
  if (!(await storeRequests(sql, requests))) throw stale
}

/** Names and types were decided on these columns; another loader, or table/update-schema, may have been quicker. */
function sameColumns(table: LoadTable, now: LoadTable | undefined): boolean {
  if (now === undefined || now.columns.length !== table.columns.length) return false
  const known = new Map(table.columns.map((column) => [column.name, column]))
  return now.columns.every(({ name, key, type, removed }) => {
    const before = known.get(name)
    return before?.key === key && before.type === type && (before.removed ?? false) === (removed ?? false)
  })
}
