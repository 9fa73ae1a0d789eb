import type { Sql } from '../kernel/index.ts'
import type { WriteTarget } from './analyze/lookup.ts'
import type { QueryCatalog } from './catalog.ts'
import { PERMITTING } from './catalog.ts'
import { holdRights } from './catalog-store.ts'

/** A permission that a script was planned with: of its user, or of the owner of a view that it reads. */
export type UsedRight = { userId: string; database: string; need: 'query' | WriteTarget }

/** The same catalog; `used` is what it has said yes to since. */
export function noteRights(
  catalog: QueryCatalog,
  userId: bigint,
): { catalog: QueryCatalog; used(): UsedRight[] } {
  const used = new Map<string, UsedRight>()
  const note = (right: UsedRight) => void used.set(JSON.stringify(right), right)
  const { lookup } = catalog
  const noted: QueryCatalog['lookup'] = {
    ...lookup,
    as: () => noted,
    async mayWrite(database, need = 'tables') {
      const answer = await lookup.mayWrite(database, need)
      if (answer === 'yes') note({ userId: String(userId), database, need })
      return answer
    },
  }
  const mayQuery: QueryCatalog['mayQuery'] = async (database, as = String(userId)) => {
    const answer = await catalog.mayQuery(database, as)
    if (answer === 'yes') note({ userId: as, database, need: 'query' })
    return answer
  }
  return { catalog: { ...catalog, lookup: noted, mayQuery }, used: () => [...used.values()] }
}

/**
 * The first of these permissions that does not hold any more; `gone`: because there is no such database. Those that hold, do so until
 * the transaction ends.
 */
export async function lostRight(
  sql: Sql,
  accountId: bigint,
  rights: readonly UsedRight[],
): Promise<{ right: UsedRight; because: 'gone' | 'denied' } | undefined> {
  if (rights.length === 0) return undefined
  const asked = rights.map(({ userId, database, need }) => ({
    userId: BigInt(userId),
    database,
    permitting: [...PERMITTING[need]],
  }))
  const answers = await holdRights(sql, accountId, asked)
  const lost = answers.findIndex((answer) => answer !== 'held')
  const answer = answers[lost]
  return answer === undefined || answer === 'held' ? undefined : { right: rights[lost]!, because: answer }
}
