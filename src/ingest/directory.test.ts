import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type {
  Asker,
  Lookup,
  Permission,
  Question,
  Snapshot,
  SnapshotUser,
  Verdict,
} from '../snapshot/index.ts'
import { directoryOn } from './directory.ts'
import { testDatabase, testKey } from './testing.ts'

const absent = { kind: 'absent' } as const
const found = <T>(value: T): Lookup<T> => ({ kind: 'found', value })
const user: SnapshotUser = {
  id: 3n,
  accountId: 1n,
  name: 'Ann',
  email: 'ann@example.com',
  role: 'member',
  passwordHash: null,
  removed: false,
  createdAt: '',
  updatedAt: '',
}

type Held = {
  key?: Lookup<typeof testKey>
  user?: Lookup<SnapshotUser>
  permission?: Lookup<Permission>
  catchesUp?: boolean
}

/** A snapshot that holds what `held` says at the moment it is asked. */
function snapshotWith(held: Held): Snapshot {
  const parts: Partial<Snapshot> = {
    position: 1,
    identityVersion: 1,
    findKey: () => (held.key ?? absent) as ReturnType<Snapshot['findKey']>,
    findUser: () => held.user ?? found(user),
    permissionOf: () => held.permission ?? absent,
    catchUp: async () => held.catchesUp ?? true,
  }
  return parts as Snapshot
}

/** Core; `before` it answers, something may arrive in the snapshot. */
function coreSays(verdict: Verdict, before: () => void = () => undefined): Asker & { asked: Question[] } {
  const asked: Question[] = []
  const ask = async (question: Question) => {
    asked.push(question)
    before()
    return verdict
  }
  return Object.assign(ask, { asked })
}
const no: Verdict = { verdict: 'no', position: 5 }
const yes: Verdict = { verdict: 'yes', position: 5 }
const cannotSay: Verdict = { verdict: 'unknown', reason: 'the database is away' }

describe('a key', () => {
  test('that the snapshot holds is good without asking', async () => {
    const ask = coreSays(cannotSay)
    const directory = directoryOn(snapshotWith({ key: found(testKey) }), ask)
    assert.deepEqual(await directory.findKey('x'), found(testKey))
    assert.deepEqual(ask.asked, [])
  })

  test('that the snapshot holds as revoked, or of a user who was removed, is refused without asking', async () => {
    const ask = coreSays(cannotSay)
    const revoked = directoryOn(snapshotWith({ key: found({ ...testKey, revoked: true }) }), ask)
    assert.deepEqual(await revoked.findKey('x'), { ...absent, revoked: true })
    const gone = { ...user, removed: true }
    const removed = directoryOn(snapshotWith({ key: found(testKey), user: found(gone) }), ask)
    assert.deepEqual(await removed.findKey('x'), { ...absent, revoked: true })
    assert.deepEqual(ask.asked, [])
  })

  test('that the snapshot does not hold is absent only when core confirms it', async () => {
    assert.deepEqual(await directoryOn(snapshotWith({}), coreSays(no)).findKey('x'), absent)
    const unsure = await directoryOn(snapshotWith({}), coreSays(cannotSay)).findKey('x')
    assert.equal(unsure.kind, 'unknown')
  })
})

describe('the permission to import', () => {
  const may = (held: Held, ask: Asker) =>
    directoryOn(snapshotWith(held), ask).mayImport(testKey, testDatabase)

  test('is an administrator’s, the database owner’s, and of members who were granted it', async () => {
    const ask = coreSays(yes)
    const cases: [Held, boolean][] = [
      [{ user: found({ ...user, role: 'owner' }) }, true],
      [{ user: found({ ...user, role: 'administrator' }) }, true],
      [{ permission: found('import_only') }, true],
      [{ permission: found('full_access') }, true],
      [{ permission: found('administrator') }, true],
      [{ permission: found('query_only') }, false],
      [{}, false],
    ]
    for (const [held, allowed] of cases) assert.deepEqual(await may(held, ask), found(allowed))
    const own = { ...testDatabase, ownerId: user.id }
    assert.deepEqual(await directoryOn(snapshotWith({}), ask).mayImport(testKey, own), found(true))
  })

  test('is given when the grant was on its way to the snapshot', async () => {
    const held: Held = {}
    const ask = coreSays(yes, () => {
      held.permission = found('import_only')
    })
    assert.deepEqual(await may(held, ask), found(true))
  })

  test('is unknown, not denied, while core cannot say or the snapshot is behind', async () => {
    assert.equal((await may({}, coreSays(cannotSay))).kind, 'unknown')
    assert.equal((await may({ catchesUp: false }, coreSays(yes))).kind, 'unknown')
    assert.equal((await may({ user: absent }, coreSays(yes))).kind, 'unknown')
  })
})
