/**
 * How fast rows of a query become the msgpack.gz that clients download, against DuckDB writing the same rows as gzip'd
 * JSON lines with COPY. One thread for the query each, the same run, interleaved rounds; medians.
 *
 *   node bench/result.ts [--rows 300000] [--rounds 5]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DuckDBInstance } from '@duckdb/node-api'
import type { PrestoType } from '../src/query/presto-type.ts'
import { writeResult } from '../src/query/results/write.ts'

/** DuckDB's own export with gzip is the ceiling that gzip sets; ours has another thread for it. */
const GOAL = 0.9

const { values } = parseArgs({
  options: { rows: { type: 'string', default: '300000' }, rounds: { type: 'string', default: '5' } },
})
const rows = Number(values.rows)
const rounds = Number(values.rounds)
const bigint: PrestoType = { kind: 'bigint' }
const varchar: PrestoType = { kind: 'varchar' }
const types = [bigint, varchar, varchar, varchar, varchar, bigint, bigint, varchar, varchar]

const directory = mkdtempSync(join(tmpdir(), 'millrace-result-'))
try {
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  await connection.run('SET threads = 1')
  await connection.run(`
    CREATE TABLE log AS SELECT 1700000000 + range AS time, '10.0.' || range % 250 || '.' || range % 91 AS host,
      CASE WHEN range % 3 = 0 THEN NULL ELSE 'u' || range % 1000 END AS "user", 'GET' AS method,
      '/category/electronics/item-' || hash(range) % 5000 AS path, (200 + range % 5)::BIGINT AS code,
      (hash(range * 7) % 100000)::BIGINT AS size, '/search?q=' || hash(range * 3) % 777 AS referer,
      'Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/535.11 Chrome/17.0.963.56 Safari/535.' || range % 20 AS agent
    FROM range(${rows})`)
  const ours: number[] = []
  const theirs: number[] = []
  for (let round = 0; round < rounds; round++) {
    const path = join(directory, `ours-${round}`)
    ours.push(
      await timed(async () => {
        await writeResult(await connection.stream('SELECT * FROM log'), types, path, () => undefined)
      }),
    )
    const copy = `COPY log TO '${join(directory, `theirs-${round}`)}' (FORMAT json, COMPRESSION gzip)`
    theirs.push(await timed(async () => void (await connection.run(copy))))
  }
  const perSecond = (seconds: number) => Math.round(rows / seconds)
  console.log(`msgpack.gz ${perSecond(median(ours))} rows/s (goal of the reference: 150,000)`)
  console.log(`DuckDB COPY json.gz ${perSecond(median(theirs))} rows/s`)
  const ratio = median(theirs) / median(ours)
  console.log(`result ratio=${ratio.toFixed(2)} goal=${GOAL} ${ratio >= GOAL ? 'ok' : 'short'}`)
} finally {
  rmSync(directory, { recursive: true })
}

async function timed(act: () => Promise<void>): Promise<number> {
  const startedMs = performance.now()
  await act()
  return (performance.now() - startedMs) / 1000
}

function median(numbers: number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!
}
