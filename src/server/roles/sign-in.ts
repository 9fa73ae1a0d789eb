import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Catalog, catalogErrors, passwordMatches } from '../../catalog/index.ts'
import type { ConsoleDeps } from '../../console/index.ts'
import type { Gate } from '../../gate/index.ts'
import type { Principal } from '../../kernel/http/index.ts'
import { AppError, type Clock, writeFileDurably } from '../../kernel/index.ts'
import type { SnapshotUser } from '../../snapshot/index.ts'

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
    sessionKey: await sessionKey(dataDir),
    mode: () => ({ mode: gate.current().mode, reason: gate.current().reason }),
    async signIn(credentials) {
      if ('apikey' in credentials) return catalog.identifyKey(`TD1 ${credentials.apikey}`)
      const { user: email, password } = credentials
      const user = await reader.findOrNothing((view) => view.findUserByEmail(email), `user '${email}'`)
      const matches = await passwordMatches(password, user?.passwordHash ?? null)
      if (user === undefined || user.removed || !matches) throw catalogErrors.login_wrong()
      return principalOf(user)
    },
    async findPrincipal(accountId, userId) {
      try {
        const user = await reader.findOrNothing((view) => view.findUser(userId), `user ${userId}`)
        const isGone = user === undefined || user.removed || user.accountId !== accountId
        return isGone ? { kind: 'absent' } : { kind: 'found', value: principalOf(user) }
      } catch (error) {
        if (error instanceof AppError && error.advice === 'retry')
          return { kind: 'unknown', reason: error.message }
        throw error
      }
    },
  }
}

function principalOf({ accountId, id, name, email, role }: SnapshotUser): Principal {
  return { accountId, userId: id, keyId: 0n, keyKind: 'session', role, userName: name, email }
}

/** Stays in the data directory, so that sessions outlive restarts. */
async function sessionKey(dataDir: string): Promise<Buffer> {
  const path = join(dataDir, 'session.key')
  if (existsSync(path)) return Buffer.from(readFileSync(path, 'utf8').trim(), 'hex')
  const key = randomBytes(32)
  await writeFileDurably(path, `${key.toString('hex')}\n`)
  return key
}
