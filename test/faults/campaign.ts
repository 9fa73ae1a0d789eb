import { setTimeout as pause } from 'node:timers/promises'
import { restClient } from '../../script/support/client.ts'
import { type Account, closeAccount, gatesAreOpen, mergesAreQuiet, spoolsAreEmpty } from './account.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { FAULTS, planRound } from './faults.ts'
import { seeded } from './support.ts'
import { issueJobs, TABLES, WRITERS, type WriterContext } from './writers/index.ts'

const DATABASE = 'faults'
/** A machine may be slow; something that never ends is a breach. */
const WRITERS_END_MS = 240_000
const LOADED_MS = 240_000
const MENDINGS = 3
const QUIET_MS = 240_000
const JOBS_END_MS = 240_000

export type CampaignOptions = {
  seed: number
  rounds: number
  minutes: number
  /** Names of FAULTS; all that this machine allows when absent. */
  only?: string[]
  say(line: string): void
}

export type Outcome = {
  rounds: number
  account: Account
  /** Answers nobody expects, and jobs whose status is not true. */
  wrong: string[]
  jobs: number
  breaches: number
}

/**
 * Writers of every protocol against two nodes on one database, while faults happen; then the account. Returns when it is closed, with
 * the cluster still there. @throws when something does not come to its end
 */
export async function runCampaign(
  cluster: Cluster,
  { seed, rounds, minutes, only, say }: CampaignOptions,
): Promise<Outcome> {
  const client = restClient(cluster.nodes[0].server!.url, cluster.masterKey)
  await client.ensure(`/v3/database/create/${DATABASE}`)
  for (const table of TABLES) await client.ensure(`/v3/table/create/${DATABASE}/${table}/log`)

  const without = cluster.disk === undefined ? ['fillDisk'] : []
  const names = Object.keys(FAULTS).filter(
    (name) => !without.includes(name) && (only?.includes(name) ?? true),
  )
  if (without.length > 0) say(`left out on this machine: ${without.join(', ')} (no right to mount a disk)`)
  say('clocks are stepped in the Node processes; PostgreSQL keeps the machine’s')

  const wrong: string[] = []
  let stopping = false
  const contextOf = (at: number): WriterContext => ({
    urls: [cluster.nodes[0].url, cluster.nodes[1].url],
    database: DATABASE,
    masterKey: cluster.masterKey,
    writeKey: cluster.writeKey,
    random: seeded(seed * 1_000 + at),
    stopped: () => stopping,
    wrong: (what) => {
      wrong.push(what)
      cluster.note(`wrong: ${what}`)
    },
  })
  const writers = Object.values(WRITERS).map((start, at) => start(contextOf(at)))
  const jobs = issueJobs(contextOf(writers.length))
  const ends = Promise.all([...writers, jobs].map(({ done }) => done))
  const ledgers = writers.flatMap((writer) => writer.ledgers)
  const damaged = (keys: string[]) => {
    for (const key of new Set(keys))
      for (const { units } of ledgers) {
        const unit = units.get(key)
        if (unit !== undefined) unit.damaged++
      }
  }

  const endMs = performance.now() + minutes * 60_000
  let round = 0
  for (; round < rounds && performance.now() < endMs; round++) {
    // A generator per round: how long things take does not change what later rounds do.
    const random = seeded(seed + round * 7_919)
    const plans = planRound(random, names)
    say(`${String(round + 1).padStart(4)}  ${plans.map(({ text }) => text).join(' + ')}`)
    cluster.note(`round ${round + 1}: ${plans.map(({ text }) => text).join(' + ')}`)
    await Promise.race([
      Promise.all(plans.map(({ run }) => run({ cluster, damaged }))),
      ends.then(() => Promise.reject(new Error('the writers ended by themselves'))),
    ])
    await pause(100 + random() * 900)
  }

  say('faults have ended; the writers finish')
  stopping = true
  await within(ends, WRITERS_END_MS, 'the writers were not answered')
  say('everything is answered')
  await gatesAreOpen(cluster, LOADED_MS)
  await spoolsAreEmpty(cluster, LOADED_MS)
  // A node that was killed listens on another port now.
  await jobsEnd(restClient(cluster.nodes[0].server!.url, cluster.masterKey), jobs.issued, JOBS_END_MS)
  say('everything is loaded, and all jobs have ended')
  const first = await closeAccount(cluster, DATABASE, ledgers, jobs.issued)
  // What is merged meanwhile must not change anything.
  say('the account is made; merging comes to rest')
  await mergesAreQuiet(cluster, QUIET_MS)
  // Killed processes leave files to nobody, which a sweep takes hours later; once these are gone nothing may be left to say.
  const disagreement = await disagreementAfterMending(cluster)
  if (disagreement !== undefined) wrong.push(`catalog and files do not agree: ${disagreement}`)
  const account = await closeAccount(cluster, DATABASE, ledgers, jobs.issued)
  if (first.totals.stored !== account.totals.stored)
    wrong.push(
      `${first.totals.stored} rows before the last merges and fsck --mend, ${account.totals.stored} after`,
    )
  wrong.push(...account.wrongJobs)
  const [chunks] = await cluster.ask<{ live: bigint; retired: bigint }>(
    'SELECT count(*) FILTER (WHERE retired_at IS NULL) AS live, count(retired_at) AS retired FROM chunks',
  )
  say(`${chunks!.live} chunks, made of ${chunks!.retired} that were merged and are not removed yet`)
  const { lost, doubled, foreign, changed } = account.totals
  const breaches = lost + doubled + foreign + changed + wrong.length
  return { rounds: round, account, wrong, jobs: jobs.issued.length, breaches }
}

async function within<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
  const timer = new AbortController()
  try {
    return await Promise.race([
      promise,
      pause(ms, undefined, { signal: timer.signal }).then(() =>
        Promise.reject(new Error(`${what} within ${ms} ms`)),
      ),
    ])
  } finally {
    timer.abort()
  }
}

async function jobsEnd(
  client: ReturnType<typeof restClient>,
  issued: { id: string }[],
  withinMs: number,
): Promise<void> {
  const endMs = performance.now() + withinMs
  for (const { id } of issued)
    for (;;) {
      const { status } = await client.json<{ status: string }>('GET', `/v3/job/status/${id}`)
      if (['success', 'error', 'killed'].includes(status)) break
      if (performance.now() > endMs) throw new Error(`job ${id} is still ${status}`)
      await pause(100)
    }
}

export { startCluster }

/** A file is swept from a certain age on: one that reaches it between the two looks is for the next round. */
async function disagreementAfterMending({ nodes }: Cluster): Promise<string | undefined> {
  let disagreement: string | undefined
  for (let tries = 0; tries < MENDINGS; tries++) {
    await nodes[0].fsck('--mend')
    disagreement = await nodes[0].fsck('--deep')
    if (disagreement === undefined) return undefined
  }
  return disagreement
}
