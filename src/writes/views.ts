import { findDatabaseAs } from '../catalog/index.ts'
import type { Sql } from '../kernel/index.ts'
import { dropView, findView, putView } from '../query/index.ts'
import type { CatalogStep, TableAt } from './types.ts'

type ViewStep = Extract<CatalogStep, { do: 'create-view' | 'rename-view' | 'drop-view' }>

/** Stores what became of a view; false when it is not any more as the script saw it. */
export async function carryOutView(sql: Sql, step: ViewStep, accountId: bigint): Promise<boolean> {
  const place = async ({ database, name }: TableAt) => {
    const databaseId = await findDatabaseAs(sql, accountId, database)
    return databaseId === undefined ? undefined : { databaseId, name }
  }
  const at = await place(step.at)
  if (at === undefined) return false
  switch (step.do) {
    case 'create-view':
      return putView(sql, { ...at, orReplace: step.orReplace }, step.view)
    case 'rename-view': {
      const [to, view] = [await place(step.to), await findView(sql, at)]
      if (to === undefined || view === undefined || !(await dropView(sql, at))) return false
      return putView(sql, { ...to, orReplace: false }, view)
    }
    case 'drop-view':
      return dropView(sql, at)
  }
}
