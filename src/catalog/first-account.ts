import type { Ids, Log } from '../kernel/index.ts'
import { audit } from './audit-store.ts'
import { catalogErrors } from './errors.ts'
import { type MintedKey, mintKey } from './keys.ts'
import { hashPassword } from './passwords.ts'
import { countAccounts, insertAccount, insertKey, insertUser, lockFirstStart } from './user-store.ts'
import type { CatalogWrite } from './write.ts'

/** Shown once, after the first start; stored as hashes only. */
export type FirstAccount = {
  accountId: bigint
  email: string
  password: string
  masterKey: string
  writeOnlyKey: string
}

/**
 * On an empty database: creates the account, its owner, a master key and a write-only key, and returns them for
 * printing. Undefined when there is an account already. Two processes may call it at once.
 * @throws catalog_lost (final) when the database is empty and `hasChunks` says that the object store is not
 */
export async function ensureFirstAccount(
  { write, ids, log }: { write: CatalogWrite; ids: Ids; log: Log },
  settings: { ownerEmail: string; ownerName: string; ownerPassword?: string },
  { hasChunks = false } = {},
): Promise<FirstAccount | undefined> {
  const password = settings.ownerPassword ?? ids.hex128()
  const passwordHash = await hashPassword(password)
  const created = await write({ class: 'write', deadlineMs: 60_000 }, async (sql) => {
    await lockFirstStart(sql)
    if ((await countAccounts(sql)) > 0) return undefined
    if (hasChunks) throw catalogErrors.catalog_lost('it is empty')
    const accountId = await insertAccount(sql, 'main')
    const owner = { accountId, name: settings.ownerName, email: settings.ownerEmail, role: 'owner' } as const
    const userId = (await insertUser(sql, { ...owner, passwordHash }))!
    const add = async (name: string, kind: 'master' | 'write-only'): Promise<MintedKey> => {
      const key = mintKey(accountId, ids)
      await insertKey(sql, { accountId, userId, name, kind, key })
      return key
    }
    const master = await add('first master key', 'master')
    const writeOnly = await add('first write-only key', 'write-only')
    const { name: userName, email, role } = owner
    const principal = { accountId, userId, keyId: 0n, keyKind: 'session', role, userName, email } as const
    await audit(sql, { principal }, { action: 'account.create', target: email })
    return { accountId, email, password, masterKey: master.text, writeOnlyKey: writeOnly.text }
  })
  if (created !== undefined)
    log.info({ accountId: created.accountId, email: created.email }, 'account created')
  return created
}
