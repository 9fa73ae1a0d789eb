import { type Authenticate, httpErrors, type Principal } from '../kernel/http/index.ts'
import type { Lookup, SnapshotView } from '../snapshot/index.ts'
import { catalogErrors } from './errors.ts'
import type { SnapshotExporter } from './exporter.ts'
import { readKey } from './keys.ts'

/** How long a request waits for the main database to confirm that a key does not exist. */
const CONFIRM_MS = 2000
const CACHED_HEADERS = 10_000

export type IdentifyKey = (header: string | undefined) => Promise<Principal>

/**
 * Establishes who a key belongs to. The snapshot's yes is trusted, also while the main database is away; its no is
 * confirmed with the database first.
 * @throws failed_to_login (401, final): looked up and not there, or revoked · identity_unknown (503, retry)
 */
export function createIdentifyKey({
  view,
  exporter,
}: {
  view: SnapshotView
  exporter: Pick<SnapshotExporter, 'catchUp'>
}): IdentifyKey {
  const cache = new Map<string, Principal>()
  let cachedVersion = -1

  return async (header) => {
    if (cachedVersion !== view.identityVersion || cache.size > CACHED_HEADERS) cache.clear()
    cachedVersion = view.identityVersion
    const known = cache.get(header ?? '')
    if (known !== undefined) return known
    const first = principalOf(view, header)
    const principal = first.kind === 'found' ? first.value : await confirmed(header)
    // Only while nothing has changed since it was looked up.
    if (cachedVersion === view.identityVersion) cache.set(header ?? '', principal)
    return principal
  }

  async function confirmed(header: string | undefined): Promise<Principal> {
    try {
      await exporter.catchUp({ deadlineMs: CONFIRM_MS })
    } catch (error) {
      throw catalogErrors.identity_unknown('', error)
    }
    const found = principalOf(view, header)
    if (found.kind === 'unknown') throw catalogErrors.identity_unknown('', found.reason)
    if (found.kind === 'absent') throw httpErrors.failed_to_login()
    return found.value
  }
}

/** For requests of the core process: the key in the Authorization header. */
export function createAuthenticate(identify: IdentifyKey): Authenticate {
  return (request) => identify(request.headers.authorization)
}

/** @throws failed_to_login (401, final): no key was sent, it is revoked, or it is another account's */
function principalOf(view: SnapshotView, header: string | undefined): Lookup<Principal> {
  const sent = readKey(header)
  if (sent === undefined) throw httpErrors.failed_to_login()
  const key = view.findKey(sent.sha256)
  if (key.kind !== 'found') return key
  const { accountId, userId, revoked, id, kind } = key.value
  if (revoked || (sent.accountId !== undefined && sent.accountId !== accountId)) {
    throw httpErrors.failed_to_login()
  }
  const user = principalOfUser(view, accountId, userId)
  if (user.kind !== 'found') return user
  return { kind: 'found', value: { ...user.value, keyId: id, keyKind: kind } }
}

/** The user as a console session acts for them; a removed one is absent. */
export function principalOfUser(view: SnapshotView, accountId: bigint, userId: bigint): Lookup<Principal> {
  const user = view.findUser(userId)
  if (user.kind !== 'found') return user
  if (user.value.removed || user.value.accountId !== accountId) return { kind: 'absent' }
  const { role, name: userName, email } = user.value
  return { kind: 'found', value: { accountId, userId, keyId: 0n, keyKind: 'session', role, userName, email } }
}
