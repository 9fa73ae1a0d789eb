import { addKey, type Catalog, catalogErrors } from '../../catalog/index.ts'
import type { Principal } from '../../kernel/http/index.ts'
import { configErrors, randomIds } from '../../kernel/index.ts'

const KINDS = ['master', 'write', 'write-only'] as const

/** A key for the owner, asked for on the machine itself: whoever may open the admin socket owns the data anyway. */
export async function createLocalKey(
  catalog: Catalog,
  { kind, name }: { kind: string; name: string },
): Promise<{ apikey: string }> {
  const wanted = KINDS.find((one) => one === kind)
  if (wanted === undefined) throw configErrors.setting_invalid(`kind ${kind} (expected ${KINDS.join(', ')})`)
  await catalog.exporter.catchUp({ deadlineMs: 10_000 })
  const owner = catalog.view.listUsers(1n).find(({ role, removed }) => role === 'owner' && !removed)
  if (owner === undefined) throw catalogErrors.user_unknown('owner')
  const principal: Principal = {
    accountId: owner.accountId,
    userId: owner.id,
    keyId: 0n,
    keyKind: 'session',
    role: owner.role,
    userName: owner.name,
    email: owner.email,
  }
  return {
    apikey: await addKey({ ...catalog.routeDeps, ids: randomIds }, { principal, address: 'local' }, owner, {
      name,
      kind: wanted,
    }),
  }
}
