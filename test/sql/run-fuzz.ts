/**
 * Random texts for two engines; what they answer differently is printed as small as it could be made.
 *
 *   script/fuzz-sql [--seed 1] [--runs 1000] [--kind expressions|queries|functions]
 */
import { parseArgs } from 'node:util'
import { startCases } from '../../src/query/cases.ts'
import { describeDifference } from './differences.ts'
import { ourEngine, postgresEngine } from './engines.ts'
import { fuzz, KINDS } from './fuzz.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '1000' },
    kind: { type: 'string' },
  },
})
const kinds = KINDS.filter((kind) => values.kind === undefined || kind === values.kind)
const ours = ourEngine(await startCases())
const engine = await postgresEngine()
try {
  const differences = await fuzz({
    seed: Number(values.seed),
    runs: Number(values.runs),
    kinds,
    ours,
    peer: { engine, dialect: 'postgres', sameLanguage: false },
    found: (difference, run) => console.log(`run ${run}\n${describeDifference(difference)}\n`),
  })
  console.log(`runs=${values.runs} seed=${values.seed} differences=${differences.length}`)
  process.exitCode = differences.length === 0 ? 0 : 1
} finally {
  await Promise.all([ours.stop(), engine.stop()])
}
