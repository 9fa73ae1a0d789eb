import { httpErrors, type Principal } from '../kernel/http/index.ts'
import { AppError, type Ids } from '../kernel/index.ts'
import type { SnapshotKeyHead, SnapshotUser } from '../snapshot/index.ts'
import { type Actor, audit } from './audit-store.ts'
import { principalOfUser } from './authenticate.ts'
import { admissionOf, type ChangeDeps } from './databases.ts'
import { catalogErrors } from './errors.ts'
import { mintKey, readKey } from './keys.ts'
import type { LoginThrottle } from './login-throttle.ts'
import { hashPassword, passwordMatches } from './passwords.ts'
import type { CatalogReader } from './reading.ts'
import {
  insertKey,
  insertUser,
  type NewKey,
  removeUser,
  revokeKey,
  setEmail,
  setPassword,
  setRole,
} from './user-store.ts'

export type UserDeps = ChangeDeps & {
  ids: Ids
  logins: LoginThrottle
  /** What of theirs is under way is ended; its failure changes nothing: what it leaves is refused later. */
  onUserRemoved?(accountId: bigint, userId: bigint): Promise<void>
}

/** Who is meant by a name or an e-mail address in a path. @throws user_unknown (404), only when certain */
export async function userCalled(
  reader: CatalogReader,
  accountId: bigint,
  name: string,
): Promise<SnapshotUser> {
  const found = userIn(reader, accountId, name)
  if (found !== undefined) return found
  await reader.findOrNothing(() => ({ kind: 'absent' }), `user '${name}'`)
  const confirmed = userIn(reader, accountId, name)
  if (confirmed === undefined) throw catalogErrors.user_unknown(name)
  return confirmed
}

function userIn({ view }: CatalogReader, accountId: bigint, name: string): SnapshotUser | undefined {
  const byEmail = view.findUserByEmail(name, accountId)
  if (byEmail.kind === 'unknown') throw catalogErrors.catalog_away(`user '${name}'`)
  if (byEmail.kind === 'found') return byEmail.value
  return view.listUsers(accountId).find((user) => user.name === name)
}

/**
 * Whose password it is. The answer takes as long for an unknown user as for a wrong password.
 * @throws login_wrong (401, final) only when certain · login_throttled (429, retry) · catalog_away (503, retry)
 */
export async function checkPassword(
  { reader, logins }: Pick<UserDeps, 'reader' | 'logins'>,
  { user: given, password, address }: { user: string; password: string; address: string },
): Promise<SnapshotUser> {
  const attempt = logins.begin({ user: given, address })
  let user: SnapshotUser | undefined
  try {
    user = await reader.findOrNothing((view) => view.findUserByEmail(given), `user '${given}'`)
  } catch (error) {
    attempt.undecided()
    throw error
  }
  const matches = await passwordMatches(password, user?.passwordHash ?? null)
  if (user === undefined || user.removed || !matches) throw catalogErrors.login_wrong()
  attempt.succeeded()
  return user
}

/**
 * Checks a password and mints a key of its own for this login: stored keys are hashes, so an old one cannot be
 * shown again. @throws login_wrong (401, final) · login_throttled (429, retry) · catalog_away, database_away (503, retry)
 */
export async function logIn(
  deps: UserDeps,
  { user: given, password, address }: { user: string; password: string; address: string },
): Promise<{ user: SnapshotUser; apikey: string }> {
  const user = await checkPassword(deps, { user: given, password, address })
  const self = principalOfUser(deps.reader.view, user.accountId, user.id)
  if (self.kind !== 'found') throw catalogErrors.login_wrong()
  const actor = { principal: self.value, address }
  return { user, apikey: await addKey(deps, actor, user, { name: 'login', kind: 'master' }) }
}

/** Mints a key for the user; the text is shown this once. */
export async function addKey(
  deps: UserDeps,
  actor: Actor,
  user: SnapshotUser,
  { name, kind }: Pick<NewKey, 'name' | 'kind'>,
): Promise<string> {
  requireSelfOrAdministrator(deps, actor.principal, user)
  const key = mintKey(user.accountId, deps.ids)
  await deps.write(admissionOf(deps), async (sql) => {
    await insertKey(sql, { accountId: user.accountId, userId: user.id, name, kind, key })
    await audit(sql, actor, {
      action: 'apikey.add',
      target: user.email,
      after: { name, kind, prefix: key.prefix },
    })
  })
  return key.text
}

/** The key may be given whole, by the prefix or by the id that the list shows. @throws key_unknown (404) */
export async function removeKey(
  deps: UserDeps,
  actor: Actor,
  user: SnapshotUser,
  given: string,
): Promise<void> {
  requireSelfOrAdministrator(deps, actor.principal, user)
  const find = () => keyGiven(deps.reader.view.listKeys(user.id), given)
  if (find() === undefined) await deps.reader.findOrNothing(() => ({ kind: 'absent' }), 'the API key')
  const key = find()
  if (key === undefined) throw catalogErrors.key_unknown()
  await deps.write(admissionOf(deps), async (sql) => {
    await revokeKey(sql, key.id)
    const before = { prefix: key.prefix, kind: key.kind }
    await audit(sql, actor, { action: 'apikey.remove', target: user.email, before })
  })
}

/** How `apikey/list` shows a key: prefix and id (the secret is not stored). */
export function keyLabel({ prefix, id }: SnapshotKeyHead): string {
  return `${prefix}...#${id}`
}

function keyGiven(keys: SnapshotKeyHead[], given: string): SnapshotKeyHead | undefined {
  const live = keys.filter((key) => !key.revoked)
  const whole = readKey(given)
  const exact = live.find(
    (key) => key.sha256 === whole?.sha256 || keyLabel(key) === given || String(key.id) === given,
  )
  if (exact !== undefined) return exact
  const prefixed = live.filter((key) => key.prefix === given.replace(/\.{3}$/, ''))
  if (prefixed.length > 1)
    throw catalogErrors.parameter_invalid(`more than one key begins with ${given}, use its id`)
  return prefixed[0]
}

/** @throws user_exists (409) · parameter_invalid (422) · not_authorized (403) */
export async function addUser(
  deps: UserDeps,
  actor: Actor,
  { name, email, password }: { name: string; email: string; password?: string },
): Promise<void> {
  deps.access.requireAccountAdministrator(actor.principal)
  requireEmail(email)
  const passwordHash = password === undefined ? null : await hashPassword(requirePassword(password))
  const { accountId } = actor.principal
  await deps.write(admissionOf(deps), async (sql) => {
    const id = await insertUser(sql, { accountId, name, email, role: 'member', passwordHash })
    if (id === undefined) throw catalogErrors.user_exists(email)
    await audit(sql, actor, { action: 'user.add', target: email, after: { name, role: 'member' } })
  })
}

/** Removes a user with keys and permissions, and kills their jobs; the owner stays, and nobody removes themself. */
export async function deleteUser(deps: UserDeps, actor: Actor, user: SnapshotUser): Promise<void> {
  deps.access.requireAccountAdministrator(actor.principal)
  if (user.role === 'owner') throw httpErrors.not_authorized('to remove the owner of the account')
  if (user.id === actor.principal.userId) throw httpErrors.not_authorized('to remove yourself')
  await deps.write(admissionOf(deps), async (sql) => {
    await removeUser(sql, user.id)
    const before = { name: user.name, role: user.role }
    await audit(sql, actor, { action: 'user.remove', target: user.email, before })
  })
  await deps.onUserRemoved?.(user.accountId, user.id).catch(ifRefused)
}

/** Of somebody else (administrators), or one's own after giving the old one. */
export async function changePassword(
  deps: UserDeps,
  actor: Actor,
  user: SnapshotUser,
  { oldPassword, password }: { oldPassword?: string; password: string },
): Promise<void> {
  const own = user.id === actor.principal.userId && oldPassword !== undefined
  if (own) {
    const attempt = deps.logins.begin({ user: user.email, address: actor.address ?? '' })
    if (!(await passwordMatches(oldPassword, user.passwordHash))) throw catalogErrors.login_wrong()
    attempt.succeeded()
  }
  if (!own) requireAdministratorOver(deps, actor.principal, user)
  const passwordHash = await hashPassword(requirePassword(password))
  await deps.write(admissionOf(deps), async (sql) => {
    await setPassword(sql, user.id, passwordHash)
    await audit(sql, actor, { action: 'user.password', target: user.email })
  })
}

export async function changeEmail(
  deps: UserDeps,
  actor: Actor,
  user: SnapshotUser,
  email: string,
): Promise<void> {
  requireSelfOrAdministrator(deps, actor.principal, user)
  requireEmail(email)
  await deps.write(admissionOf(deps), async (sql) => {
    if (!(await setEmail(sql, user.id, email))) throw catalogErrors.user_exists(email)
    const change = { before: { email: user.email }, after: { email } }
    await audit(sql, actor, { action: 'user.email', target: user.email, ...change })
  })
}

/** Makes a member an administrator of the account, or the reverse; the owner stays the owner. */
export async function changeRole(
  deps: UserDeps,
  actor: Actor,
  user: SnapshotUser,
  role: 'administrator' | 'member',
): Promise<void> {
  deps.access.requireAccountAdministrator(actor.principal)
  if (user.role === 'owner') throw httpErrors.not_authorized('to change the role of the owner of the account')
  await deps.write(admissionOf(deps), async (sql) => {
    await setRole(sql, user.id, role)
    const change = { before: { role: user.role }, after: { role } }
    await audit(sql, actor, { action: 'user.role', target: user.email, ...change })
  })
}

/** The user is gone whatever becomes of their jobs. */
function ifRefused(error: unknown): void {
  if (!(error instanceof AppError)) throw error
}

export function requireSelfOrAdministrator(deps: ChangeDeps, principal: Principal, user: SnapshotUser): void {
  if (user.id !== principal.userId) requireAdministratorOver(deps, principal, user)
}

/** A key or password of the owner would make its holder the owner. */
function requireAdministratorOver({ access }: ChangeDeps, principal: Principal, user: SnapshotUser): void {
  access.requireAccountAdministrator(principal)
  if (user.role === 'owner' && principal.role !== 'owner') {
    throw httpErrors.not_authorized('to act for the owner of the account')
  }
}

function requireEmail(email: string): void {
  if (/^[^@\s]+@[^@\s]+$/.test(email) && email.length <= 320) return
  throw catalogErrors.parameter_invalid(`'${email}' is not an e-mail address`)
}

function requirePassword(password: string): string {
  if (password.length >= 8 && password.length <= 1024) return password
  throw catalogErrors.parameter_invalid('a password has 8 to 1024 characters')
}
