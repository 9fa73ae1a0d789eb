import assert from 'node:assert/strict'
import { rmSync, truncateSync, writeFileSync } from 'node:fs'
import { after, before, beforeEach, describe, test } from 'node:test'
import { jobPath, mergePath } from '../archive/paths.ts'
import { type ArchiveRoom, HOUR, openArchiveRoom } from '../archive/testing.ts'
import { silentLog, systemClock } from '../kernel/index.ts'
import { checkEverything } from './check.ts'
import type { CheckDeps, Options, Report } from './types.ts'

describe('fsck', () => {
  let room: ArchiveRoom
  let table: bigint
  let tables = 0
  before(async () => {
    room = await openArchiveRoom()
  })
  after(() => room.close())
  beforeEach(async () => {
    await room.run`DELETE FROM chunks`
    for await (const { path } of room.objects.list('')) await room.objects.remove(path)
    table = await room.addTable(`t${++tables}`)
    await room.addChunks(table, [{ time: HOUR, n: 1, s: 'a' }], [{ time: HOUR + 5, n: 2 }])
  })

  const check = (options: Partial<Options & CheckDeps> = {}): Promise<Report> => {
    const { database, objects } = room.deps
    const deps = { database, objects, clock: systemClock, log: silentLog, isWaiting: () => false }
    return checkEverything(
      { ...deps, orphanMinutes: -1, ...options },
      { deep: true, mend: false, forgetMissing: false, ...options },
      { signal: new AbortController().signal, onProgress: () => undefined },
    )
  }
  const kinds = ({ findings }: Report) => findings.map(({ kind, subject }) => ({ kind, subject }))
  const aChunk = async () => (await room.liveChunks(table))[0]!
  const fileOf = (path: string) => room.objects.locate(path)

  test('of a whole store finds nothing, before and after a merge', async () => {
    const before = await check()
    assert.deepEqual(before.findings, [])
    assert.deepEqual({ ...before.chunks, bytes: 0 }, { live: 2, retired: 0, rows: 2, bytes: 0 })
    await room.merge(table)
    const after = await check()
    assert.deepEqual(after.findings, [])
    assert.deepEqual({ ...after.chunks, bytes: 0 }, { live: 1, retired: 2, rows: 2, bytes: 0 })
    assert.equal(after.objects.count, 3)
  })

  test('names a chunk whose file is gone, and gives its rows up only when told to', async () => {
    const { id, path } = await aChunk()
    rmSync(fileOf(path))
    for (const mend of [false, true]) {
      const { findings, counts } = await check({ mend })
      assert.deepEqual(
        findings.map(({ kind, subject, severity }) => [kind, subject, severity]),
        [['chunk_missing', path, 'error']],
      )
      assert.match(findings[0]!.message, new RegExp(`is gone: 1 rows of harbour.t${tables}`))
      assert.equal(counts.error, 1)
    }
    const { counts, mended, findings } = await check({ forgetMissing: true })
    assert.equal(findings[0]!.mended, true)
    assert.deepEqual([counts.error, counts.mended, mended.chunks, mended.rows], [0, 1, 1, 1])
    assert.equal((await room.liveChunks(table)).length, 1)
    const [line] = await room.query<{ accountId: bigint; target: string; details: unknown }>`
      SELECT account_id AS "accountId", target, details FROM audit_log WHERE action = 'fsck.forget_missing'`
    assert.deepEqual(line, {
      accountId: 1n,
      target: `harbour.t${tables}`,
      details: { rows: 1, paths: [path] },
    })
    assert.deepEqual((await check()).findings, [])
    assert.deepEqual(
      await room.query`SELECT retired_at IS NOT NULL AS retired FROM chunks WHERE id = ${id}`,
      [{ retired: true }],
    )
  })

  test('says nothing of a retired chunk whose file was removed: its row follows', async () => {
    const { path } = await aChunk()
    await room.merge(table)
    rmSync(fileOf(path))
    assert.deepEqual((await check()).findings, [])
  })

  test('names a file that was cut, and one whose bytes are not Parquet', async () => {
    const [one, two] = await room.liveChunks(table)
    truncateSync(fileOf(one!.path), 100)
    assert.deepEqual(kinds(await check({ deep: false })), [{ kind: 'chunk_cut', subject: one!.path }])
    const bytes = await room.objects.get(two!.path)
    writeFileSync(fileOf(two!.path), Buffer.alloc(bytes.length))
    assert.deepEqual(
      kinds(await check()).map(({ kind }) => kind),
      ['chunk_cut', 'chunk_damaged'],
    )
  })

  for (const [what, change, expected] of [
    [
      'has other rows',
      (id: bigint) => room.run`UPDATE chunks SET rows = 7 WHERE id = ${id}`,
      /1 rows instead of 7/,
    ],
    [
      'holds times outside of its range',
      (id: bigint) => room.run`UPDATE chunks SET time_range = int8range(0, 10) WHERE id = ${id}`,
      /queries would miss some/,
    ],
    [
      'lacks a column',
      (id: bigint) => room.run`
        UPDATE chunks SET columns = columns || '{"x": {"key": "x", "type": "long", "physical": "INT64", "nulls": 0}}' WHERE id = ${id}`,
      /column x is not in it/,
    ],
    [
      'holds a column in another form',
      (id: bigint) => room.run`
        UPDATE chunks SET columns = jsonb_set(columns, '{n,physical}', '"DOUBLE"') WHERE id = ${id}`,
      /column n is INT64 instead of DOUBLE/,
    ],
    [
      'was written for another table',
      async (id: bigint) => {
        const other = await room.addTable(`other${tables}`)
        await room.run`UPDATE chunks SET table_id = ${other} WHERE id = ${id}`
      },
      /it was written for table \d+, not \d+/,
    ],
  ] as [string, (id: bigint) => Promise<void>, RegExp][])
    test(`names a file that ${what}, looking deep`, async () => {
      const { id, path } = await aChunk()
      await change(id)
      assert.deepEqual((await check({ deep: false })).findings, [])
      const { findings } = await check()
      assert.deepEqual(kinds({ findings } as Report), [{ kind: 'chunk_differs', subject: path }])
      assert.match(findings[0]!.message, expected)
    })

  test('of files without a row tells those of nobody from those of somebody, and removes the former', async () => {
    const [spool] = await room.query<{ epoch: bigint }>`
      SELECT owner_epoch AS epoch FROM spool_positions WHERE spool = 'ingest-0'`
    await room.run`INSERT INTO merge_claims (table_id, level, start, owner, attempt) VALUES (1, 0, 0, 'me', 9000)`
    await room.run`
      INSERT INTO jobs (id, account_id, user_id, user_name, type, database, query, status, attempt)
      VALUES (77, 1, 1, 'o', 'presto', 'harbour', '', 'running', 1)`
    const ofNobody = [
      'bulk-import/5/parts/abc',
      jobPath(76n, 1, table, 0),
      mergePath(8999n, table, 0),
      `chunks/spool/ingest-0/${spool!.epoch - 1n}/1-2-3.parquet`,
      'results/76/1.msgpack.gz',
    ]
    const ofSomebody = [
      jobPath(77n, 1, table, 0),
      mergePath(9000n, table, 0),
      `chunks/spool/ingest-0/${spool!.epoch}/1-2-3.parquet`,
      'results/77/1.msgpack.gz',
      'results/88/1.msgpack.gz',
    ]
    for (const path of [...ofNobody, ...ofSomebody, 'holiday/photo.jpg'])
      await room.objects.put(path, Buffer.from('bytes'))
    const isWaiting = (job: bigint) => job === 88n
    const sorted = (report: Report, kind: string) =>
      report.findings.flatMap((one) => (one.kind === kind ? [one.subject] : [])).sort()

    const young = await check({ isWaiting, orphanMinutes: 60, mend: true })
    assert.deepEqual(sorted(young, 'orphan_young'), ofNobody)
    assert.equal(young.mended.files, 0)
    const report = await check({ isWaiting })
    assert.deepEqual(sorted(report, 'orphan'), ofNobody)
    assert.deepEqual(sorted(report, 'foreign_file'), ['holiday/photo.jpg'])
    assert.equal(report.objects.unfinished, ofSomebody.length)
    assert.match(report.findings.find(({ subject }) => subject.includes('merge'))!.message, /of merge 8999/)

    const mended = await check({ isWaiting, mend: true })
    assert.deepEqual([mended.mended.files, mended.mended.bytes], [ofNobody.length, 5 * ofNobody.length])
    const after = await check({ isWaiting })
    assert.deepEqual(kinds(after), [{ kind: 'foreign_file', subject: 'holiday/photo.jpg' }])
    const [line] = await room.query<{ paths: string[] }>`
      SELECT details->'paths' AS paths FROM audit_log WHERE action = 'fsck.remove_orphans'`
    assert.deepEqual(line!.paths.sort(), ofNobody)
    await room.run`DELETE FROM merge_claims`
    await room.run`DELETE FROM jobs`
  })

  test('names results and parts of bulk imports that are gone or cut', async () => {
    await room.run`
      INSERT INTO jobs (id, account_id, user_id, user_name, type, database, query, status, attempt, result_path)
      SELECT id, 1, 1, 'o', 'presto', 'harbour', '', 'success', 1, 'results/' || id || '/1.msgpack.gz'
        FROM generate_series(81, 82) AS id`
    await room.run`
      INSERT INTO job_results (job_id, attempt, path, rows, bytes)
      SELECT id, 1, result_path, 1, 5 FROM jobs`
    await room.objects.put('results/82/1.msgpack.gz', Buffer.from('four'))
    await room.run`
      INSERT INTO bulk_imports (id, account_id, user_id, name, database, "table", table_id, status, job_id, attempt)
      VALUES (1, 1, 1, 'uploads', 'harbour', 't', 1, 'uploading', NULL, NULL), (2, 1, 1, 'performed', 'harbour', 't', 1, 'ready', 9, 1)`
    await room.run`
      INSERT INTO bulk_import_parts (bulk_import_id, name, path, bytes, md5) VALUES (1, 'one', 'bulk-import/1/parts/x', 3, '')`
    const report = await check()
    assert.deepEqual(kinds(report), [
      { kind: 'result_missing', subject: 'results/81/1.msgpack.gz' },
      { kind: 'result_cut', subject: 'results/82/1.msgpack.gz' },
      { kind: 'part_missing', subject: 'bulk-import/1/parts/x' },
      { kind: 'output_missing', subject: 'bulk-import/2/9-1/manifest.json' },
    ])
    const { findings } = await check({ forgetMissing: true })
    assert.deepEqual(
      findings.map(({ mended = false }) => mended),
      [true, false, false, false],
    )
    assert.equal((await room.query`SELECT 1 FROM jobs WHERE result_path IS NULL`).length, 1)
    await room.run`DELETE FROM job_results`
    await room.run`DELETE FROM jobs`
    await room.run`DELETE FROM bulk_imports`
  })

  test('notes what is left of things that are gone', async () => {
    await room.run`INSERT INTO table_columns (table_id, name, key, type, ordinal) VALUES (${table}, 'odd', 'odd', 'blob', 90), (${table}, 'ODD', 'o2', 'long', 91)`
    await room.run`INSERT INTO import_ids (table_id, id, received_at) VALUES (999999, 'a', now())`
    await room.run`INSERT INTO spool_positions (spool, position, updated_at) VALUES ('old', '3:4', now() - interval '40 days')`
    await room.run`INSERT INTO jobs (id, account_id, user_id, user_name, type, database, query, status)
                   VALUES (900000000, 1, 1, 'o', 'presto', 'harbour', '', 'success')`
    const { findings } = await check()
    assert.deepEqual(
      findings.map(({ severity, subject, message }) => `${severity} ${subject} ${message}`).sort(),
      [
        `error column harbour.t${tables}.ODD differs from another one in case only`,
        `error column harbour.t${tables}.odd differs from another one in case only`,
        `error column harbour.t${tables}.odd has the type 'blob', which nobody knows`,
        'note jobs 1 jobs lie beyond the partitions; housekeeping moves them',
        'note spool old at 3:4 for 40 days: its node may be gone',
        'note table 999999 1 ids of its imports are kept, it is gone; they end with age',
      ],
    )
  })
})
