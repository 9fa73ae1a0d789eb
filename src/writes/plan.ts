import {
  type Change,
  type CompiledQuery,
  type CompiledStatement,
  compileStatement,
  measureIn,
  noteRights,
  parseScript,
  permittedLookup,
  type QueryCatalog,
  type ScriptRun,
  sessionAfter,
  startSession,
  type TableUse,
  tablesOf,
  type UsedRight,
  withSystemTables,
} from '../query/index.ts'
import { createOverlay, type Effect, type NewIds, type Overlay } from './overlay.ts'

/** A statement with what it does to the catalog. */
export type Planned = { statement: CompiledStatement; effect: Effect }

/** A script compiled as a whole: each statement against the catalog as those before it leave it. */
export type Plan = {
  statements: Planned[]
  overlay: Overlay
  catalog: QueryCatalog
  /** What is read of tables that were there before. */
  reads: TableUse[]
  locks: Lock[]
  /** The permissions by which it may do all that. */
  rights: UsedRight[]
}

/** What a job keeps to itself; `tableId`: it takes rows out of that table. */
export type Lock = { target: string; tableId: bigint | null }

export async function planScript(
  { job, context, catalog: openCatalog }: Pick<ScriptRun, 'job' | 'context' | 'catalog'>,
  ids: NewIds,
): Promise<Plan> {
  const { catalog, used } = noteRights(await openCatalog(), job.userId)
  const overlay = createOverlay(withSystemTables(permittedLookup(catalog)), ids)
  const statements: Planned[] = []
  let session = startSession({ defaultDatabase: job.database, context })
  for (const parsed of parseScript(job.query).statements) {
    const statement = await compileStatement(parsed, {
      ...session,
      lookup: overlay.lookup,
      measure: measureIn(catalog),
    })
    const effect: Effect =
      statement.kind === 'change' ? await overlay.apply(statement.change) : { kind: 'none' }
    statements.push({ statement, effect })
    session = sessionAfter(session, statement)
  }
  const reads = readsOf(statements, overlay)
  const locks = locksOf(statements, { job, overlay, reads })
  return { statements, overlay, catalog, reads, locks, rights: used() }
}

/** Tables that the script made itself have nothing stored yet. */
function readsOf(statements: readonly Planned[], overlay: Overlay): TableUse[] {
  const compiled = statements.map(({ statement }) => statement)
  const uses = tablesOf(compiled).filter(({ tableId }) => !overlay.isNew(tableId))
  const whole = compiled.flatMap((statement): TableUse[] => {
    if (statement.kind !== 'change' || statement.change.kind !== 'delete') return []
    const { predicate, tableId, target } = statement.change
    if (predicate !== null || overlay.isNew(tableId)) return []
    return [{ tableId, database: target.database, table: target.name, ranges: [{ from: null, to: null }] }]
  })
  return [...uses, ...whole]
}

/** The rows that a change writes or looks through. */
export function sourceOf(change: Change): CompiledQuery | undefined {
  switch (change.kind) {
    case 'insert':
    case 'create-table-as':
      return change.source
    case 'delete':
      return change.predicate?.source
    default:
      return undefined
  }
}

/**
 * Two jobs that change what both have looked at go one after the other. Rows that are only added to a table nobody here reads
 * commute with everything, as imports do, and wait for nobody.
 */
function locksOf(
  statements: readonly Planned[],
  { job, overlay, reads }: { job: ScriptRun['job']; overlay: Overlay; reads: readonly TableUse[] },
): Lock[] {
  const locks = new Map<string, bigint | null>()
  const lock = (target: string, tableId: bigint | null = null) => {
    if (tableId !== null || !locks.has(target)) locks.set(target, tableId)
  }
  const named = ({ database, name }: { database: string; name: string }) =>
    lock(`name:${job.accountId}:${database}.${name}`)
  const isRead = new Set(reads.map(({ tableId }) => tableId))
  for (const { statement } of statements) {
    if (statement.kind !== 'change') continue
    const { change } = statement
    switch (change.kind) {
      case 'insert':
        if (isRead.has(change.tableId)) lock(`table:${change.tableId}`)
        break
      case 'delete':
        if (!overlay.isNew(change.tableId)) lock(`table:${change.tableId}`, change.tableId)
        break
      case 'create-schema':
      case 'drop-schema':
        lock(`schema:${job.accountId}:${change.database}`)
        break
      case 'rename-table':
      case 'rename-view':
        named(change.from)
        named(change.to)
        break
      default:
        named(change.target)
    }
  }
  for (const step of overlay.steps)
    if ('at' in step && 'id' in step && !overlay.isNew(BigInt(step.id))) lock(`table:${step.id}`)
  return [...locks]
    .map(([target, tableId]) => ({ target, tableId }))
    .sort((a, b) => (a.target < b.target ? -1 : 1))
}
