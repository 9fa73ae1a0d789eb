/**
 * What translating a statement costs: parsing, analysing and generating each of the 22 queries of TPC-H and the 99 of TPC-DS, warm; and what
 * importing the front end adds to a process in time and memory, with a warm compile cache, against the same process without it.
 *
 * Other work on the machine stretches the clock twentyfold; so beside it stands the processor time of the thread, of which each text
 * has its mean over all rounds (the system counts it in ticks longer than a statement takes), and the 99th percentile is of those means.
 *
 *   node bench/translate.ts [--rounds 30] [--starts 9]
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { compileQuery } from '../src/query/compile.ts'
import type { SchemaLookup } from '../src/query/index.ts'
import { readQuery } from '../test/sql/benchmark.ts'
import { type BenchmarkTable, withTypedTables } from '../test/sql/benchmark-tables.ts'
import { tpcdsTables } from '../test/sql/tpcds/tables.ts'
import { tpchTables } from '../test/sql/tpch/tables.ts'
import { lookupOf } from './support/tables.ts'

const P50_GOAL_MS = 1
const P99_GOAL_MS = 10
const IMPORT_GOAL_MS = 50
const IMPORT_GOAL_MEGABYTES = 40

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '30' }, starts: { type: 'string', default: '9' } },
})

const lines = [await translate(), importing()]
for (const line of lines) console.log(line)

async function translate(): Promise<string> {
  const texts = [...(await textsOf('tpch', tpchTables(0.01))), ...(await textsOf('tpcds', tpcdsTables(1)))]
  const all: number[] = []
  const cpuOf = new Map<string, number>()
  const slowest = new Map<string, number>()
  for (let round = -3; round < Number(values.rounds); round++) {
    for (const { name, text, lookup } of texts) {
      const cpu = process.threadCpuUsage()
      const tookMs = await compileOnce(text, lookup)
      const { user, system } = process.threadCpuUsage(cpu)
      if (round < 0) continue
      cpuOf.set(name, (cpuOf.get(name) ?? 0) + (user + system) / 1000 / Number(values.rounds))
      all.push(tookMs)
      slowest.set(name, Math.min(tookMs, slowest.get(name) ?? Number.POSITIVE_INFINITY))
    }
  }
  const p50 = percentile(all, 0.5)
  const p99 = percentile(all, 0.99)
  const worst = [...slowest].sort((a, b) => b[1] - a[1]).slice(0, 3)
  console.log(
    `${texts.length} texts: p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms; the longest, at best: ` +
      worst.map(([name, ms]) => `${name} ${ms.toFixed(1)} ms`).join(', '),
  )
  const cpu = [...cpuOf.values()]
  console.log(
    `by processor time: p50 ${percentile(cpu, 0.5).toFixed(2)} ms, p99 ${percentile(cpu, 0.99).toFixed(2)} ms`,
  )
  return verdict('translate', Math.max(p50 / P50_GOAL_MS, p99 / P99_GOAL_MS))
}

type Text = { name: string; text: string; lookup: SchemaLookup }

async function textsOf(suite: string, tables: BenchmarkTable[]): Promise<Text[]> {
  const files = readdirSync(new URL(`../test/sql/${suite}`, import.meta.url))
  const names = files.filter((file) => /^q\d\d\.sql$/.test(file)).map((file) => file.slice(0, -'.sql'.length))
  const lookup = lookupOf(tables)
  return Promise.all(
    names.map(async (name) => ({
      name: `${suite} ${name}`,
      text: withTypedTables(await readQuery(suite, name), tables),
      lookup,
    })),
  )
}

async function compileOnce(text: string, lookup: SchemaLookup): Promise<number> {
  const startedMs = performance.now()
  await compileQuery({
    text,
    defaultDatabase: 'db',
    lookup,
    context: { zone: 'UTC', scheduledTime: 1_706_704_496n, startedAtMs: 1_706_704_496_789, user: '1' },
  })
  return performance.now() - startedMs
}

/** In processes of their own, in turns; the first of each fills the cache. */
function importing(): string {
  const cache = mkdtempSync(join(tmpdir(), 'millrace-translate-'))
  try {
    const bare: Start[] = []
    const loaded: Start[] = []
    for (let round = -2; round < Number(values.starts); round++) {
      const starts = [startOf(cache, undefined), startOf(cache, '../src/query/compile.ts')] as const
      if (round < 0) continue
      bare.push(starts[0])
      loaded.push(starts[1])
    }
    const part = (starts: Start[], name: keyof Start) =>
      percentile(
        starts.map((start) => start[name]),
        0.5,
      )
    const added = (name: keyof Start) => part(loaded, name) - part(bare, name)
    console.log(
      `importing the front end adds ${added('ms').toFixed(0)} ms (${added('cpuMs').toFixed(0)} ms of processor time) and ` +
        `${added('megabytes').toFixed(0)} MB to a process of ${part(bare, 'megabytes').toFixed(0)} MB`,
    )
    const worst = Math.max(added('ms') / IMPORT_GOAL_MS, added('megabytes') / IMPORT_GOAL_MEGABYTES)
    return verdict('translate-import', worst)
  } finally {
    rmSync(cache, { recursive: true })
  }
}

type Start = { ms: number; cpuMs: number; megabytes: number }

function startOf(cache: string, module: string | undefined): Start {
  const load =
    module === undefined ? '' : `await import(${JSON.stringify(new URL(module, import.meta.url).href)})`
  const script = `const at = performance.now(), cpu = process.cpuUsage()
    ${load}
    const ms = performance.now() - at, { user, system } = process.cpuUsage(cpu)
    const { flushCompileCache } = await import('node:module')
    flushCompileCache()
    console.log(JSON.stringify({ ms, cpuMs: (user + system) / 1000, megabytes: process.memoryUsage.rss() / 2 ** 20 }))`
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
    env: { ...process.env, NODE_COMPILE_CACHE: cache },
    encoding: 'utf8',
  })
  return JSON.parse(output) as Start
}

function percentile(numbers: number[], fraction: number): number {
  return numbers.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(fraction * numbers.length) - 1)]!
}

/** `ratio` is of what was measured to its goal; above 1 it is missed. */
function verdict(name: string, ratio: number): string {
  return `${name} ratio=${ratio.toFixed(2)} goal=1 ${ratio <= 1 ? 'ok' : 'short'}`
}
