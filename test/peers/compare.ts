/**
 * The same rows, on the same machine, in the same run, into Millrace, PostgreSQL and Kafka; interleaved rounds, medians.
 * Prints a table for docs/benchmarks.md.
 *
 *   script/test-peers [--rows 200000] [--batch 1000] [--connections 16] [--rounds 3] [--seed 1]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startKafka } from './kafka.ts'
import { startMillrace } from './millrace.ts'
import { startPostgres } from './postgres.ts'
import { copyBodies, msgpackBodies, pageViews } from './rows.ts'

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '200000' },
    batch: { type: 'string', default: '1000' },
    connections: { type: 'string', default: '16' },
    rounds: { type: 'string', default: '3' },
    seed: { type: 'string', default: '1' },
  },
})
const [rowCount, batch, connections, rounds, seed] = [
  values.rows,
  values.batch,
  values.connections,
  values.rounds,
  values.seed,
].map(Number) as [number, number, number, number, number]

const rows = pageViews(rowCount, seed)
const packed = msgpackBodies(rows, batch)
const copied = copyBodies(rows, batch)
const room = mkdtempSync(join(tmpdir(), 'millrace-peers-'))
const seconds = new Map<string, number[]>()
const note = (name: string, value: number) => seconds.set(name, [...(seconds.get(name) ?? []), value])
const median = (all: number[]) => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)]!

// One server at a time is up: an idle JVM would still take its share of two cores.
const peers: { name: string; run(): Promise<void> }[] = [
  {
    name: 'Millrace',
    async run() {
      const peer = await startMillrace()
      try {
        await peer.importAll(packed.slice(0, 20), 20 * batch, connections)
        const { accepted, queryable } = await peer.importAll(packed, rowCount, connections)
        note('Millrace: accepted (synced)', accepted)
        note('Millrace: queryable', queryable)
      } finally {
        await peer.stop()
      }
    },
  },
  {
    name: 'PostgreSQL',
    async run() {
      const peer = await startPostgres()
      try {
        await peer.copy(copied.slice(0, 20), connections)
        note('PostgreSQL: COPY, committed (synced)', await peer.copy(copied, connections))
      } finally {
        await peer.stop()
      }
    },
  },
  ...[true, false].map((syncEvery) => ({
    name: syncEvery ? 'Kafka, synced' : 'Kafka',
    async run() {
      const peer = await startKafka(room, { syncEvery })
      try {
        // The first round warms the JVM up and is not counted.
        const [, ...counted] = await peer.produce('views', packed, connections, 3)
        for (const one of counted)
          note(
            syncEvery ? 'Kafka: acknowledged (synced)' : 'Kafka: acknowledged (not synced, its default)',
            one,
          )
      } finally {
        await peer.stop()
      }
    },
  })),
]

try {
  for (let round = 1; round <= rounds; round++)
    for (const peer of peers) {
      console.error(`round ${round} of ${rounds}: ${peer.name}`)
      await peer.run()
    }
} finally {
  rmSync(room, { recursive: true, force: true })
}

console.log(
  `\n${rowCount.toLocaleString('en')} page views in batches of ${batch}, ${connections} connections, ${rounds} rounds:\n`,
)
console.log('| | seconds (median) | rows/s |\n|---|---:|---:|')
for (const [name, all] of seconds)
  console.log(
    `| ${name} | ${median(all).toFixed(2)} | ${Math.round(rowCount / median(all)).toLocaleString('en')} |`,
  )
