import { findDatabaseAs } from '../catalog/index.ts'
import type { RunOutcome, StoredResult } from '../jobs/index.ts'
import {
  answerStatement,
  type BoundTables,
  type Change,
  type CompiledQuery,
  type CompiledStatement,
  explainAnalyzed,
  measureIn,
  QueryError,
  type ScriptRun,
  tablesOf,
} from '../query/index.ts'
import { storageErrors } from '../storage/index.ts'
import { storeAnswer } from './answer.ts'
import { type ScriptChunks, scriptChunks } from './chunks.ts'
import { CHANGES, keepList } from './commit.ts'
import { deleteRows, type StandsFor } from './delete-rows.ts'
import { columnsOfCreated, columnsOfInsert, insertRows, type Target } from './insert-rows.ts'
import { letGo, planUnderLocks } from './locks.ts'
import type { Plan, Planned } from './plan.ts'
import { nameOf, sharesOf, within } from './steps.ts'
import type { ChangeList, TableAt, WriteDeps } from './types.ts'

/**
 * Runs a script that changes something, as one unit: in order, each statement sees what those before it did, all of them one version of
 * everything else, and nobody sees anything before the job's end, with which all of it is committed.
 */
export async function runScript(deps: WriteDeps, run: ScriptRun): Promise<RunOutcome> {
  const paths: string[] = []
  try {
    return await runUnderLocks(deps, run, paths)
  } catch (error) {
    await giveUp(deps, run, paths)
    throw error
  }
}

async function runUnderLocks(deps: WriteDeps, run: ScriptRun, paths: string[]): Promise<RunOutcome> {
  const { report } = run
  const plan = await planUnderLocks(deps, run)
  // The snapshot can be read, not written.
  if (plan.catalog.ageMs !== undefined) {
    report.log('the main database is away: what changes something waits for it')
    return { kind: 'needs-database' }
  }
  await deps.faultPoint('locked')
  const state = await startState(deps, { run, plan, paths })
  const answer = await runStatements(state)
  for (const path of state.chunks.unused()) await deps.objects.remove(path)
  const list = listOf(state)
  const data = await keepList(deps, run.job, list)
  await deps.faultPoint('listed')
  const result = answer.result ?? (await storeAnswer(deps, run, answer.rows))
  return { kind: 'success', result, cpuMs: state.cpuMs, commit: { kind: CHANGES, data } }
}

type State = {
  deps: WriteDeps
  /** Its progress is that of the statement that runs. */
  run: ScriptRun
  plan: Plan
  chunks: ScriptChunks
  /** Files that were written. */
  paths: string[]
  standsFor: StandsFor
  cpuMs: number
}
type Answer = { rows?: number; result?: StoredResult }

/** All chunks that any statement reads, as of one moment. */
async function startState(
  deps: WriteDeps,
  { run, plan, paths }: Pick<State, 'run' | 'plan' | 'paths'>,
): Promise<State> {
  const base = await plan.catalog.chunksOf(plan.reads)
  const rows = base.reduce((sum, chunk) => sum + chunk.rows, 0)
  run.report.log(`reading ${base.length} chunks, ${rows} rows in ${plan.reads.length} tables`)
  return { deps, run, plan, chunks: scriptChunks(base), paths, standsFor: new Map(), cpuMs: 0 }
}

/** The answer is the last one's. */
async function runStatements(state: State): Promise<Answer> {
  const { run, plan } = state
  const { statements } = plan
  const shares = sharesOf(statements.map(({ statement }) => statement))
  let answer: Answer = {}
  for (const [i, planned] of statements.entries()) {
    if (statements.length > 1)
      run.report.log(`statement ${i + 1} of ${statements.length}: ${nameOf(planned.statement)}`)
    state.run = within(run, shares[i]!)
    answer = await runStatement(state, planned, i === statements.length - 1)
    run.report.progress(shares[i]!.to)
  }
  return answer
}

async function runStatement(state: State, { statement, effect }: Planned, isLast: boolean): Promise<Answer> {
  const { run, plan, chunks } = state
  run.signal.throwIfAborted()
  const tables: BoundTables = { chunks: chunks.live(), catalog: plan.catalog }
  switch (statement.kind) {
    case 'change': {
      const measured = { startedMs: state.deps.clock.monotonicMs(), cpuMs: state.cpuMs }
      const answer = await changeTable(state, statement.change, { effect, tables })
      if (statement.analyze === undefined || !isLast) return answer
      return analyzed(state, {
        statement,
        verbose: statement.analyze.verbose,
        rows: answer.rows ?? 0,
        ...measured,
      })
    }
    case 'session':
      return {}
    default: {
      // Also one whose rows nobody sees may fail, and the script with it.
      const { result, cpuMs } = await answerStatement(run, statement, tables)
      state.cpuMs += cpuMs
      if (isLast) return { result }
      await state.deps.objects.remove(result.path)
      return {}
    }
  }
}

/** The answer of EXPLAIN ANALYZE: what was written, and what that took. */
async function analyzed(
  state: State,
  {
    statement,
    verbose,
    rows,
    startedMs,
    cpuMs,
  }: {
    statement: Extract<CompiledStatement, { kind: 'change' }>
    verbose: boolean
    rows: number
    startedMs: number
    cpuMs: number
  },
): Promise<Answer> {
  const { deps, run, plan, chunks } = state
  const measurement = {
    rows: BigInt(rows),
    cpuMs: state.cpuMs - cpuMs,
    elapsedMs: deps.clock.monotonicMs() - startedMs,
  }
  const facts = await measureIn(plan.catalog)(tablesOf([statement]))
  const answer = explainAnalyzed({ statement, verbose }, facts, measurement)
  const stored = await run.storeResult(answer, { chunks: chunks.live(), catalog: plan.catalog })
  state.cpuMs += stored.cpuMs
  return { result: stored.result }
}

async function changeTable(
  state: State,
  change: Change,
  { effect, tables }: { effect: Planned['effect']; tables: BoundTables },
): Promise<Answer> {
  switch (change.kind) {
    case 'insert': {
      const columns = columnsOfInsert(change.columns)
      const target = await targetOf(state, change.tableId, change.target)
      return insert(state, { source: change.source, columns, target, tables })
    }
    case 'create-table-as': {
      if (effect.kind !== 'table' || !change.withData) return { rows: 0 }
      const columns = columnsOfCreated(change.columns)
      const target = await targetOf(state, effect.id, change.target)
      return insert(state, { source: change.source, columns, target, tables })
    }
    case 'delete': {
      const target = await targetOf(state, change.tableId, change.target)
      const { deps, run, chunks, paths, standsFor } = state
      requireRoom(deps)
      const work = {
        change,
        target,
        chunks: chunks.of(change.tableId),
        tables,
        part: paths.length,
        standsFor,
      }
      const deletion = await deleteRows(deps, run, work)
      state.cpuMs += deletion.cpuMs
      paths.push(...deletion.add.map(({ path }) => path))
      chunks.retire(target, deletion.retire)
      chunks.add(target, deletion.add)
      run.report.log(`${deletion.rows} rows deleted from ${change.target.database}.${change.target.name}`)
      return { rows: deletion.rows }
    }
    default:
      return {}
  }
}

async function insert(
  state: State,
  {
    target,
    ...work
  }: {
    source: CompiledQuery
    columns: ReturnType<typeof columnsOfCreated>
    target: Target
    tables: BoundTables
  },
): Promise<Answer> {
  const { deps, run, chunks, paths } = state
  requireRoom(deps)
  const written = await insertRows(deps, run, { ...work, target, part: paths.length })
  state.cpuMs += written.cpuMs
  paths.push(...written.chunks.map(({ path }) => path))
  chunks.add(target, written.chunks)
  run.report.log(`${written.rows} rows written to ${target.at.database}.${target.at.name}`)
  return { rows: written.rows }
}

/** @throws storage_full (503, retry) */
function requireRoom({ hasRoom }: WriteDeps): void {
  if (!hasRoom()) throw storageErrors.storage_full('the rows of a statement: the disk is short')
}

async function targetOf(
  { deps, run, plan }: State,
  id: bigint,
  { database, name }: TableAt,
): Promise<Target> {
  const at = { database, name }
  const fresh = plan.overlay.newDatabase(database)
  if (fresh !== undefined) return { id, databaseId: fresh, at }
  const { accountId } = run.job
  const databaseId = await deps.database.read({ class: 'read', deadlineMs: 5_000 }, (sql) =>
    findDatabaseAs(sql, accountId, database),
  )
  if (databaseId === undefined)
    throw new QueryError('SCHEMA_NOT_FOUND', `Schema '${database}' does not exist`)
  return { id, databaseId, at }
}

function listOf({ run, plan, chunks }: State): ChangeList {
  const { overlay, locks, rights } = plan
  const { accountId, userId } = run.job
  return {
    accountId: String(accountId),
    userId: String(userId),
    rights,
    steps: [...overlay.steps],
    chunks: chunks.steps().filter(({ tableId }) => overlay.isThere(BigInt(tableId))),
    locks: locks.length,
  }
}

/**
 * After a failure: others need not wait for this attempt's end. What cannot be done now is not needed, and must not stand before the
 * failure itself: files of such a job belong to nobody and go with the orphan sweep, its locks count no longer than its attempt.
 */
async function giveUp(deps: WriteDeps, run: ScriptRun, paths: readonly string[]): Promise<void> {
  const unless = (what: string) => (error: unknown) =>
    run.report.log(`${what}, which does no harm: ${(error as Error).message}`)
  await letGo(deps, run).catch(unless('the locks of the job could not be given up'))
  for (const path of paths) {
    const isRemoved = await deps.objects.remove(path).then(() => true, unless(`${path} could not be removed`))
    if (isRemoved !== true) break
  }
}
