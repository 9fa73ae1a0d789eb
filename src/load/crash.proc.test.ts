import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdir, rename, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { mendObjects } from '../storage/index.ts'
import { readLoadSettings } from './config.ts'
import type { LoaderProcess } from './process-testing.ts'
import { anImport, events, openRoom, type Room, type TestSpool } from './testing.ts'
import { LOAD_STEPS } from './types.ts'

const T = 1_700_000_000
const eventId = (i: number) => `5505c764-00fc-469b-8eef-${String(i).padStart(12, '0')}`

describe('a loader that is killed', () => {
  let room: Room
  let spools = 0
  let tables = 0
  before(async () => {
    room = await openRoom()
  })
  after(() => room.close())

  const aTable = () => room.addTable(`t${++tables}`)
  const aSpool = () => room.openSpool(`ingest-${++spools}`)

  /** Runs a loader process; resolves with the signal that ended it, or null when it ended by itself in peace. */
  const runProcess = (spool: TestSpool, how: Partial<LoaderProcess> = {}): Promise<string | null> => {
    const job: LoaderProcess = {
      address: room.db.address,
      dataDir: room.dataDir,
      spoolName: spool.name,
      spoolDirectory: spool.directory,
      ...how,
    }
    const script = fileURLToPath(new URL('./process-testing.ts', import.meta.url))
    const child = spawn(process.execPath, [script, JSON.stringify(job)], { stdio: 'inherit' })
    return new Promise((resolve, reject) => {
      child.once('exit', (code, signal) => {
        if (signal === null && code !== 0)
          reject(new Error(`the loader process failed with exit code ${code}`))
        else resolve(signal)
      })
    })
  }
  const chunkFiles = async (spool: TestSpool) => {
    const paths: string[] = []
    for await (const { path } of room.objects.list(`chunks/spool/${spool.name}/`)) paths.push(path)
    return paths.sort()
  }
  const committedFiles = async (spool: TestSpool) =>
    (
      await room.query<{
        path: string
      }>`SELECT path FROM chunks WHERE path LIKE ${`chunks/spool/${spool.name}/%`} ORDER BY path`
    ).map(({ path }) => path)

  for (const step of LOAD_STEPS)
    for (const occurrence of step === 'file-written' || step === 'decoding' ? [1, 2] : [1]) {
      test(`at step ${step}${occurrence > 1 ? `, the ${occurrence}nd time` : ''}: nothing is lost or doubled, no file is left over`, async () => {
        const spool = await aSpool()
        const [withIds, without, ofEvents] = [await aTable(), await aTable(), await aTable()]
        const born = `born_${tables}`
        const event = (i: number, tableId = ofEvents) =>
          events(tableId, `{"uuid":"${eventId(i)}","n":${i}}\n{"uuid":"${eventId(i + 1)}","n":${i + 1}}`, {
            table: born,
            facts: tableId === 0n ? { 'create-table': '1' } : {},
          })
        for (let i = 0; i < 6; i++) {
          const uniqueId = `id-${i % 4}`
          await spool.writer.append(anImport(withIds, [{ time: T + (i % 4), n: i % 4 }], { uniqueId }))
          await spool.writer.append(anImport(without, [{ time: T + i, n: i, [`c${i}`]: 1 }]))
          await spool.writer.append(event(i))
          await spool.writer.append(event(i, 0n))
        }
        await spool.writer.append(anImport(without, [{ time: T }, 'refused']))
        assert.equal(await runProcess(spool, { die: { step, occurrence } }), 'SIGKILL')
        // The repeat of a sender that saw no answer arrives while nobody loads.
        await spool.writer.append(anImport(withIds, [{ time: T, n: 0 }], { uniqueId: 'id-0' }))
        await spool.writer.append(event(3))
        assert.equal(await runProcess(spool), null)

        const numbers = async (table: bigint) =>
          (await room.rowsOf(table)).map(({ n }) => (n === null ? -1 : Number(n))).sort((a, b) => a - b)
        assert.deepEqual(await numbers(withIds), [0, 1, 2, 3])
        assert.deepEqual(await numbers(ofEvents), [0, 1, 2, 3, 4, 5, 6])
        const made = await room.query<{ id: bigint }>`SELECT id FROM tables WHERE name = ${born}`
        assert.equal(made.length, 1)
        assert.deepEqual(await numbers(made[0]!.id), [0, 1, 2, 3, 4, 5, 6])
        assert.deepEqual(await numbers(without), [-1, 0, 1, 2, 3, 4, 5])
        assert.deepEqual(
          (await room.errorsOf(without)).map(({ reason }) => reason),
          ['record_not_a_map'],
        )
        assert.deepEqual(await chunkFiles(spool), await committedFiles(spool))
      })
    }

  test('after a group of small files was written: the group is written again, once', async () => {
    const spool = await aSpool()
    const many = await Promise.all(Array.from({ length: 6 }, aTable))
    for (const table of many) await spool.writer.append(anImport(table, [{ time: T, n: 1 }]))
    assert.equal(await runProcess(spool, { die: { step: 'files-written', occurrence: 1 } }), 'SIGKILL')
    assert.equal(await runProcess(spool), null)
    for (const table of many) assert.equal((await room.rowsOf(table)).length, 1)
    assert.deepEqual(await chunkFiles(spool), await committedFiles(spool))
  })

  test('with the whole machine by a power loss: what was committed is there again, whatever its files held', async () => {
    const spool = await aSpool()
    const many = await Promise.all(Array.from({ length: 6 }, aTable))
    for (const table of many) await spool.writer.append(anImport(table, [{ time: T, n: 1 }]))
    assert.equal(await runProcess(spool, { die: { step: 'committed', occurrence: 1 } }), 'SIGKILL')
    const [gone, empty, torn] = await committedFiles(spool)
    await room.objects.remove(gone!)
    await truncate(room.objects.locate(empty!), 0)
    await writeFile(room.objects.locate(torn!), 'PAR1')
    const logs = join(room.dataDir, 'objects', '.groups', spool.name)
    for (const name of await readdir(logs))
      await rename(join(logs, name), join(logs, name.replace(/^[^-]*/, 'earlier')))
    assert.deepEqual(await mendObjects(room.dataDir), { groups: 1, mended: 3 })
    assert.equal(await runProcess(spool), null)
    for (const table of many) assert.equal((await room.rowsOf(table)).length, 1)
  })

  test('again and again while it has to wait or commit is never held against the payloads', async () => {
    const spool = await aSpool()
    const table = await aTable()
    await spool.writer.append(anImport(table, [{ time: T, n: 1 }]))
    for (const step of [
      'files-written',
      'in-transaction',
      'looked-up',
      'read',
      'files-written',
      'in-transaction',
    ] as const)
      assert.equal(await runProcess(spool, { die: { step, occurrence: 1 } }), 'SIGKILL')
    await runProcess(spool)
    assert.equal((await room.rowsOf(table)).length, 1)
    assert.deepEqual(await room.errorsOf(table), [])
  })

  test('by one payload finds it by halves, sets it aside with its body, and loads all others', async () => {
    const spool = await aSpool()
    const table = await aTable()
    const noise = randomBytes(100_000).toString('hex')
    const fatal = anImport(table, [{ time: T, n: 6, s: noise }], { uniqueId: 'id-6' })
    for (let i = 0; i < 9; i++)
      await spool.writer.append(
        i === 6 ? fatal : anImport(table, [{ time: T, n: i }], { uniqueId: `id-${i}` }),
      )
    let crashes = 0
    while ((await runProcess(spool, { fatalBytes: 50_000 })) === 'SIGKILL') assert.ok(++crashes <= 9)
    assert.ok(crashes >= 3, `${crashes} crashes`)
    const loaded = (await room.rowsOf(table)).map(({ n }) => Number(n)).sort()
    assert.deepEqual(loaded, [0, 1, 2, 3, 4, 5, 7, 8])
    const [error, ...more] = await room.errorsOf(table)
    assert.deepEqual(more, [])
    assert.equal(error?.reason, 'loader_crashed')
    assert.equal(error?.uniqueId, 'id-6')
    assert.ok(error?.body?.equals(fatal.body), 'the whole body is kept, to be imported again')
  })

  test('by two payloads of one batch finds both', async () => {
    const spool = await aSpool()
    const table = await aTable()
    const noise = randomBytes(30_000).toString('hex')
    for (let i = 0; i < 6; i++)
      await spool.writer.append(anImport(table, [{ time: T, n: i, s: i % 4 === 1 ? noise : '' }]))
    let crashes = 0
    while ((await runProcess(spool, { fatalBytes: 20_000 })) === 'SIGKILL') assert.ok(++crashes <= 16)
    const loaded = (await room.rowsOf(table)).map(({ n }) => Number(n)).sort()
    assert.deepEqual(loaded, [0, 2, 3, 4])
    assert.equal((await room.errorsOf(table)).length, 2)
  })

  test('while a newer one has its spool can commit nothing and touches none of the newer one’s files', async () => {
    const spool = await aSpool()
    const table = await aTable()
    await spool.writer.append(anImport(table, [{ time: T, n: 1 }]))
    const older = spool.load({
      async faultPoint(step) {
        if (step === 'files-written') assert.equal(await runProcess(spool), null)
      },
    })
    await assert.rejects(older, { code: 'loader_fenced' })
    assert.equal((await room.rowsOf(table)).length, 1)
    await spool.load()
    assert.deepEqual(await chunkFiles(spool), await committedFiles(spool))
  })
})

describe('two loaders at once', () => {
  let room: Room
  before(async () => {
    room = await openRoom()
  })
  after(() => room.close())

  test('store a payload that came through both spools once, and agree on the names of new columns', async () => {
    const spools = [await room.openSpool('a-0'), await room.openSpool('a-1')]
    const table = await room.addTable('shared')
    for (let i = 0; i < 40; i++) {
      const record = anImport(table, [{ time: T, n: i, [`Col-${i % 7}`]: i, [`col ${i % 5}`]: 'x' }], {
        uniqueId: `id-${i}`,
      })
      await spools[0]!.writer.append(record)
      await spools[1]!.writer.append({
        ...record,
        body: i % 2 ? record.body : anImport(table, [{ n: i, time: T, 'col-0': 'other type' }]).body,
      })
    }
    const settings = {
      ...readLoadSettings({ MILLRACE_LOAD_BATCH_PAYLOADS: '3' }),
      intervalMilliseconds: 0,
      mostIntervalMilliseconds: 0,
    }
    await Promise.all(spools.map((spool) => spool.load({ settings })))
    const rows = await room.rowsOf(table)
    assert.deepEqual(
      rows.map(({ n }) => Number(n)).sort((a, b) => a - b),
      Array.from({ length: 40 }, (_, i) => i),
    )
    const columns = await room.query<{ name: string; key: string; type: string }>`
      SELECT name, key, type FROM table_columns WHERE table_id = ${table}`
    const nameOf = new Map(columns.map(({ name, key }) => [key, name]))
    const chunks = await room.query<{
      columns: Record<string, { key: string }>
    }>`SELECT columns FROM chunks WHERE table_id = ${table}`
    for (const { columns: held } of chunks)
      for (const [name, { key }] of Object.entries(held))
        if (name !== 'time') assert.equal(nameOf.get(key), name)
    assert.equal(new Set(columns.map(({ name }) => name)).size, columns.length)
  })

  test('of which one is in the middle of its commit: the other waits, then drops what was stored', async () => {
    const [first, second] = [await room.openSpool('b-0'), await room.openSpool('b-1')]
    const table = await room.addTable('raced')
    const record = anImport(table, [{ time: T, n: 1 }], { uniqueId: 'same' })
    await first.writer.append(record)
    await second.writer.append(record)
    let other: Promise<void> | undefined
    await first.load({
      faultPoint(step) {
        // The second has looked up and found nothing when the first commits.
        if (step !== 'in-transaction') return
        other = second.load()
        return new Promise((resolve) => setTimeout(resolve, 300))
      },
    })
    await other
    assert.equal((await room.rowsOf(table)).length, 1)
    const files: string[] = []
    for await (const { path } of room.objects.list('chunks/spool/b-')) files.push(path)
    assert.equal(files.length, 1)
  })
})

describe('a loader whose database goes away', () => {
  test('waits with the batch, and commits it once when the database is back', async () => {
    const room = await openRoom()
    try {
      const spool = await room.openSpool('c-0')
      const table = await room.addTable('t')
      for (const step of ['looked-up', 'files-written', 'in-transaction'] as const) {
        await spool.writer.append(anImport(table, [{ time: T, step }], { uniqueId: step }))
        let killed = false
        let revived: Promise<void> | undefined
        await spool.load({
          async faultPoint(now) {
            if (now !== step || killed) return
            killed = true
            await room.db.kill()
            revived = new Promise((resolve) => setTimeout(resolve, 500)).then(() => room.db.start())
          },
        })
        await revived
      }
      assert.deepEqual(
        (await room.rowsOf(table)).map((row) => row.step),
        ['looked-up', 'files-written', 'in-transaction'],
      )
    } finally {
      await room.close()
    }
  })

  test('does not decode again, and does nothing in between but ask', async () => {
    const room = await openRoom()
    try {
      const spool = await room.openSpool('d-0')
      const table = await room.addTable('t')
      await spool.writer.append(anImport(table, [{ time: T }]))
      const steps: string[] = []
      let downMs = 0
      await spool.load({
        async faultPoint(step) {
          steps.push(step)
          if (step !== 'files-written') return
          await room.db.kill()
          downMs = performance.now()
          setTimeout(() => void room.db.start(), 1500)
        },
      })
      assert.ok(performance.now() - downMs >= 1500)
      assert.equal(steps.filter((step) => step === 'decoded').length, 1)
      assert.equal((await room.rowsOf(table)).length, 1)
    } finally {
      await room.close()
    }
  })
})
