/**
 * Does sweeping old ids slow commits down? A table of ids as full as the goal asks, most of them old, then commits as
 * loaders make them (100 ids each, next to each other): first alone, then while the sweep removes what is old. The ratio is the
 * median of the first divided by that of the second; the goal allows 1.3 times as long.
 *
 *   node bench/id-sweep.ts [--ids 1000000] [--commits 300]      (the goal speaks of 10,000,000)
 */
import { parseArgs } from 'node:util'
import { startTestDatabase } from '../src/database/testing.ts'
import { createRegistry, type Sql, silentLog, systemClock } from '../src/kernel/index.ts'
import { createIdSweep } from '../src/load/index.ts'

const GOAL = 1 / 1.3
const IDS_PER_COMMIT = 100
const BACKGROUND = { class: 'background', deadlineMs: 600_000 } as const

const { values } = parseArgs({
  options: { ids: { type: 'string', default: '1000000' }, commits: { type: 'string', default: '300' } },
})
const ids = Number(values.ids)
const commits = Number(values.commits)

const db = await startTestDatabase({ durable: true })
try {
  await fill()
  let stored = 0
  await time()
  const alone = await time()
  const stop = new AbortController()
  const metrics = createRegistry('bench')
  const sweep = createIdSweep({ database: db.database, clock: systemClock, log: silentLog, metrics })
  const sweeping = sweep.sweepOnce(stop.signal)
  const during = await time()
  stop.abort()
  await sweeping
  const removed =
    (await metrics.getSingleMetric('millrace_load_swept_ids_total')!.get()).values[0]?.value ?? 0
  console.log(
    `${ids} ids; a commit of ${IDS_PER_COMMIT}: alone ${describe(alone)}; during the sweep ${describe(during)}`,
  )
  console.log(`${removed} ids removed meanwhile`)
  const ratio = median(alone) / median(during)
  console.log(`id-sweep ratio=${ratio.toFixed(2)} goal=${GOAL.toFixed(2)} ${ratio >= GOAL ? 'ok' : 'short'}`)

  async function time(): Promise<number[]> {
    const tookMs: number[] = []
    for (let i = 0; i < commits; i++) {
      const startedMs = performance.now()
      await db.database.write(BACKGROUND, (sql) => storeIds(sql, stored++))
      tookMs.push(performance.now() - startedMs)
    }
    return tookMs.sort((a, b) => a - b)
  }
} finally {
  await db.stop()
}

/** Nine of ten are old enough to go. */
async function fill(): Promise<void> {
  const portion = 100_000
  for (let from = 0; from < ids; from += portion)
    await db.database.write(BACKGROUND, async (sql) => {
      await sql`
        INSERT INTO import_ids
        SELECT n % 50, md5(n::text), now() - make_interval(secs => CASE WHEN n % 10 = 0 THEN 3600 ELSE 700000 + n / 100 END)
          FROM generate_series(${from}::int, ${Math.min(from + portion, ids) - 1}::int) n`
    })
  await db.database.write(BACKGROUND, (sql) => sql`ANALYZE import_ids`)
}

async function storeIds(sql: Sql, commit: number): Promise<void> {
  const fresh = Array.from({ length: IDS_PER_COMMIT }, (_, i) => `new-${commit}-${i}`)
  await sql`
    INSERT INTO import_ids (table_id, id, received_at) SELECT 7, id, clock_timestamp() FROM unnest(${fresh}::text[]) id
    ON CONFLICT DO NOTHING RETURNING table_id`
}

function median(sorted: number[]): number {
  return sorted[sorted.length >> 1]!
}

function describe(sorted: number[]): string {
  const p99 = sorted[Math.floor((sorted.length - 1) * 0.99)]!
  return `p50 ${median(sorted).toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`
}
