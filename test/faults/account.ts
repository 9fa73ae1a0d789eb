import { setTimeout as pause } from 'node:timers/promises'
import { type Job, type RestClient, restClient } from '../../script/support/client.ts'
import { systemClock } from '../../src/kernel/index.ts'
import { inspectSpool } from '../../src/spool/index.ts'
import type { Cluster } from './cluster.ts'
import { checksumOf, type Finding, keysIn, type Ledger, type StoredRow, settle } from './ledger.ts'
import type { IssuedJob } from './writers/index.ts'

const LOOK_EVERY_MS = 500

/** Waits until both nodes let everybody to the main database: until then queries are answered from the snapshot, as of earlier. */
export async function gatesAreOpen(cluster: Cluster, withinMs: number): Promise<void> {
  const endMs = performance.now() + withinMs
  for (;;) {
    const states: string[] = []
    for (const { name, server } of cluster.nodes) {
      const gate = (await server!.processes()).find((one) => one.name === 'database-gate')
      states.push(`${name}: ${gate?.state}`)
    }
    if (states.every((state) => state.includes(': serving'))) return
    if (performance.now() > endMs) throw new Error(`the gates are not open: ${states.join(', ')}`)
    await pause(LOOK_EVERY_MS)
  }
}

/** Waits until everything accepted is loaded, on both nodes. @throws naming the spools that are not empty */
export async function spoolsAreEmpty(cluster: Cluster, withinMs: number): Promise<void> {
  const endMs = performance.now() + withinMs
  for (;;) {
    const full: string[] = []
    for (const node of cluster.nodes)
      for (const spool of node.spools()) {
        const { records } = await inspectSpool(spool, systemClock)
        if (records > 0) full.push(`${spool}: ${records}`)
      }
    if (full.length === 0) return
    if (performance.now() > endMs) throw new Error(`not loaded within ${withinMs} ms: ${full.join(', ')}`)
    await pause(LOOK_EVERY_MS)
  }
}

/** Waits until no chunk comes or goes for a few seconds; merging may go on for ever if it is broken. @throws then */
export async function mergesAreQuiet(cluster: Cluster, withinMs: number): Promise<void> {
  const endMs = performance.now() + withinMs
  let [before, quiet] = ['', 0]
  while (quiet < 8) {
    const [row] = await cluster.ask<{ seen: string }>(
      `SELECT count(*) || ' ' || coalesce(max(id), 0) || ' ' || count(*) FILTER (WHERE retired_at IS NULL) AS seen FROM chunks`,
    )
    quiet = row!.seen === before ? quiet + 1 : 0
    before = row!.seen
    if (performance.now() > endMs) throw new Error(`chunks still come and go after ${withinMs} ms: ${before}`)
    await pause(LOOK_EVERY_MS)
  }
}

/** The rows of a table by key and value, as a query of a user finds them. */
async function storedRows(client: RestClient, database: string, table: string): Promise<StoredRow[]> {
  // Where nothing was ever stored there are no such columns.
  const { rows: count } = await client.query(database, `SELECT count(*) FROM ${table}`)
  if (Number(count[0]![0]) === 0) return []
  const { rows } = await client.query(database, `SELECT k, crc, count(*) FROM ${table} GROUP BY k, crc`)
  return rows.map(([key, value, count]) => ({ key: String(key), value: Number(value), rows: Number(count) }))
}

/** What the error records hold that has a key of ours, as if it were rows. */
async function errorRows(client: RestClient): Promise<StoredRow[]> {
  const rows: StoredRow[] = []
  type Page = { error_records: { body: string | null; records: number }[]; next: number | null }
  for (let from: number | null = Number.MAX_SAFE_INTEGER; from !== null; ) {
    const page: Page = await client.json('GET', `/v3/table/error_records?limit=1000&from=${from}`)
    for (const { body } of page.error_records)
      for (const key of keysIn(Buffer.from(body ?? '', 'base64').toString('latin1')))
        rows.push({ key, value: checksumOf(key), rows: 1 })
    from = page.next
  }
  return rows
}

export type Account = { findings: Map<string, Finding>; wrongJobs: string[]; totals: Totals }
export type Totals = Record<
  'lost' | 'doubled' | 'foreign' | 'changed' | 'sent' | 'acknowledged' | 'stored',
  number
>

/** Everything the writers know, against everything that is stored, asked at both nodes in turn. */
export async function closeAccount(
  { nodes, masterKey }: Cluster,
  database: string,
  ledgers: Ledger[],
  jobs: IssuedJob[],
): Promise<Account> {
  const clients = nodes.map(({ server }) => restClient(server!.url, masterKey))
  const errors = await errorRows(clients[0]!)
  const tables = new Map<string, StoredRow[]>()
  for (const [at, table] of [...new Set(ledgers.map(({ table }) => table))].entries())
    tables.set(table, await storedRows(clients[at % 2]!, database, table))
  const findings = new Map<string, Finding>()
  for (const ledger of ledgers) {
    // Records that are none are looked for among the error records; nothing else may be there.
    const rows = ledger.writer === 'bad' ? errors : tables.get(ledger.table)!
    findings.set(ledger.writer, settle(ledger, rows))
  }
  const totals: Totals = { lost: 0, doubled: 0, foreign: 0, changed: 0, sent: 0, acknowledged: 0, stored: 0 }
  for (const finding of findings.values())
    for (const name of Object.keys(totals) as (keyof Totals)[]) {
      const found = finding[name]
      totals[name] += typeof found === 'number' ? found : found.length
    }
  return { findings, totals, wrongJobs: await wrongOf(jobs, clients) }
}

const NO_ROOM = /no room|no space|ENOSPC|disk is full/i

/** Jobs whose end is not true: not ended, unknown, failed without a reason of ours, or ended well with another result. */
async function wrongOf(jobs: IssuedJob[], clients: RestClient[]): Promise<string[]> {
  const wrong: string[] = []
  for (const [at, { id, expected }] of jobs.entries()) {
    const client = clients[at % clients.length]!
    try {
      const { status, debug } = await client.json<Job>('GET', `/v3/job/show/${id}`)
      const why = `${debug?.cmdout ?? ''} ${debug?.stderr ?? ''}`.trim()
      // On a full disk a query has no room for its result, and its error says so.
      if (status === 'error' && NO_ROOM.test(why)) continue
      if (status !== 'success') {
        wrong.push(`job ${id} is ${status}: ${why}`)
        continue
      }
      const result = await client.text('GET', `/v3/job/result/${id}?format=json`)
      if (result.trim() !== `[${expected}]`)
        wrong.push(`job ${id} answered ${result.trim()}, not ${expected}`)
    } catch (error) {
      wrong.push(`job ${id}: ${(error as Error).message}`)
    }
  }
  return wrong
}
