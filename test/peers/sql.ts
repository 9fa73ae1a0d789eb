/**
 * What our engine answers against a real Trino, fetched from Maven Central: the facts of every case file, TPC-H and TPC-DS on the same
 * rows, and random calls and queries. Prints each difference that `trino/intended.json` does not give a reason for; the last
 * line counts. Takes minutes; outside CI.
 *
 *   script/test-peers sql [--part facts|tpch|tpcds|functions|expressions|queries] [--runs 300] [--seed 1] [--family regexp]
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { caseTables } from '../../src/query/case-tables.ts'
import { startCases } from '../../src/query/cases.ts'
import { rowsText, typeAlike } from '../sql/answers.ts'
import { caseTables as benchmarkChunks, readQuery, writeTables } from '../sql/benchmark.ts'
import { type BenchmarkTable, withTypedTables } from '../sql/benchmark-tables.ts'
import { compareOn, describeDifference, type Peer } from '../sql/differences.ts'
import { type Engine, ourEngine } from '../sql/engines.ts'
import { randomCall } from '../sql/function-calls.ts'
import { fuzz, type Kind } from '../sql/fuzz.ts'
import { seeded } from '../sql/random.ts'
import { tpcdsTables } from '../sql/tpcds/tables.ts'
import { tpchTables } from '../sql/tpch/tables.ts'
import { copyTable } from './copy-table.ts'
import { type Fact, recordedFacts } from './facts.ts'
import { startTrino, type Trino, type TrinoAnswer } from './trino.ts'

const { values } = parseArgs({
  allowPositionals: true,
  options: {
    part: { type: 'string' },
    runs: { type: 'string', default: '300' },
    seed: { type: 'string', default: '1' },
    family: { type: 'string' },
  },
})
const [runs, seed] = [Number(values.runs), Number(values.seed)]

/** Reasons by a pattern that the statement, or the case file's name and statement, matches. */
type Intended = { pattern: string; reason: string }
const intended = (
  JSON.parse(readFileSync(new URL('trino/intended.json', import.meta.url), 'utf8')) as Intended[]
).map(({ pattern }) => new RegExp(pattern, 'is'))
const isIntended = (text: string) => intended.some((pattern) => pattern.test(text))

const peerOf = (trino: Trino): Peer => ({
  engine: { ask: (sql) => trino.ask(sql), stop: () => trino.stop() },
  dialect: 'trino',
  sameLanguage: true,
})

let compared = 0
let differences = 0
function differs(text: string): void {
  differences += 1
  console.log(`${text}\n`)
}

// The facts of the case files

async function compareFacts(trino: Trino): Promise<void> {
  const mine = ourEngine(await startCases(caseTables))
  for (const name of Object.keys(caseTables)) await copyOurs(trino, mine, 'db', name, `SELECT * FROM ${name}`)
  await mine.stop()
  for (const fact of recordedFacts()) {
    if (isIntended(`${fact.file}: ${fact.sql}`)) continue
    compared += 1
    const theirs = await trino.ask(
      fact.sql.replace(/;\s*$/, ''),
      fact.zone === undefined ? {} : { zone: fact.zone },
    )
    if (agrees(fact, theirs)) continue
    const recorded = fact.error ?? `${fact.types?.join(', ') ?? ''} ${JSON.stringify(fact.rows)}`
    const said =
      'error' in theirs
        ? `${theirs.error}: ${theirs.message}`
        : `${theirs.types.join(', ')} ${JSON.stringify(theirs.rows)}`
    differs(`${fact.file}: ${fact.sql}\n  recorded ${recorded}\n  Trino    ${said.slice(0, 600)}`)
  }
}

function agrees({ error, types, rows }: Fact, theirs: TrinoAnswer): boolean {
  // Where Trino fails over a user's fault it names nothing; ours has a name for it.
  if ('error' in theirs)
    return error === theirs.error || (error !== undefined && theirs.error === 'GENERIC_INTERNAL_ERROR')
  if (error !== undefined) return false
  if (types !== undefined && types.map(typeAlike).join() !== theirs.types.map(typeAlike).join()) return false
  return rows === undefined || rows.length !== theirs.rows.length
    ? rows === undefined
    : rowsText(theirs.types, rows, false) === rowsText(theirs.types, theirs.rows, false)
}

// The benchmarks' queries

async function compareBenchmark(
  trino: Trino,
  suite: string,
  tables: BenchmarkTable[],
  queries: number,
): Promise<void> {
  const room = mkdtempSync(join(tmpdir(), 'millrace-peers-'))
  try {
    await writeTables(tables, room, { csv: false })
    const ours = ourEngine(await startCases(benchmarkChunks(tables, room)))
    for (const table of tables)
      await copyOurs(trino, ours, suite, table.name, withTypedTables(`SELECT * FROM ${table.name}`, [table]))
    for (let number = 1; number <= queries; number += 1) {
      compared += 1
      const text = await readQuery(suite, `q${String(number).padStart(2, '0')}`)
      const [mine, theirs] = [
        await ours.ask(withTypedTables(text, tables)),
        await trino.ask(text, { schema: suite }),
      ]
      const said = (answer: TrinoAnswer) =>
        'error' in answer
          ? `${answer.error}: ${answer.message}`
          : `${answer.types.map(typeAlike).join()}\n${rowsText(answer.types, answer.rows, false)}`
      if (said(mine) !== said(theirs))
        differs(
          `${suite} q${number}\n  ours   ${said(mine).slice(0, 1500)}\n  Trino  ${said(theirs).slice(0, 1500)}`,
        )
    }
    await ours.stop()
  } finally {
    rmSync(room, { recursive: true, force: true })
  }
}

async function copyOurs(
  trino: Trino,
  ours: Engine,
  schema: string,
  name: string,
  sql: string,
): Promise<void> {
  const answer = await ours.ask(sql)
  if ('error' in answer) throw new Error(answer.message)
  const { columns = [] } = answer
  await copyTable(trino, {
    schema,
    name,
    columns: columns.map((column, i) => ({ name: column, type: answer.types[i]! })),
    rows: answer.rows,
  })
}

// Random texts

async function compareRandom(trino: Trino, kind: string): Promise<void> {
  const ours = ourEngine(await startCases())
  const peer = peerOf(trino)
  if (kind === 'functions') {
    const family = values.family === undefined ? undefined : new RegExp(values.family)
    for (let run = 0; run < runs; run += 1) {
      compared += 1
      const tree = randomCall(seeded(seed * 1_000_003 + run), family)
      const found = await compareOn(tree, { ours, peer, whole: (text) => text })
      if (found !== undefined && !isIntended(found.sql)) differs(describeDifference(found))
    }
  } else {
    compared += runs
    await fuzz({
      seed,
      runs,
      kinds: [kind as Kind],
      ours,
      peer,
      found: (found) => isIntended(found.sql) || differs(describeDifference(found)),
    })
  }
  await ours.stop()
}

const PARTS: Record<string, (trino: Trino) => Promise<void>> = {
  facts: compareFacts,
  tpch: (trino) => compareBenchmark(trino, 'tpch', tpchTables(0.002), 22),
  tpcds: (trino) => compareBenchmark(trino, 'tpcds', tpcdsTables(1), 99),
  functions: (trino) => compareRandom(trino, 'functions'),
  expressions: (trino) => compareRandom(trino, 'expressions'),
  queries: (trino) => compareRandom(trino, 'queries'),
}
const chosen = values.part === undefined ? Object.keys(PARTS) : [values.part]
const home = mkdtempSync(join(tmpdir(), 'millrace-trino-'))
const trino = await startTrino(home)
try {
  for (const part of chosen) {
    const run = PARTS[part]
    if (run === undefined)
      throw new Error(`there is no part ${part}; there are ${Object.keys(PARTS).join(', ')}`)
    console.error(`comparing ${part} …`)
    await run(trino)
  }
} finally {
  await trino.stop()
  rmSync(home, { recursive: true, force: true })
}
console.log(`compared=${compared} differences=${differences}`)
process.exitCode = differences === 0 ? 0 : 1
