/**
 * The 22 queries of TPC-H on our engine and on a real Trino server from Maven Central, in turns on the same machine: the geometric mean of
 * how many times faster ours is. Both have tables of the same size; the values are each one's own generator's. Trino holds its tables
 * in memory with the types of the specification (its readers of Parquet files would need all of Hadoop); ours reads Parquet files of longs,
 * doubles and texts, and casts them: what differs is to our disadvantage.
 *
 *   script/test-peers tpch [--scale 0.3] [--rounds 3] [--only q01,q09]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startCases } from '../../src/query/cases.ts'
import { caseTables, readQuery, writeTables } from '../sql/benchmark.ts'
import { withTypedTables } from '../sql/benchmark-tables.ts'
import { ourEngine } from '../sql/engines.ts'
import { tpchTables } from '../sql/tpch/tables.ts'
import { startTrino, type Trino } from './trino.ts'

const GOAL = 3

const { values } = parseArgs({
  allowPositionals: true,
  options: {
    scale: { type: 'string', default: '0.3' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string' },
  },
})
const names =
  values.only?.split(',') ?? Array.from({ length: 22 }, (_, i) => `q${String(i + 1).padStart(2, '0')}`)
const tables = tpchTables(Number(values.scale))
const room = mkdtempSync(join(tmpdir(), 'millrace-peers-'))
const trino = await startTrino(join(room, 'trino'), 'server')

try {
  await writeTables(tables, room, { csv: false })
  const ours = ourEngine(await startCases(caseTables(tables, room)))
  await fillTrino(trino)
  const ratios: number[] = []
  for (const name of names) {
    const text = await readQuery('tpch', name)
    const mine: number[] = []
    const theirs: number[] = []
    // The first rounds warm both up: what Trino compiles for a query, it compiles then.
    for (let round = -2; round < Number(values.rounds); round++) {
      const took = [
        await timed(() => ours.ask(withTypedTables(text, tables))),
        await timed(() => trino.ask(text, { schema: 'tpch' })),
      ] as const
      if (round < 0) continue
      mine.push(took[0])
      theirs.push(took[1])
    }
    ratios.push(median(theirs) / median(mine))
    console.log(
      `${name}: ${median(mine).toFixed(0)} ms, Trino ${median(theirs).toFixed(0)} ms: ${ratios.at(-1)!.toFixed(1)} times`,
    )
  }
  await ours.stop()
  const ratio = Math.exp(ratios.reduce((sum, one) => sum + Math.log(one), 0) / ratios.length)
  console.log(
    `tpch-trino ratio=${ratio.toFixed(2)} goal=${GOAL} ${ratio >= GOAL ? 'ok' : 'short'} scale=${values.scale}`,
  )
} finally {
  await trino.stop()
  rmSync(room, { recursive: true, force: true })
}

async function fillTrino(trino: Trino): Promise<void> {
  for (const { name } of tables) {
    const answer = await trino.ask(`CREATE TABLE ${name} AS SELECT * FROM tpch."sf${values.scale}".${name}`, {
      schema: 'tpch',
    })
    if ('error' in answer) throw new Error(`Trino: ${answer.message}`)
  }
}

async function timed(ask: () => Promise<object>): Promise<number> {
  const startedMs = performance.now()
  const answer = await ask()
  if ('error' in answer) throw new Error(JSON.stringify(answer))
  return performance.now() - startedMs
}

function median(numbers: number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!
}
