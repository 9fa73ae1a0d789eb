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
    const found = principalOf(view, header) ?? (await confirmed(header))
    // Only while nothing has changed since it was looked up.
    if (cachedVersion === view.identityVersion) cache.set(header ?? '', found)
    return found
  }

  async function confirmed(header: string | undefined): Promise<Principal> {
    try {
      await exporter.catchUp({ deadlineMs: CONFIRM_MS })
    } catch (error) {
      throw catalogErrors.identity_unknown('', error)
    }
    const found = principalOf(view, header)
    if (found === undefined) throw httpErrors.failed_to_login()
    return found
  }
}

/** For requests of the core process: the key in the Authorization header. */
export function createAuthenticate(identify: IdentifyKey): Authenticate {
  return (request) => identify(request.headers.authorization)
}

/** Undefined: not in this snapshot. @throws failed_to_login when certain, identity_unknown while undecided */
function principalOf(view: SnapshotView, header: string | undefined): Principal | undefined {
  const sent = readKey(header)
  if (sent === undefined) throw httpErrors.failed_to_login()
  const key = decided(view.findKey(sent.sha256))
  if (key === undefined) return undefined
  if (key.revoked || (sent.accountId !== undefined && sent.accountId !== key.accountId)) {
    throw httpErrors.failed_to_login()
  }
  const user = decided(view.findUser(key.userId))
  if (user === undefined) return undefined
  if (user.removed) throw httpErrors.failed_to_login()
  return {
    accountId: key.accountId,
    userId: user.id,
    keyId: key.id,
    keyKind: key.kind,
    role: user.role,
    userName: user.name,
    email: user.email,
  }
}

function decided<T>(lookup: Lookup<T>): T | undefined {
  if (lookup.kind === 'unknown') throw catalogErrors.identity_unknown('', lookup.reason)
  return lookup.kind === 'found' ? lookup.value : undefined
}
