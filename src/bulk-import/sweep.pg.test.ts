import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { openHarbour, partOf, type TestHarbour } from './testing.ts'

const T = 1_700_000_000

let harbour: TestHarbour
before(async () => {
  harbour = await openHarbour()
})
after(() => harbour?.stop())

const post = (path: string, body?: Record<string, string>) => harbour.post(`/v3/bulk_import/${path}`, body)
const statusOf = async (path: string) => (await post(path)).status

describe('the sweep', () => {
  test('takes what nobody names, at the second look, and nothing else', async () => {
    const open = await harbour.newSession()
    await harbour.upload(open.session, 'p', partOf({ time: T, n: 1 }))
    const performing = await harbour.newSession()
    await post(`perform/${performing.session}`)
    const { job_id: running } = await harbour.show(performing.session)
    const ready = await harbour.newSession()
    await harbour.upload(ready.session, 'p', partOf({ time: T, n: 1 }, {}))
    await post(`perform/${ready.session}`)
    await harbour.work(ready.session)
    const committed = await harbour.newSession()
    await harbour.load(committed.session, { p: partOf({ time: T, n: 1 }) })
    const again = await harbour.newSession()
    await post(`perform/${again.session}`)
    const { job_id: underWayJob } = await harbour.show(again.session)
    await harbour.sweep(2)
    const kept = await harbour.files()

    const [{ id }] = await harbour.query<{
      id: bigint
    }>`SELECT id FROM bulk_imports WHERE name = ${open.session}`
    const left = [
      `bulk-import/${id}/${running}-1/0.parquet`,
      `bulk-import/${id}/parts/nobodys`,
      'bulk-import/999999/parts/of-a-deleted-session',
      'bulk-import/999999/999999-1/0.parquet',
    ]
    const underWay = `bulk-import/${id}/${underWayJob}-1/0.parquet`
    for (const path of [...left, underWay]) await harbour.objects.put(path, Buffer.from('x'))
    await harbour.sweep(1)
    assert.deepEqual(await harbour.files(), [...kept, ...left, underWay].sort())
    await harbour.sweep(2)
    assert.deepEqual(await harbour.files(), [...kept, underWay].sort())

    await post(`delete/${again.session}`)
    assert.equal(await statusOf(`commit/${ready.session}`), 200)
    for (const { table } of [ready, committed]) assert.equal((await harbour.rowsOf(table)).length, 1)
  })

  test('ends sessions nothing was done with for a month, and keeps what they had committed', async () => {
    const old = await harbour.newSession()
    await harbour.load(old.session, { p: partOf({ time: T, n: 1 }) })
    const young = await harbour.newSession()
    await harbour.query`UPDATE bulk_imports SET updated_at = now() - interval '31 days' WHERE name = ${old.session}`
    await harbour.sweep(3)
    assert.equal((await harbour.get(`/v3/bulk_import/show/${old.session}`)).status, 404)
    assert.equal((await harbour.show(young.session)).status, 'uploading')
    assert.equal((await harbour.rowsOf(old.table)).length, 1)
  })
})
