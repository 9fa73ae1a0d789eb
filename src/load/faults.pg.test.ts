import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { withAdmin } from '../database/admin.ts'
import { databaseErrors, openDatabase } from '../database/index.ts'
import { CUTS, startCuttingProxy } from '../database/proxy-testing.ts'
import { createStaticGate, servingState } from '../gate/index.ts'
import { createRegistry, randomIds, silentLog, systemClock } from '../kernel/index.ts'
import { realDisk } from '../spool/disk.ts'
import { openSpoolReader, parseSpoolPosition } from '../spool/index.ts'
import { readReleased } from '../spool/marks.ts'
import { storageErrors } from '../storage/index.ts'
import { readLoadSettings } from './config.ts'
import { createLoader } from './loader.ts'
import { insertChunks } from './store.ts'
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

  test('that stands beyond all its spool holds says so, loads and removes nothing, and everything once its position is set back', async () => {
    const { spool, table } = await prepare()
    await room.run`INSERT INTO spool_positions (spool, position) VALUES (${spool.name}, '9000000000000:64')`
    for (const n of [1, 2]) await spool.writer.append(anImport(table, [{ time: T, n }]))
    const metrics = createRegistry('test')
    const stranded = async () => /^millrace_load_stranded\S* (\d)$/m.exec(await metrics.metrics())?.[1]
    await spool.load({ metrics })
    assert.equal(await stranded(), '1')
    assert.deepEqual([await room.rowsOf(table), await readReleased(spool.directory)], [[], undefined])

    await room.run`UPDATE spool_positions SET position = '0:0' WHERE spool = ${spool.name}`
    metrics.clear()
    await spool.load({ metrics })
    assert.equal(await stranded(), '0')
    assert.equal((await room.rowsOf(table)).length, 2)
    assert.notEqual(await readReleased(spool.directory), undefined)
  })

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

  test('says that nothing waits in its spool once it has found nothing for a minute, and not while it is behind', async () => {
    const { spool, table } = await prepare()
    await spool.writer.append(anImport(table, [{ time: T }], { receivedAtMs: Date.now() - 7_200_000 }))
    let aheadMs = 0
    const stop = new AbortController()
    const loader = createLoader({
      spoolName: spool.name,
      spoolDirectory: spool.directory,
      reader: spool.reader,
      database: room.db.database,
      objects: room.objects,
      clock: { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs },
      log: silentLog,
      metrics: createRegistry('test'),
      settings: readLoadSettings({}),
    })
    const behind = async () => {
      await loader.noteIdle()
      const [row] = await room.query<{ hours: number; position: string }>`
        SELECT extract(epoch FROM now() - updated_at)::float8 / 3600 AS hours, position
          FROM spool_positions WHERE spool = ${spool.name}`
      return row
    }
    await room.run`INSERT INTO spool_positions (spool, position, updated_at) VALUES (${spool.name}, '0:0', now() - interval '9 hours')`
    const running = loader.run(stop.signal)
    while ((await behind())!.position === '0:0') assert.ok((await behind())!.hours > 1.9)
    assert.equal(Math.round((await behind())!.hours), 2, 'as far as what it has loaded')
    while (Math.round((await behind())!.hours) > 0) {
      aheadMs += 60_000
      await systemClock.sleep(20)
    }
    stop.abort()
    await running
  })

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

  test('waits on a full disk with the release of the spool too, then goes on by itself', async () => {
    const { spool, table } = await prepare()
    let refusals = 0
    const replace: typeof realDisk.replace = async (path, text) => {
      if (refusals-- > 0) throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
      await realDisk.replace(path, text)
    }
    const common = { clock: systemClock, log: silentLog, disk: { ...realDisk, replace } }
    const reader = openSpoolReader({ ...common, directory: spool.directory })
    for (let n = 0; n < 2; n++) {
      await spool.writer.append(anImport(table, [{ time: T, n }]))
      await spool.load({
        reader,
        faultPoint: (step) => {
          if (step === 'committed') refusals = 2
        },
      })
      assert.equal(refusals, -1, 'refused twice, then released')
      const [loaded] = await room.query<{
        position: string
      }>`SELECT position FROM spool_positions WHERE spool = ${spool.name}`
      assert.deepEqual(await readReleased(spool.directory), parseSpoolPosition(loaded!.position))
    }
    await reader.close()
    assert.equal((await room.rowsOf(table)).length, 2)
    assert.deepEqual(await room.errorsOf(table), [])
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

  const REFUSALS = { 'a value': '22000', 'a constraint': '23514', 'a limit': '54000', 'our own memory': null }
  for (const [what, code] of Object.entries(REFUSALS))
    test(`finds the payload that ${what} refuses, sets it aside whole, and loads the others`, async () => {
      const { spool, table } = await prepare()
      const word = `word_${code ?? 'none'}`
      const refusing = code === null ? tooLongFor(word) : await refuseInDatabase(word, code)
      const noise = randomBytes(70_000).toString('hex')
      const refused = anImport(table, [{ time: T, n: 3, [word]: noise }])
      for (let n = 0; n < 5; n++)
        await spool.writer.append(n === 3 ? refused : anImport(table, [{ time: T, n }]))
      let failures = 0
      for (;;) {
        const failed = await spool.load(refusing).then(
          () => false,
          () => true,
        )
        if (!failed) break
        assert.ok(++failures < 10)
      }
      assert.ok(failures >= 3, `${failures} failures`)
      assert.deepEqual((await room.rowsOf(table)).map(({ n }) => Number(n)).sort(), [0, 1, 2, 4])
      const [error, ...more] = await room.errorsOf(table)
      assert.deepEqual([error?.reason, more], ['loader_crashed', []])
      assert.ok(error!.body!.equals(refused.body))
    })

  /** The database refuses, with this SQLSTATE, chunks that have the column. */
  const refuseInDatabase = async (column: string, code: string) => {
    await withAdmin(room.db.admin, (connection) =>
      connection.script(`
        CREATE FUNCTION refuse_${column}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF NEW.columns ? '${column}' THEN RAISE EXCEPTION 'no ${column}' USING ERRCODE = '${code}'; END IF;
          RETURN NEW;
        END $$;
        CREATE TRIGGER refuse_${column} BEFORE INSERT ON chunks FOR EACH ROW EXECUTE FUNCTION refuse_${column}()`),
    )
    return {}
  }
  /** The parameters of chunks with the column are longer than a string can be. */
  const tooLongFor = (column: string) => {
    const { database } = room.db
    const write: typeof database.write = (admission, run, hooks) =>
      database.write(
        admission,
        (sql) =>
          run((text, ...values) => {
            if (values.some((value) => String(value).includes(`"${column}":{`)))
              throw new RangeError('Invalid string length')
            return sql(text, ...values)
          }),
        hooks,
      )
    return { database: { ...database, write } }
  }

  test('stores thousands of chunks and wide tables in statements of bounded size', async () => {
    const { table } = await prepare()
    const columns = Object.fromEntries(
      Array.from({ length: 300 }, (_, i) => [
        `column_${i}`,
        { key: `column_${i}`, type: 'string', physical: 'BYTE_ARRAY' as const, nulls: 0 },
      ]),
    )
    const chunk = (i: number) => ({
      tableId: table,
      path: `wide/${i}`,
      bytes: 1,
      rows: 1,
      timeMin: i,
      timeMax: i,
      columns,
    })
    const sizes: number[] = []
    await room.db.database.write({ class: 'write', deadlineMs: 30_000 }, (sql) =>
      insertChunks(
        (text, ...values) => {
          sizes.push(Math.max(...values.map((value) => String(value).length)))
          return sql(text, ...values)
        },
        'test',
        Array.from({ length: 500 }, (_, i) => chunk(i)),
      ),
    )
    assert.ok(sizes.length > 1 && sizes.every((size) => size < 5 << 20), sizes.join())
    assert.deepEqual(
      await room.query`SELECT count(*), max(upper(time_range)) FROM chunks WHERE table_id = ${table}`,
      [{ count: 500n, max: 500n }],
    )
  })
})
