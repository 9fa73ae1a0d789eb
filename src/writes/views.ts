import type { CommitRefusal } from '../jobs/index.ts'
import type { Sql } from '../kernel/index.ts'
import type { CatalogStep } from './types.ts'

type ViewStep = Extract<CatalogStep, { do: 'create-view' | 'rename-view' | 'drop-view' }>

/** Stores what became of a view. */
export async function carryOutView(
  _sql: Sql,
  step: ViewStep,
  _owner: { accountId: bigint; userId: bigint },
): Promise<CommitRefusal | undefined> {
  return { name: 'NOT_SUPPORTED', message: `views cannot be stored: ${step.at.database}.${step.at.name}` }
}
