import assert from 'node:assert/strict'
import { readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { runCli } from './testing/run.ts'
import { type Answered, type Asked, startRecorder } from './testing/server.ts'

type Walk = { command: string; requests: { method: string; url: string; bodyBase64: string }[] }

/** Command lines recorded from td CLI 0.19.1, with what it sent; the shell's quotes are lost in them. */
const WALKS = JSON.parse(readFileSync('test/protocol/captures/td-cli.json', 'utf8')) as Walk[]
const QUOTED: Record<string, string[]> = {
  'td query -d sampledb -T presto select 1': ['query', '-d', 'sampledb', '-T', 'presto', 'select 1'],
  'td query -w -d sampledb -T presto select 1': ['query', '-w', '-d', 'sampledb', '-T', 'presto', 'select 1'],
  'td query -w -d sampledb -T hive -P 1 -R 2 select 1': [
    'query',
    '-w',
    '-d',
    'sampledb',
    '-T',
    'hive',
    '-P',
    '1',
    '-R',
    '2',
    'select 1',
  ],
  'td sched:create s1 0 0 * * * -d sampledb -T presto select 1': [
    'sched:create',
    's1',
    '0 0 * * *',
    '-d',
    'sampledb',
    '-T',
    'presto',
    'select 1',
  ],
  'td sched:run daily 2021-01-01 00:00:00': ['sched:run', 'daily', '2021-01-01 00:00:00'],
}
/** Not understood here, and why. */
const LEFT_OUT: [RegExp, string][] = [
  [/^connector:/, 'data connectors come in a later release'],
  [/^(table:import|bulk_import:)/, 'has tests of its own in cli/src/import'],
  [/^account$/, 'asks'],
  [/^schema:remove$/, 'was refused by td: the table had no such column'],
]
/** Files are written elsewhere than where the tests run. */
const argsOf = (command: string) =>
  (QUOTED[command] ?? command.split(' ').slice(1)).map((word) =>
    word === 'o.csv' ? join(tmpdir(), `millrace-${process.pid}.csv`) : word,
  )

const table = {
  id: 1,
  name: 'events',
  type: 'log',
  count: 3,
  schema: '[["name","string","nm"]]',
  estimated_storage_size: 1,
  counter_updated_at: null,
  last_log_timestamp: null,
  expire_days: null,
  include_v: true,
}
const job = {
  job_id: '19',
  type: 'presto',
  database: 'sampledb',
  status: 'success',
  query: 'select 1',
  start_at: '',
  end_at: '',
  duration: 1,
  cpu_time: null,
  result_size: 10,
  num_records: 1,
  result: '',
  priority: 0,
  retry_limit: 0,
  hive_result_schema: '[["a","int"]]',
  debug: { cmdout: '', stderr: '' },
}
const schedule = {
  id: 1,
  name: 'daily',
  cron: '@daily',
  timezone: 'UTC',
  delay: 0,
  type: 'presto',
  query: 'select 1',
  database: 'sampledb',
  user_name: 'a',
  priority: 0,
  retry_limit: 0,
  result: '',
  next_time: null,
  start: null,
}

/** Plausible answers, by how the path begins. */
const ANSWERS: [string, unknown][] = [
  ['/v3/system/server_status', { status: 'ok' }],
  ['/v3/database/list', { databases: [{ name: 'sampledb', count: 3, permission: 'administrator' }] }],
  ['/v3/table/list/', { tables: [table] }],
  ['/v3/table/show/', table],
  ['/v3/table/tail/', '[{"a":1}]'],
  ['/v3/job/issue/', { job_id: '19' }],
  ['/v3/job/list', { jobs: [job] }],
  ['/v3/job/show/', job],
  ['/v3/job/status/', { job_id: '19', status: 'success' }],
  ['/v3/job/result/', '[1]\n'],
  ['/v3/job/kill/', { former_status: 'running' }],
  ['/v3/schedule/list', { schedules: [schedule] }],
  ['/v3/schedule/history/', { history: [job] }],
  ['/v3/schedule/run/', { jobs: [{ job_id: 22, scheduled_at: '2021-01-01 00:00:00 UTC' }] }],
  ['/v3/schedule/', schedule],
  ['/v3/result/list', { results: [] }],
  ['/v3/user/list', { users: [] }],
  ['/v3/export/run/', { job_id: '21' }],
]
const answered = ({ path }: Asked): Answered => ({
  body: ANSWERS.find(([start]) => path.startsWith(start))?.[1] ?? {},
})

describe('a command line of td', () => {
  let server: Awaited<ReturnType<typeof startRecorder>>
  before(async () => {
    server = await startRecorder(answered)
  })
  beforeEach(() => void server.asked.splice(0))
  after(async () => {
    rmSync(join(tmpdir(), `millrace-${process.pid}.csv`), { force: true })
    await server.stop()
  })

  const walks = WALKS.filter(
    ({ command }) => !LEFT_OUT.some(([pattern]) => pattern.test(argsOf(command)[0]!)),
  )
  assert.ok(walks.length > 30)

  for (const { command, requests } of walks) {
    test(`'${command}' is understood and changes what td changes`, async () => {
      const env = { MILLRACE_ENDPOINT: server.url, MILLRACE_API_KEY: `1/${'0'.repeat(40)}`, TZ: 'UTC' }
      const { exitCode, err } = await runCli(argsOf(command), { env })
      assert.equal(exitCode, 0, err)
      const wrote = server.asked.filter(({ method }) => method !== 'GET')
      const expected = requests.filter(({ method }) => method !== 'GET')
      for (const { method, url, bodyBase64 } of expected) {
        const one = wrote.find((asked) => asked.method === method && sameChange(asked.path, url))
        assert.ok(one, `${method} ${url}: ${wrote.map(({ path }) => path).join(', ')}`)
        for (const [name, value] of new URLSearchParams(Buffer.from(bodyBase64, 'base64').toString())) {
          const isAdded = name === 'schema' && url.includes('update-schema') && command.includes('schema:add')
          const isDefault = value === '' || (name === 'delay' && value === '0')
          if (!isDefault && !isAdded) assert.equal(one.form.get(name), value, name)
        }
      }
    })
  }
})

/** We add columns by the call that adds columns; td sends all of them anew and loses what was added meanwhile. */
function sameChange(ours: string, theirs: string): boolean {
  const path = decodeURIComponent(theirs.split('?', 1)[0]!)
  return decodeURIComponent(ours) === path || ours === path.replace('update-schema', 'append-schema')
}
