import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { answersAsText, type Benchmark, readQuery, startBenchmark } from './benchmark.ts'
import { postgresText } from './postgres-text.ts'
import { tpcdsTables } from './tpcds/tables.ts'
import { tpchTables } from './tpch/tables.ts'

/**
 * The queries of TPC-H and TPC-DS in Presto's dialect, with parameters for the small tables here. PostgreSQL answers the same text but
 * for the spelling of `postgresText`, or that of a file NAME.postgres.sql, which begins with the reason.
 */
const SUITES = [
  { name: 'tpch', queries: 22, tables: tpchTables(0.002) },
  { name: 'tpcds', queries: 99, tables: tpcdsTables(1) },
]

for (const { name: suite, queries, tables } of SUITES) {
  const names = readdirSync(new URL(suite, import.meta.url))
    .filter((file) => /^q\d\d\.sql$/.test(file))
    .map((file) => file.slice(0, -'.sql'.length))
  const own = new Set(readdirSync(new URL(suite, import.meta.url)))

  describe(`the queries of ${suite}`, () => {
    let benchmark: Benchmark
    before(async () => {
      benchmark = await startBenchmark(tables)
    })
    after(() => benchmark?.stop())

    test(`are all ${queries}`, () => assert.equal(names.length, queries))

    for (const name of names) {
      test(`${name} has rows, and PostgreSQL's`, async () => {
        const text = await readQuery(suite, name)
        const adapted = own.has(`${name}.postgres.sql`)
          ? await readQuery(suite, `${name}.postgres`)
          : postgresText(text)
        const ours = await benchmark.ours.ask(text)
        const theirs = await benchmark.postgres.ask(adapted)
        const [mine, wanted] = answersAsText(ours, theirs, false)
        assert.equal(mine, wanted)
        assert.match(mine, /[^,[\]nul0"\n]/, 'only NULLs and zeros')
      })
    }
  })
}
