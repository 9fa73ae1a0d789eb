import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startServer, type TestServer } from '../support/server.ts'
import { issueJob, jobOutcome, runJob } from './jobs.ts'

/** `errors`: any of these is a true answer; nothing else is, success least of all. */
type Attacks = { why: string; errors: string[]; statements: string[] }
const attacks = JSON.parse(
  await readFile(new URL('./sandbox.cases.json', import.meta.url), 'utf8'),
) as Attacks[]

/** A hundred million rows out of nothing. */
const MANY = 'UNNEST(sequence(1, 10000)) AS t(a) CROSS JOIN UNNEST(sequence(1, 10000)) AS u(b)'

/** What would take all of something, and the limit that stops it. */
const GLUTTONS: [what: string, sql: string, errors: string[]][] = [
  [
    'memory, by one value',
    "SELECT length(array_join(transform(sequence(1, 10000), x -> rpad('', 100000, 'x')), ','))",
    ['EXCEEDED_LOCAL_MEMORY_LIMIT'],
  ],
  [
    'memory, by doubling',
    "SELECT reduce(sequence(1, 10000), 'x', (s, x) -> concat(s, s), s -> length(s))",
    ['EXCEEDED_LOCAL_MEMORY_LIMIT'],
  ],
  [
    'memory, by an aggregate',
    `SELECT cardinality(array_agg(rpad('', 1000, 'x') || CAST(a * b AS varchar))) FROM ${MANY}`,
    ['EXCEEDED_LOCAL_MEMORY_LIMIT'],
  ],
  [
    'memory, by nesting',
    'SELECT cardinality(flatten(transform(sequence(1, 10000), x -> sequence(1, 10000))))',
    ['EXCEEDED_LOCAL_MEMORY_LIMIT'],
  ],
  [
    'memory, by an array too long',
    'SELECT cardinality(sequence(1, 1000000000))',
    ['INVALID_FUNCTION_ARGUMENT'],
  ],
  [
    'memory, by a width',
    "SELECT format('%1000000000d', 1)",
    ['EXCEEDED_FUNCTION_MEMORY_LIMIT', 'EXCEEDED_LOCAL_MEMORY_LIMIT', 'INVALID_FUNCTION_ARGUMENT'],
  ],
  ['the stack, by nesting', "SELECT json_parse(rpad('', 1000000, '['))", ['INVALID_FUNCTION_ARGUMENT']],
  [
    'the disk, by sorting',
    `SELECT count(*) FROM (SELECT a, row_number() OVER (ORDER BY to_hex(md5(to_utf8(CAST(a * 10000 + b AS varchar))))) AS n FROM ${MANY}) WHERE n > 1`,
    ['EXCEEDED_SPILL_LIMIT', 'EXCEEDED_LOCAL_MEMORY_LIMIT', 'EXCEEDED_TIME_LIMIT'],
  ],
  [
    'the disk, by a result',
    `SELECT to_hex(md5(to_utf8(CAST(a * 10000 + b AS varchar)))) FROM ${MANY}`,
    ['GENERIC_INSUFFICIENT_RESOURCES', 'EXCEEDED_TIME_LIMIT'],
  ],
  [
    'time, by joining',
    'SELECT count(*) FROM UNNEST(sequence(1, 10000)) AS a(x), UNNEST(sequence(1, 10000)) AS b(y), UNNEST(sequence(1, 10000)) AS c(z) WHERE x * y * z % 7 = 3',
    ['EXCEEDED_TIME_LIMIT'],
  ],
  [
    'time, by recursion',
    'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r',
    ['EXCEEDED_TIME_LIMIT', 'NOT_SUPPORTED', 'GENERIC_USER_ERROR'],
  ],
  [
    'time, by a regular expression that tries everything again and again',
    "SELECT regexp_like('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!', '^(a+)+$')",
    ['EXCEEDED_TIME_LIMIT'],
  ],
]

describe('a job that attacks', () => {
  let server: TestServer
  before(async () => {
    server = await startServer({
      env: {
        MILLRACE_QUERY_MEMORY_MB: '300',
        MILLRACE_QUERY_WALL_SECONDS: '8',
        MILLRACE_QUERY_TEMP_MB: '64',
        MILLRACE_QUERY_RESULT_MB: '4',
        MILLRACE_JOBS_WORKER_CONCURRENCY: '3',
      },
    })
    for (const path of ['database/create/vault', 'table/create/vault/log/log']) {
      const headers = { authorization: `TD1 ${server.apiKey}` }
      const response = await fetch(`${server.url}/v3/${path}`, { method: 'POST', headers })
      assert.equal(response.status, 200, await response.text())
    }
  })
  after(async () => {
    await server?.stop()
    server?.remove()
  })

  for (const { why, errors, statements } of attacks) {
    test(why, async () => {
      const left = [...statements]
      const attackOn = async () => {
        for (let sql = left.pop(); sql !== undefined; sql = left.pop()) {
          const outcome = await runJob(server, 'vault', sql)
          assert.ok(outcome.status === 'error' && 'error' in outcome, `${sql}: ${JSON.stringify(outcome)}`)
          assert.ok(errors.includes(outcome.error), `${sql}: ${outcome.error}: ${outcome.message}`)
          // The statement check and DuckDB's own doors stand behind the compiler: what they stop should not have come so far.
          assert.doesNotMatch(outcome.message, /statement check|Permission Error|root:x:0/)
        }
      }
      await Promise.all([attackOn(), attackOn(), attackOn()])
    })
  }

  test('with a zero byte is refused where it comes in', async () => {
    for (const sql of ['SELECT 1 \0', 'SELECT * FROM "\x000\0"', "SELECT '\x000\0'"])
      await assert.rejects(issueJob(server, 'vault', sql), /: 400 .*zero byte/)
  })

  test('with texts that look like statements gets them back as texts', async () => {
    const texts = [
      "'; COPY log TO '/tmp/x.csv'; --",
      "a' UNION ALL SELECT content FROM read_text('/etc/passwd') --",
      '$1 $$ #1 ? {0} %s',
      '/etc/passwd',
      'line\nbreak /* and */ comment',
    ]
    for (const text of texts) {
      const quoted = `'${text.replaceAll("'", "''")}'`
      const name = `"${text.replaceAll('"', '""')}"`
      const sql = `SELECT ${quoted} AS ${name}, CAST(CAST(ROW(${quoted}) AS ROW(${name} varchar)) AS JSON), count(*) FROM (SELECT ${quoted} AS ${name}) AS ${name} WHERE ${name}.${name} LIKE ${quoted}`
      const outcome = await runJob(server, 'vault', sql)
      assert.ok(outcome.status === 'success' && 'rows' in outcome, `${sql}: ${JSON.stringify(outcome)}`)
      assert.equal(outcome.rows[0]?.[0], text)
      assert.deepEqual(JSON.parse(String(outcome.rows[0]?.[1])), [text])
    }
  })

  for (const [what, sql, errors] of GLUTTONS) {
    test(`on ${what} is stopped, and others go on`, async () => {
      const attack = await issueJob(server, 'vault', sql)
      const other = await runJob(server, 'vault', 'SELECT sum(x) FROM UNNEST(sequence(1, 10000)) AS t(x)')
      assert.deepEqual('rows' in other ? other.rows : other, [[50_005_000]])
      const outcome = await jobOutcome(server, attack)
      assert.ok('error' in outcome && errors.includes(outcome.error), JSON.stringify(outcome))
    })
  }

  test('by a regular expression that does not end goes away when it is killed, its process too', async () => {
    const sql = "SELECT regexp_like('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!', '^(a+)+$')"
    const id = await issueJob(server, 'vault', sql)
    await new Promise((resolve) => setTimeout(resolve, 1500))
    const headers = { authorization: `TD1 ${server.apiKey}` }
    const killed = await fetch(`${server.url}/v3/job/kill/${id}`, { method: 'POST', headers })
    assert.equal(killed.status, 200)
    assert.equal((await jobOutcome(server, id)).status, 'killed')
    const busy = async () => (await engines(server)).filter(({ file }) => file).length
    for (let tries = 0; (await busy()) > 0 && tries < 200; tries++)
      await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(await busy(), 0)
  })

  test('leaves nothing behind', async () => {
    for (const name of ['engine-temp', 'result-drafts']) {
      const files = await filesBelow(join(server.dataDir, name))
      assert.deepEqual(files, [], name)
    }
  })
})

/** Running jobs by their directories: an engine has one as long as it, or its end, is under way. */
async function engines({ dataDir }: TestServer): Promise<{ file: string }[]> {
  return (await filesBelow(join(dataDir, 'engine-temp'))).map((file) => ({ file }))
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(
    (error: NodeJS.ErrnoException) => {
      // A job's directory went while it was looked through.
      if (error.code === 'ENOENT') return []
      throw error
    },
  )
  return entries.filter((entry) => entry.isFile() && !entry.name.startsWith('.')).map(({ name }) => name)
}
