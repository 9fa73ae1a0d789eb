import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sha256Hex, silentLog, systemClock } from '../kernel/index.ts'
import { openSnapshot, type Snapshot } from '../snapshot/index.ts'
import { startAccountForTests, startTestCatalog } from './testing.ts'
import { addKey, removeKey, userCalled } from './users.ts'

/** 6 in CI; by hand: `MILLRACE_TEST_REVOKES=200 node --test src/catalog/revoke.pg.test.ts` */
const ROUNDS = Number(process.env.MILLRACE_TEST_REVOKES ?? 6)

type Seen = 'good' | 'revoked' | 'unknown'
function seenBy(reader: Snapshot, sha256: string): Seen {
  const key = reader.findKey(sha256)
  if (key.kind !== 'found') return 'unknown'
  return key.value.revoked ? 'revoked' : 'good'
}

test(`a key revoked while the database dies is never wrong in anyone's eyes, ${ROUNDS} times`, async (t) => {
  const catalog = await startTestCatalog({ writeWaitSeconds: 1, durable: true })
  if (!catalog.test.embedded) {
    await catalog.stop()
    return t.skip('needs a server of its own to kill')
  }
  t.after(() => catalog.stop())
  const { actor, owner } = await startAccountForTests(catalog)
  const { routeDeps, dataDir, reader: catalogReader, exporter, test: server } = catalog
  const reader = await openSnapshot({ dataDir, clock: systemClock, log: silentLog })
  t.after(() => reader.close())
  const counts = { answered: 0, failed: 0, committedAnyway: 0 }

  for (let round = 0; round < ROUNDS; round++) {
    const user = await userCalled(catalogReader, owner.accountId, owner.email)
    const text = await addKey(routeDeps, actor, user, { name: `round ${round}`, kind: 'master' })
    const sha256 = sha256Hex(text.split('/')[1]!)
    await reader.catchUp(catalog.view.position)
    assert.equal(seenBy(reader, sha256), 'good')

    // A revocation takes some milliseconds: the server dies before it, in the midst of it, or after it.
    const revoking = removeKey(routeDeps, actor, user, text).then(
      () => true,
      () => false,
    )
    await systemClock.sleep(Math.random() * 12)
    await server.kill()
    const answered = await revoking
    await reader.catchUp(catalog.view.position)
    const whileAway = seenBy(reader, sha256)
    if (answered) assert.equal(whileAway, 'revoked', 'after the answer the key never works')

    await server.start()
    await exporter.catchUp({ deadlineMs: 20_000 })
    const [row] = await server.database.read(
      { class: 'read', deadlineMs: 20_000 },
      (sql) =>
        sql<{
          revoked: boolean
        }>`SELECT revoked_at IS NOT NULL AS revoked FROM api_keys WHERE sha256 = ${sha256}`,
    )
    const { revoked } = row!
    if (answered) assert.ok(revoked, 'what was answered is stored')
    if (whileAway === 'revoked') assert.ok(revoked, 'a good key was called bad')
    await reader.catchUp(catalog.view.position)
    assert.equal(seenBy(reader, sha256), revoked ? 'revoked' : 'good', 'afterwards all agree')
    counts[answered ? 'answered' : revoked ? 'committedAnyway' : 'failed']++
  }
  t.diagnostic(JSON.stringify(counts))
})
