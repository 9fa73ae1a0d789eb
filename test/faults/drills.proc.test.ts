import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { type RestClient, restClient } from '../../script/support/client.ts'
import { type Connection, connect } from '../../src/database/connection.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { checksumOf, keyOf } from './ledger.ts'
import { seeded, until } from './support.ts'
import { packed, recordOf } from './writers/imports.ts'
import { type Reply, send } from './writers/send.ts'

/**
 * What has gone wrong in systems like this one, replayed (incidents.md; the ids are those of the notices). MILLRACE_DRILL_CHUNKS makes the
 * first one long: it was 10,000 chunks there.
 */
const CHUNKS = Number(process.env.MILLRACE_DRILL_CHUNKS ?? 384)
const IMPORTERS = 64
const DATABASE = 'drills'
const PATIENCE_MS = 120_000
/** core 16, worker 6, loader 4, archivist 4 on each of two nodes, and the supervisors' probes. */
const MOST_CONNECTIONS = 2 * (16 + 6 + 4 + 4 + 2)
const SERVER_CONNECTIONS = 90

describe('drills: what has gone wrong elsewhere', () => {
  let cluster: Cluster
  let client: RestClient
  before(async () => {
    cluster = await startCluster({ random: seeded(1), maxConnections: SERVER_CONNECTIONS })
    client = restClient(cluster.nodes[0].server!.url, cluster.masterKey)
    await client.ensure(`/v3/database/create/${DATABASE}`)
  })
  after(async () => {
    await cluster?.stop()
    cluster?.remove()
  })

  const makeTable = (table: string) => client.ensure(`/v3/table/create/${DATABASE}/${table}/log`)
  const importOnce = (node: number, table: string, id: string, values: unknown[]): Promise<Reply> =>
    send(
      `${cluster.nodes[node as 0 | 1].url}/v3/table/import_with_id/${DATABASE}/${table}/${id}/msgpack.gz`,
      { method: 'PUT', headers: { authorization: `TD1 ${cluster.masterKey}` }, body: packed(values) },
    )
  const accepted = async (...import_: Parameters<typeof importOnce>) => {
    const reply = await importOnce(...import_)
    assert.deepEqual(
      [reply.kind, reply.kind === 'answer' && reply.status],
      ['answer', 200],
      JSON.stringify(reply),
    )
  }
  /** Of a table this node has not heard of yet: until it could ask, it truthfully says that it cannot. */
  const acceptedAtLast = (...import_: Parameters<typeof importOnce>) =>
    until(
      async () => {
        const reply = await importOnce(...import_)
        if (reply.kind === 'answer' && reply.status === 503 && reply.text.includes('directory_away'))
          return false
        assert.equal(reply.kind === 'answer' && reply.status, 200, JSON.stringify(reply))
        return true
      },
      async () => `${import_[1]} to be known everywhere`,
      PATIENCE_MS,
    )
  const numbers = async (sql: string) => (await client.query(DATABASE, sql)).rows[0]!.map(Number)
  const rowsIn = async (table: string) => (await numbers(`SELECT count(*) FROM ${table}`))[0]!
  const rowsBecome = (table: string, rows: number) =>
    until(
      async () => (await rowsIn(table)) >= rows,
      async () => `${rows} rows in ${table}`,
      PATIENCE_MS,
    )
  const issue = async (query: string) =>
    (
      await client.json<{ job_id: string }>(
        'POST',
        `/v3/job/issue/presto/${DATABASE}`,
        new URLSearchParams({ query }),
      )
    ).job_id
  /** How the job ended, whatever becomes of the servers meanwhile. */
  const endOf = async (job: string) => {
    let status = ''
    const isOver = async () => {
      const reply = await client
        .json<{ status: string }>('GET', `/v3/job/status/${job}`)
        .catch(() => undefined)
      status = reply?.status ?? status
      return ['success', 'error', 'killed'].includes(status)
    }
    await until(isOver, async () => `the end of job ${job}, which is ${status}`, PATIENCE_MS)
    return status
  }
  /** Each key once, with the checksum it was sent with. */
  const storedOnce = async (table: string, keys: string[]) => {
    await rowsBecome(table, keys.length)
    const sum = keys.reduce((total, key) => total + checksumOf(key), 0)
    assert.deepEqual(await numbers(`SELECT count(*), count(DISTINCT k), sum(crc) FROM ${table}`), [
      keys.length,
      keys.length,
      sum,
    ])
  }
  /** Updates that rows of these tables have seen; the server's statistics are up to a second late. */
  const updates = async () => {
    await pause(1500)
    const rows = await cluster.ask<{ relname: string; n: bigint }>(
      `SELECT relname, n_tup_upd AS n FROM pg_stat_user_tables
        WHERE relname IN ('accounts', 'users', 'api_keys', 'databases', 'tables', 'table_columns') ORDER BY relname`,
    )
    return rows.map(({ relname, n }) => [relname, Number(n)])
  }

  test('gwnt9syrsg76: an import updates no row that others update, and a new column is there with the chunk that brought it', async () => {
    await makeTable('hot')
    const keys: string[] = []
    const record = (n: number) => {
      const key = keyOf('hot', n)
      keys.push(key)
      return recordOf(key, n)
    }
    await accepted(0, 'hot', 'first', [record(0)])
    await rowsBecome('hot', 1)
    const before = await updates()
    const each = Math.ceil(CHUNKS / IMPORTERS)
    await Promise.all(
      Array.from({ length: IMPORTERS }, async (_, importer) => {
        for (let i = 0; i < each; i++) {
          const n = 1 + importer * each + i
          await accepted(n % 2, 'hot', `chunk-${n}`, [record(n)])
        }
      }),
    )
    await storedOnce('hot', keys)
    assert.deepEqual(await updates(), before)

    for (let n = 0; n < 6; n++) {
      const rows = keys.length
      await accepted(n % 2, 'hot', `column-${n}`, [{ ...record(1_000_000 + n), [`new_${n}`]: n }])
      await rowsBecome('hot', rows + 1)
      assert.deepEqual(await numbers(`SELECT count(*), max(new_${n}) FROM hot WHERE new_${n} IS NOT NULL`), [
        1,
        n,
      ])
    }
  })

  test('p9dfzf8qwjr2: what timed out, failed or lost its answer, and was sent again by any node, is stored once', async () => {
    await makeTable('again')
    const random = seeded(9)
    // Four in five requests lose their answer after they were stored, or are cut off on their way.
    cluster.cuts.clients = () => (random() < 0.8 ? (random() < 0.7 ? 'answer' : 'request') : 'none')
    const keys = Array.from({ length: 60 }, (_, n) => keyOf('again', n))
    let attempts = 0
    const crash = (async () => {
      for (const node of [0, 1, 0, 1]) {
        await pause(400)
        const processes = await cluster.nodes[node as 0 | 1].server!.processes()
        const { pid } = processes.find(({ name }) => name === 'ingest-0')!
        if (pid !== undefined) process.kill(pid, 'SIGKILL')
      }
    })()
    await Promise.all(
      keys.map(async (key, n) => {
        for (let answers = 0; answers < 2; ) {
          const both = await Promise.all(
            [0, 1].map((node) => importOnce(node, 'again', `chunk-${n}`, [recordOf(key, n)])),
          )
          attempts += both.length
          for (const reply of both) {
            if (reply.kind === 'cut') continue
            assert.ok(reply.status === 200 || reply.status === 503, `${reply.status} ${reply.text}`)
            if (reply.status === 200) answers++
          }
        }
      }),
    )
    await crash
    cluster.cuts.clients = () => 'none'
    assert.ok(attempts > 3 * keys.length, `only ${attempts} attempts`)
    for (const [n, key] of keys.entries()) await accepted(n % 2, 'again', `chunk-${n}`, [recordOf(key, n)])
    await accepted(0, 'again', 'last', [recordOf(keyOf('again', 1000), 1000)])
    await accepted(1, 'again', 'last-too', [recordOf(keyOf('again', 1001), 1001)])
    await storedOnce('again', [...keys, keyOf('again', 1000), keyOf('again', 1001)])
  })

  test('mrnh2jc0kmqb: jobs that write, killed with their workers, with core and with the database, store all or nothing, and end truly', async () => {
    await makeTable('written')
    const keys = Array.from({ length: 200 }, (_, n) => keyOf('written', n))
    for (let n = 0; n < 4; n++)
      await accepted(
        n % 2,
        'written',
        `chunk-${n}`,
        keys.slice(n * 50, n * 50 + 50).map((key, i) => recordOf(key, n * 50 + i)),
      )
    await storedOnce('written', keys)
    await client.query(DATABASE, 'CREATE TABLE copies (n bigint, rows bigint)')
    const jobs = await Promise.all(
      [1, 2, 3, 4].map((n) =>
        issue(`DROP TABLE IF EXISTS copy_${n};
               CREATE TABLE copy_${n} AS SELECT k, crc, time FROM written;
               DELETE FROM copy_${n} WHERE crc IS NULL;
               INSERT INTO copies (n, rows) SELECT ${n}, count(*) FROM copy_${n}`),
      ),
    )
    await pause(400)
    for (const { server } of cluster.nodes)
      for (const { name, pid } of await server!.processes())
        if (pid !== undefined && /^(worker|core)/.test(name)) process.kill(pid, 'SIGKILL')
    await cluster.killDatabase()
    await pause(500)
    await cluster.startDatabase()
    const ends = await Promise.all(jobs.map(endOf))
    assert.deepEqual(ends, ['success', 'success', 'success', 'success'])
    for (const n of [1, 2, 3, 4]) await storedOnce(`copy_${n}`, keys)
    assert.deepEqual(
      await numbers('SELECT count(*), count(DISTINCT n), min(rows), max(rows) FROM copies'),
      [4, 4, 200, 200],
    )
  })

  test('a table that a job has made or replaced takes imports at once, on every node', async () => {
    const replace = 'DROP TABLE IF EXISTS made; CREATE TABLE made (k varchar)'
    for (const [n, script] of ['CREATE TABLE made (k varchar)', replace, replace, replace].entries()) {
      assert.equal(await endOf(await issue(script)), 'success')
      const keys = [0, 1].map((node) => keyOf('made', n, node))
      for (const [node, key] of keys.entries())
        await accepted(node, 'made', `made-${n}-${node}`, [recordOf(key, node)])
      await storedOnce('made', keys)
    }
  })

  test('nxqtk4lj7pmm: a database at its connection limit fails no import, and nobody is killed for it', async () => {
    await makeTable('saturated')
    const keys = Array.from({ length: 128 }, (_, n) => keyOf('saturated', n))
    const all = async (from: number, to: number) => {
      await Promise.all(
        keys
          .slice(from, to)
          .map((key, i) => accepted(i % 2, 'saturated', `chunk-${from + i}`, [recordOf(key, from + i)])),
      )
    }
    const restarts = async () => {
      const views = await Promise.all(cluster.nodes.map(({ server }) => server!.processes()))
      return views.flat().map(({ name, restarts }) => [name, restarts])
    }
    const before = await restarts()
    await all(0, 64)
    const [{ n }] = (await cluster.ask<{ n: bigint }>(
      `SELECT count(*) AS n FROM pg_stat_activity WHERE application_name LIKE 'millrace%'`,
    )) as [{ n: bigint }]
    assert.ok(Number(n) <= MOST_CONNECTIONS, `${n} connections under load`)

    const hogs = await takeAllConnections(cluster)
    try {
      await all(64, 128)
      // Longer than any look at the processes: whoever took "not ready" for "dead" would have ended them by now.
      await pause(4_000)
      for (const { server } of cluster.nodes) {
        assert.equal((await fetch(`${server!.adminUrl}/healthz`)).status, 200)
        const ready = await fetch(`${server!.adminUrl}/readyz`)
        assert.equal(ready.status, 200, await ready.text())
      }
      assert.deepEqual(await restarts(), before)
    } finally {
      for (const hog of hogs) hog.destroy()
    }
    await storedOnce('saturated', keys)
    assert.deepEqual(await restarts(), before)
  })

  test('97qwgk3d40mh: when the database comes back every client asks at once; no job that ended is shown unfinished or killed', async () => {
    await client.query(DATABASE, 'CREATE TABLE herded (n bigint)')
    /** By job the end that was seen first, and when. */
    const seen = new Map<string, { status: string; atMs: number }>()
    const wrong: string[] = []
    const statuses = new Set<number>()
    /** One of a herd: it asks again at once, whatever it is told. */
    const ask = async (node: number, path: string, body?: URLSearchParams) => {
      const reply = await fetch(`${cluster.nodes[node as 0 | 1].url}${path}`, {
        method: body === undefined ? 'GET' : 'POST',
        headers: { authorization: `TD1 ${cluster.masterKey}` },
        body,
      }).catch(() => undefined)
      if (reply === undefined) return undefined
      statuses.add(reply.status)
      return {
        status: reply.status,
        body: (await reply.json()) as { [name: string]: string } & { details?: { conflicts_with: string } },
      }
    }
    const keyed = async (n: number) => {
      const body = new URLSearchParams({
        query: `INSERT INTO herded (n) VALUES (${n})`,
        domain_key: `herd-${n}`,
      })
      for (;;) {
        const reply = await ask(n % 2, `/v3/job/issue/presto/${DATABASE}`, body)
        if (reply?.status === 200) return reply.body.job_id!
        if (reply?.status === 409) return reply.body.details!.conflicts_with
        await pause(20)
      }
    }
    const note = (job: string, status: string, askedAtMs: number) => {
      const before = seen.get(job)
      // Answers overtake each other; what was asked after the end was told may not deny it.
      if (before !== undefined && before.atMs < askedAtMs && before.status !== status)
        wrong.push(`job ${job} is ${status} after ${before.status}`)
      if (before === undefined && ['success', 'error', 'killed'].includes(status))
        seen.set(job, { status, atMs: performance.now() })
    }
    const jobs = await Promise.all(Array.from({ length: 8 }, (_, n) => keyed(n)))
    let isOver = false
    const herd = Array.from({ length: 60 }, async (_, one) => {
      for (let n = one; !isOver; n++) {
        const at = n % jobs.length
        const job = jobs[at]!
        const askedAtMs = performance.now()
        // Of the node that took it: what waits in the queue of one, the other does not know.
        const reply = await ask(at % 2, `/v3/job/status/${job}`)
        if (reply?.status === 200) note(job, reply.body.status!, askedAtMs)
        if (n % 10 === 0) await ask(one % 2, '/v3/job/list?from=0&to=99')
        await pause(5)
      }
    })
    await cluster.killDatabase()
    const later = Promise.all(Array.from({ length: 12 }, (_, n) => keyed(100 + n)))
    await pause(3_000)
    await cluster.startDatabase()
    jobs.push(...(await later))
    const ends = await Promise.all(jobs.map(endOf))
    await pause(500)
    isOver = true
    await Promise.all(herd)
    assert.deepEqual([...new Set(ends)], ['success'])
    assert.deepEqual(wrong, [])
    assert.deepEqual(
      [...statuses].filter((status) => ![200, 409, 503].includes(status)),
      [],
    )
    assert.equal(new Set(jobs).size, 20, 'a key is a job')
    assert.deepEqual(await numbers('SELECT count(*), count(DISTINCT n) FROM herded'), [20, 20])
  })

  test('zs55rsqkg189: numbers of jobs pass 2^31 behind a long history; nothing slows, nothing is refused, and the head-room is told', async () => {
    const edge = 2 ** 31
    // As housekeeping would have made it, long before.
    await cluster.ask(`SET search_path TO ${await schemaOfJobs(cluster)};
      SELECT create_job_partition(2147, 2147000000, 2148000000)`)
    await cluster.ask(`INSERT INTO jobs (id, account_id, user_id, user_name, type, database, query, status, attempt, start_at, end_at)
      SELECT 2147300000 + n, 1, 1, 'Ann Example', 'presto', '${DATABASE}', 'SELECT 1', 'success', 1, now(), now()
        FROM generate_series(1, 100000) AS n`)
    await cluster.ask(`SELECT setval('job_ids', ${edge - 4})`)
    const jobs: string[] = []
    for (let n = 0; n < 8; n++) jobs.push(await issue(`SELECT ${n}`))
    const ids = jobs.map(Number)
    assert.ok(ids[0]! < edge && ids.at(-1)! > edge, `${ids[0]} … ${ids.at(-1)}`)
    assert.deepEqual([...new Set(await Promise.all(jobs.map(endOf)))], ['success'])
    const { jobs: listed } = await client.json<{ jobs: { job_id: string }[] }>(
      'GET',
      '/v3/job/list?from=0&to=7',
    )
    assert.deepEqual(
      listed.map(({ job_id }) => job_id),
      jobs.toReversed(),
    )
    assert.deepEqual(await (await client.text('GET', `/v3/job/result/${jobs[7]}?format=json`)).trim(), '[7]')
    const deep = await client.json<{ jobs: { job_id: string }[] }>(
      'GET',
      '/v3/job/list?from=50000&to=50019&status=success',
    )
    assert.equal(deep.jobs.length, 20)
    const metrics = await (await fetch(`${cluster.nodes[0].server!.adminUrl}/metrics`)).text()
    assert.match(metrics, /millrace_head_room_ratio\{of="ids"[^}]*\} (1|0\.9\d+)\n/)
    assert.match(metrics, /millrace_head_room_ratio\{of="job-partitions"[^}]*\} /)
  })

  test('p6pnz0tst8sh: the main database moves to another place under streaming import into many tables', async () => {
    const tables = Array.from({ length: 12 }, (_, n) => `many_${n}`)
    const keys = new Map(tables.map((table) => [table, [] as string[]]))
    for (const table of tables) await makeTable(table)
    const sendToAll = async (
      n: number,
      take: (...import_: Parameters<typeof importOnce>) => Promise<void> = accepted,
    ) => {
      await Promise.all(
        tables.map(async (table, at) => {
          const key = keyOf('many', at, n)
          keys.get(table)!.push(key)
          await take((n + at) % 2, table, `chunk-${n}`, [recordOf(key, n)])
        }),
      )
    }
    await sendToAll(0, acceptedAtLast)
    await sendToAll(1, acceptedAtLast)
    await Promise.all(tables.map((table) => rowsBecome(table, 2)))
    const before = await updates()
    let [moving, n] = [true, 2]
    const importing = (async () => {
      for (; moving; n++) await sendToAll(n)
      for (const until = n + 3; n < until; n++) await sendToAll(n)
    })()
    await pause(500)
    await Promise.race([cluster.moveDatabase(), importing])
    moving = false
    await importing
    await Promise.all(tables.map((table) => storedOnce(table, keys.get(table)!)))
    // A clean stop keeps the server's statistics; had it lost them, all would be below what they were.
    for (const [at, [name, count]] of (await updates()).entries())
      assert.ok(
        Number(count) <= Number(before[at]![1]),
        `${name}: ${count} updates, ${before[at]![1]} before`,
      )
  })
})

/** The schema that the nodes put their tables into. */
async function schemaOfJobs(cluster: Cluster): Promise<string> {
  const [row] = await cluster.ask<{ nspname: string }>(
    `SELECT nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE relname = 'jobs'`,
  )
  return row!.nspname
}

/** Every connection the server has to give, those of Millrace included, which it must make anew afterwards. */
async function takeAllConnections(cluster: Cluster): Promise<Connection[]> {
  const hogs: Connection[] = []
  for (let refused = 0; refused < 5; ) {
    try {
      hogs.push(
        await connect(cluster.databaseAddress, {
          applicationName: 'hog',
          connectTimeoutMs: 10_000,
          statementTimeoutMs: 600_000,
        }),
      )
      refused = 0
    } catch {
      // All are taken (53300): take those of Millrace from it as well, once.
      refused++
      await hogs[0]!.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'millrace%'`,
      )
    }
  }
  return hogs
}
