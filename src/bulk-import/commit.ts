import { type Actor, audit } from '../catalog/index.ts'
import { applyChanges, findTables, insertChunks, lockTables } from '../load/index.ts'
import { columnChange } from './columns.ts'
import { bulkImportErrors } from './errors.ts'
import { requireStep } from './life.ts'
import { manifestPath } from './paths.ts'
import { changeSession, openSession, type SessionDeps } from './sessions.ts'
import { listParts, markCommitted } from './store.ts'
import type { Manifest, Session } from './types.ts'

/** The steps between which core may die; the crash tests stop at each. */
export const COMMIT_STEPS = ['manifest-read', 'in-transaction', 'committed'] as const
export type CommitStep = (typeof COMMIT_STEPS)[number]

export type CommitDeps = SessionDeps & {
  /** Others learn of the chunks from the catalog; this makes it soon. */
  onCommitted(): void
  /** Tests die here. */
  faultPoint?: (step: CommitStep) => void | Promise<void>
}

/**
 * Makes the rows visible: chunks, columns and the session's end in one transaction. A repeat finds the session committed and
 * changes nothing, so a lost answer is simply asked for again.
 *
 * @throws bulk_import_step_refused (409, final) unless the session is ready · write_outcome_unknown, database_away (503, retry)
 */
export async function commitSession(deps: CommitDeps, actor: Actor, name: string): Promise<void> {
  const { objects, faultPoint = () => undefined } = deps
  for (;;) {
    const seen = await openSession(deps, actor.principal, name)
    requireStep(seen, 'commit')
    if (seen.status === 'committed') return
    const output = outputOf(seen)
    const manifest = JSON.parse((await objects.get(manifestPath(output))).toString()) as Manifest
    await faultPoint('manifest-read')
    const parts = await changeSession(deps, actor, { name, step: 'commit' }, async (sql, session) => {
      if (session.status === 'committed') return []
      // Performed again between the two looks: that manifest is another one.
      if (!isSameOutput(outputOf(session), output)) return undefined
      await lockTables(sql, [session.tableId])
      const [table] = await findTables(sql, [session.tableId])
      if (table === undefined) throw bulkImportErrors.bulk_import_target_gone(name)
      await applyChanges(sql, [columnChange(table, manifest)])
      const owner = `job:${output.job}:${output.attempt}`
      const chunks = manifest.chunks.map((chunk) => ({ ...chunk, tableId: table.id }))
      if (chunks.length > 0) await insertChunks(sql, owner, chunks)
      await markCommitted(sql, session.id)
      await audit(sql, actor, {
        action: 'bulk_import.commit',
        target: name,
        details: { job_id: String(output.job) },
      })
      const stored = await listParts(sql, session.id)
      await faultPoint('in-transaction')
      return stored
    })
    if (parts === undefined) continue
    await faultPoint('committed')
    deps.onCommitted()
    // What is committed needs its parts no more; those that a crash leaves are swept.
    for (const { path } of parts) await objects.remove(path)
    return
  }
}

function outputOf({ id, name, jobId, attempt }: Session) {
  if (jobId === null || attempt === null) throw new Error(`session '${name}' is ready but has no output`)
  return { session: id, job: jobId, attempt }
}

type Output = ReturnType<typeof outputOf>
const isSameOutput = (a: Output, b: Output) => a.job === b.job && a.attempt === b.attempt
