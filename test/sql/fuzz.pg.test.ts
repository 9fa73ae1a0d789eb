import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startCases } from '../../src/query/cases.ts'
import { describeDifference } from './differences.ts'
import { type Engine, ourEngine, postgresEngine } from './engines.ts'
import { fuzz, KINDS } from './fuzz.ts'

/** A sample of what script/fuzz-sql runs at length. */
const SEEDS = [11, 12, 13]
const RUNS = { expressions: 120, queries: 45 }

describe('random SQL of the language that Presto and PostgreSQL share', () => {
  let ours: Engine
  let engine: Engine
  before(async () => {
    ;[ours, engine] = [ourEngine(await startCases()), await postgresEngine()]
  })
  after(() => Promise.all([ours?.stop(), engine?.stop()]))

  for (const kind of KINDS)
    for (const seed of SEEDS)
      test(`${kind} of seed ${seed} have PostgreSQL's answers`, async () => {
        const peer = { engine, dialect: 'postgres', sameLanguage: false } as const
        const differences = await fuzz({ seed, runs: RUNS[kind], kinds: [kind], ours, peer })
        assert.equal(differences.map(describeDifference).join('\n\n'), '')
      })
})
