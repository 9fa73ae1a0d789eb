import { addKey, type Catalog, catalogErrors, principalOfUser } from '../../catalog/index.ts'
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
  const self = principalOfUser(catalog.view, owner.accountId, owner.id)
  if (self.kind !== 'found') throw catalogErrors.user_unknown('owner')
  const { value: principal } = self
  return {
    apikey: await addKey({ ...catalog.routeDeps, ids: randomIds }, { principal, address: 'local' }, owner, {
      name,
      kind: wanted,
    }),
  }
}
