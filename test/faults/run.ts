import { parseArgs } from 'node:util'
import { runCampaign, startCluster } from './campaign.ts'
import { FAULTS } from './faults.ts'
import { seeded } from './support.ts'

/** `script/faults [--rounds N] [--seed S] [--minutes M]` */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string' },
    seed: { type: 'string' },
    minutes: { type: 'string' },
    only: { type: 'string' },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  console.log(`script/faults [--rounds N] [--seed S] [--minutes M] [--only FAULT,…] [--keep]

Writers of every protocol against two nodes on one database, while processes are killed and frozen, the database
is taken away, connections are cut, the disk fills up, clocks jump and segments are damaged; then the account of what
was acknowledged and what is stored. The last line is the result; exit code 1 when it does not close. The seed
repeats what the rounds do. --keep keeps log and data also when it closes. Faults: ${Object.keys(FAULTS).join(', ')}.`)
  process.exit(0)
}

const seed = numberOf('seed', Date.now() % 1_000_000)
const minutes = numberOf('minutes', Number.POSITIVE_INFINITY)
const rounds = numberOf('rounds', Number.isFinite(minutes) ? Number.POSITIVE_INFINITY : 200)

function numberOf(name: 'rounds' | 'seed' | 'minutes', otherwise: number): number {
  const text = values[name]
  if (text === undefined) return otherwise
  const number = Number(text)
  if (!Number.isFinite(number) || number < 0) throw new Error(`--${name} ${text} is no number`)
  return number
}

const only = values.only?.split(',')
for (const name of only ?? [])
  if (FAULTS[name] === undefined) throw new Error(`there is no fault called ${name}`)

const startedMs = performance.now()
const seconds = () => ((performance.now() - startedMs) / 1000).toFixed(1)
const say = (line: string) => console.log(`${seconds().padStart(7)} s  ${line}`)
say(`seed ${seed}`)
const cluster = await startCluster({ random: seeded(seed + 1) })
let closed = false
let summary = `rounds=0 lost=? doubled=? seed=${seed}`
// The clusters' processes end with us, however we end.
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))
process.once('exit', () => cluster.abandon())
try {
  const {
    rounds: made,
    account,
    wrong,
    jobs,
    breaches,
  } = await runCampaign(cluster, { seed, rounds, minutes, only, say })
  for (const [writer, finding] of account.findings) {
    say(
      `${writer.padEnd(9)} sent ${finding.sent}, acknowledged ${finding.acknowledged}, stored ${finding.stored}, lost ${finding.lost.length}, doubled ${finding.doubled.length}`,
    )
    for (const kind of ['lost', 'doubled', 'foreign', 'changed'] as const) {
      if (finding[kind].length === 0) continue
      say(`  ${kind}: ${finding[kind].slice(0, 10).join(' ')}${finding[kind].length > 10 ? ' …' : ''}`)
      cluster.note(`${writer} ${kind}: ${finding[kind].join(' ')}`)
    }
  }
  for (const what of wrong.slice(0, 20)) say(`wrong: ${what}`)
  const { lost, doubled, foreign, changed, acknowledged, stored } = account.totals
  summary = `rounds=${made} lost=${lost} doubled=${doubled} foreign=${foreign} changed=${changed} wrong=${wrong.length} jobs=${jobs} acknowledged=${acknowledged} stored=${stored} seed=${seed}`
  closed = breaches === 0
} catch (error) {
  say(`did not come to its end: ${(error as Error).stack}`)
  cluster.note(`did not come to its end: ${(error as Error).stack}`)
}
await cluster.stop()
if (closed && !values.keep) cluster.remove()
else
  say(`log and data are kept in ${cluster.room} (faults.log, server-a.log, server-b.log, disk/, database/)`)
console.log(summary)
process.exit(closed ? 0 : 1)
