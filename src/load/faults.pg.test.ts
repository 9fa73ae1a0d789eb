import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { withAdmin } from '../database/admin.ts'
import { databaseErrors, openDatabase } from '../database/index.ts'
import { CUTS, startCuttingProxy } from '../database/proxy-testing.ts'
import { createStaticGate, servingState } from '../gate/index.ts'
import { createRegistry, randomIds, silentLog, systemClock } from '../kernel/index.ts'
import { storageErrors } from '../storage/index.ts'
import { readLoadSettings } from './config.ts'
import { createLoader } from './loader.ts'
import { anImport, openRoom, type Room, type TestSpool } from './testing.ts'

const T = 1_700_000_000

describe('a loader in trouble', () => {
  let room: Room
  let spools = 0
  before(async () => {
    room = await openRoom()
  })
  after(() => room.close())

  const prepare = async (): Promise<{ spool: TestSpool; table: bigint }> => {
    const name = `s-${++spools}`
    return { spool: await room.openSpool(name), table: await room.addTable(name.replace('-', '_')) }
  }
  const files = async (spool: TestSpool) => {
    const paths: string[] = []
    for await (const { path } of room.objects.list(`chunks/spool/${spool.name}/`)) paths.push(path)
    return paths
  }

  for (const stored of [true, false]) {
    test(`that never learns how its commit ended asks the position: it was ${stored ? '' : 'not '}stored`, async () => {
      const { spool, table } = await prepare()
      await spool.writer.append(anImport(table, [{ time: T, n: 1 }]))
      const { database } = room.db
      const open: typeof database = {
        ...database,
        async write(admission, run, hooks) {
          if (!hooks?.operationId?.startsWith('load:')) return database.write(admission, run, hooks)
          if (stored) await database.write(admission, run, hooks)
          throw databaseErrors.write_outcome_unknown('the server went away')
        },
      }
      await assert.rejects(spool.load({ database: open }), { code: 'write_outcome_unknown' })
      await spool.load()
      assert.equal((await room.rowsOf(table)).length, 1)
      assert.equal((await files(spool)).length, 1)
    })
  }

  for (const cut of CUTS.filter((kind) => kind !== 'none' && kind !== 'never')) {
    test(`stores its batch once when the connection breaks around the COMMIT: ${cut}`, async () => {
      const { spool, table } = await prepare()
      for (let n = 0; n < 3; n++)
        await spool.writer.append(anImport(table, [{ time: T, n }], { uniqueId: `id-${n}` }))
      let commits = 0
      // The first COMMIT is the claim; the second, of the batch, is cut.
      const proxy = await startCuttingProxy(room.db.address, () => (++commits === 2 ? cut : 'none'))
      const gate = createStaticGate(servingState(proxy.address, systemClock.now()))
      const common = { clock: systemClock, log: silentLog, ids: randomIds }
      const database = openDatabase({ ...common, gate, maxConnections: 2 })
      try {
        await spool.load({ database })
        assert.ok(commits >= 2)
        assert.equal((await room.rowsOf(table)).length, 3)
        assert.deepEqual(await room.query`SELECT count(*) AS n FROM chunks WHERE table_id = ${table}`, [
          { n: 1n },
        ])
        assert.equal((await files(spool)).length, 1)
      } finally {
        await database.close()
        await proxy.stop()
      }
    })
  }

  test('tries a full disk again, and commits once there is room', async () => {
    const { spool, table } = await prepare()
    for (let n = 0; n < 3; n++) await spool.writer.append(anImport(table, [{ time: T, n }]))
    let refusals = 2
    const objects: typeof room.objects = {
      ...room.objects,
      put: async (path, bytes) => {
        if (refusals-- > 0) throw storageErrors.storage_full(path)
        await room.objects.put(path, bytes)
      },
    }
    await spool.load({ objects })
    assert.equal((await room.rowsOf(table)).length, 3)
  })

  test('replaces the file that its own earlier attempt has left', async () => {
    const { spool, table } = await prepare()
    await spool.writer.append(anImport(table, [{ time: T, n: 1 }]))
    let torn = false
    const objects: typeof room.objects = {
      ...room.objects,
      put: async (path, bytes) => {
        if (!torn) await room.objects.put(path, Buffer.from('torn'))
        torn = true
        await room.objects.put(path, bytes)
      },
    }
    await spool.load({ objects })
    assert.equal((await room.rowsOf(table)).length, 1)
  })

  test('ends when told to while the database is away, and loses nothing', async () => {
    const { spool, table } = await prepare()
    await spool.writer.append(anImport(table, [{ time: T, n: 1 }]))
    await room.db.kill()
    const stop = new AbortController()
    const running = createLoader({
      spoolName: spool.name,
      spoolDirectory: spool.directory,
      reader: spool.reader,
      database: room.db.database,
      objects: room.objects,
      clock: systemClock,
      log: silentLog,
      metrics: createRegistry('test'),
      settings: readLoadSettings({}),
    }).run(stop.signal)
    await systemClock.sleep(300)
    const toldMs = performance.now()
    stop.abort()
    await running
    assert.ok(performance.now() - toldMs < 10_000)
    await room.db.start()
    await spool.load()
    assert.equal((await room.rowsOf(table)).length, 1)
  })

  test('finds the payload that the database refuses, sets it aside, and loads the others', async () => {
    const { spool, table } = await prepare()
    await withAdmin(room.db.admin, (connection) =>
      connection.script(`
        CREATE FUNCTION refuse_thirteen() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF NEW.columns ? 'thirteen' THEN RAISE EXCEPTION 'no thirteen' USING ERRCODE = '22000'; END IF;
          RETURN NEW;
        END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON chunks FOR EACH ROW EXECUTE FUNCTION refuse_thirteen()`),
    )
    for (let n = 0; n < 5; n++)
      await spool.writer.append(anImport(table, [n === 3 ? { time: T, n, thirteen: 1 } : { time: T, n }]))
    let failures = 0
    for (;;) {
      const failed = await spool.load().then(
        () => false,
        () => true,
      )
      if (!failed) break
      assert.ok(++failures < 10)
    }
    assert.ok(failures >= 3, `${failures} failures`)
    assert.deepEqual((await room.rowsOf(table)).map(({ n }) => Number(n)).sort(), [0, 1, 2, 4])
    const errors = await room.errorsOf(table)
    assert.deepEqual(
      errors.map(({ reason }) => reason),
      ['loader_crashed'],
    )
  })
})
