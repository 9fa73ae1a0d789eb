import { type Catalog, catalogErrors, checkPassword, principalOfUser } from '../../catalog/index.ts'
import { type ConsoleDeps, openEndedSessions } from '../../console/index.ts'
import type { Gate } from '../../gate/index.ts'
import { AppError, type Clock, randomIds } from '../../kernel/index.ts'
import type { SnapshotView } from '../../snapshot/index.ts'
import { secretIn } from './secrets.ts'

/** How the console signs people in: with what the catalog knows, also while the database is away. */
export async function consoleDeps({
  catalog,
  dataDir,
  clock,
  gate,
}: {
  catalog: Catalog
  dataDir: string
  clock: Clock
  gate: Pick<Gate, 'current'>
}): Promise<ConsoleDeps> {
  const { reader } = catalog
  return {
    clock,
    ids: randomIds,
    sessionKey: await secretIn(dataDir, 'session.key'),
    endedSessions: openEndedSessions({ dataDir, clock }),
    mode: () => ({ mode: gate.current().mode, reason: gate.current().reason }),
    async signIn(credentials, { address }) {
      if ('apikey' in credentials) return catalog.identifyKey(`TD1 ${credentials.apikey}`)
      const { accountId, id } = await checkPassword(catalog.routeDeps, { ...credentials, address })
      const self = principalOfUser(reader.view, accountId, id)
      if (self.kind !== 'found') throw catalogErrors.login_wrong()
      return self.value
    },
    passwordHashOf(userId) {
      const found = reader.view.findUser(userId)
      return found.kind === 'found' ? found.value.passwordHash : null
    },
    async findPrincipal(accountId, userId) {
      try {
        const look = (view: SnapshotView) => principalOfUser(view, accountId, userId)
        const found = await reader.findOrNothing(look, `user ${userId}`)
        return found === undefined ? { kind: 'absent' } : { kind: 'found', value: found }
      } catch (error) {
        if (error instanceof AppError && error.advice === 'retry')
          return { kind: 'unknown', reason: error.message }
        throw error
      }
    },
  }
}
