import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { RunnableJob } from '../jobs/index.ts'
import { silentLog, systemClock } from '../kernel/index.ts'
import { createLocalStore } from '../storage/index.ts'
import { readQuerySettings } from './config.ts'
import type { Engine } from './engine/index.ts'
import { createQueryRunner } from './runner.ts'

const JOB: RunnableJob = {
  id: 7n,
  attempt: 2,
  type: 'presto',
  accountId: 1n,
  userId: 1n,
  database: 'shop',
  query: 'SELECT 1',
  scheduledTime: 0n,
}

describe('the draft of a result', () => {
  let dataDir: string
  let drafts: string
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'millrace-runner-'))
    drafts = mkdtempSync(join(dataDir, 'drafts-'))
  })
  afterEach(() => rmSync(dataDir, { recursive: true }))

  const run = async (
    runToFile: Engine['runToFile'],
    signal = new AbortController().signal,
    { query = 'SELECT 1', lines = [] as string[] } = {},
  ) => {
    const refused = () => Promise.reject(new Error('only reads'))
    const engine: Engine = {
      runToFile,
      writeFiles: refused,
      chooseRows: refused,
      cutFiles: refused,
      discard: () => undefined,
    }
    const nothing = async () => ({ kind: 'no-database' as const })
    const runner = createQueryRunner({
      engines: { take: async () => engine, close: async () => undefined },
      objects: await createLocalStore(dataDir),
      drafts,
      catalogFor: async () => ({
        lookup: {
          findTable: nothing,
          listDatabases: async () => ({ kind: 'found', names: [] }),
          listTables: async () => ({ kind: 'found', names: [] }),
          mayWrite: () => 'yes',
          as: () => assert.fail('no view is read'),
        },
        mayQuery: async () => 'yes',
        listing: {} as never,
        chunksOf: async () => [],
        ageMs: undefined,
      }),
      systemSources: {} as never,
      changes: { run: refused, commits: {} },
      settings: readQuerySettings({}),
      clock: systemClock,
      log: silentLog,
    })
    const log = (line: string) => void lines.push(line)
    return runner.run({ ...JOB, query }, { log, progress: () => undefined }, signal)
  }

  test('becomes the result under its attempt', async () => {
    const outcome = await run(async (_query, path) => {
      writeFileSync(path, 'rows')
      return { rows: 1n, bytes: 4n, cpuMs: 1 }
    })
    assert.equal(outcome.kind, 'success')
    assert.deepEqual(readdirSync(join(dataDir, 'objects', 'results', '7')), ['2.msgpack.gz'])
    assert.deepEqual(readdirSync(drafts), [])
  })

  test('comes with one line of log for each file that its functions miss', async () => {
    const lines: string[] = []
    const query =
      "SELECT td_ip_to_city_name('1.2.3.4'), td_ip_to_city_name('1.2.3.5'), td_currency_conv('2015-01-01', 'USD', 'JPY', 1)"
    const rows: Engine['runToFile'] = async (_query, path) => {
      writeFileSync(path, 'rows')
      return { rows: 1n, bytes: 4n, cpuMs: 1 }
    }
    await run(rows, undefined, { query, lines })
    assert.deepEqual(
      lines.filter((line) => line.includes('answers NULL')),
      [
        'td_ip_to_city_name answers NULL: the setting MILLRACE_IP_CITY_FILE names no file',
        'td_currency_conv answers NULL: the setting MILLRACE_CURRENCY_RATES_FILE names no file',
      ],
    )
  })

  test('does not outlive a query that failed or was killed half-way', async () => {
    const failing: Engine['runToFile'] = async (_query, path) => {
      writeFileSync(path, 'half of the rows')
      throw new Error('gone')
    }
    await assert.rejects(run(failing))
    assert.deepEqual(readdirSync(drafts), [])
    await assert.rejects(run(failing, AbortSignal.abort()))
    assert.deepEqual(readdirSync(drafts), [])
  })
})
