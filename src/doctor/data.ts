import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { openSnapshot, type Snapshot } from '../snapshot/index.ts'
import { inspectSpool } from '../spool/index.ts'
import { type Check, error, type Finding, type World, warning } from './types.ts'

/** Imports are queryable within seconds; so long is a loader that does not come through. */
const WAITS_TOO_LONG_MS = 10 * 60_000
/** Reads are answered from it up to this age. */
const SNAPSHOT_LIMIT_MS = 3_600_000
const SNAPSHOT_STALE_MS = 120_000
const SAMPLE = 200

export const dataChecks: Check[] = [
  { name: 'spools', looks: 'whether accepted imports are whole, and loaded', look: spools },
  { name: 'snapshot', looks: 'whether the snapshot can be read, and is fresh', look: snapshot },
  { name: 'chunks', looks: `whether the files of some chunks (${SAMPLE} at most) are there`, look: chunks },
]

async function spools({ dataDir, clock }: World): Promise<Finding[]> {
  const root = join(dataDir, 'spool')
  if (!existsSync(root)) return []
  const findings: Finding[] = []
  for (const name of readdirSync(root).filter((one) => /^ingest-\d+$/.test(one))) {
    const { damaged, quarantined, oldestReceivedAtMs, records } = await inspectSpool(join(root, name), clock)
    if (damaged.length > 0)
      findings.push(
        error(
          `spool ${name} has ${counted(damaged.length, 'range')} that cannot be read`,
          'Imports that were acknowledged are damaged on disk; what lies behind them is loaded all the same.',
          `Look at the disk (smartctl). What can be read: millrace spool export ${name} DIR.`,
        ),
      )
    if (quarantined.length > 0)
      findings.push(
        error(
          `spool ${name} has ${counted(quarantined.length, 'file')} in quarantine`,
          'Bytes that could not be read were kept there when they were found.',
          `They are in ${join(root, name, 'quarantine')}; the senders' own logs say what they were. Remove them once that is settled.`,
        ),
      )
    const waitedMs = oldestReceivedAtMs === undefined ? 0 : clock.now().getTime() - oldestReceivedAtMs
    if (waitedMs > WAITS_TOO_LONG_MS)
      findings.push(
        warning(
          `spool ${name} holds ${records.toLocaleString('en')} imports, the oldest for ${Math.round(waitedMs / 60_000)} minutes`,
          'They are safe, but not to be queried yet: nothing runs, the database is away, or the loader does not come through.',
          "'millrace status' and 'millrace lag' say which; 'millrace spool show' shows what waits.",
        ),
      )
  }
  return findings
}

async function withSnapshot<T>(world: World, use: (snapshot: Snapshot) => Promise<T>): Promise<T> {
  const opened = await openSnapshot({
    dataDir: world.dataDir,
    clock: world.clock,
    log: world.log,
    withManifests: true,
  })
  try {
    return await use(opened)
  } finally {
    await opened.close()
  }
}

const isBegun = ({ dataDir }: World) => existsSync(join(dataDir, 'snapshot', 'current'))

async function snapshot(world: World): Promise<Finding[]> {
  if (!isBegun(world)) return []
  return withSnapshot(world, async ({ usable, ageMs, sealed }) => {
    if (!usable)
      return [
        error(
          'the snapshot cannot be read',
          'While the database is away nothing can be answered from it, and imports to tables that are not known wait.',
          "Core writes a new one when it starts: 'millrace restart core-0'.",
        ),
      ]
    // Nothing renews it while nothing runs, and a sealed one is meant to stay as it is.
    if (world.run === undefined || sealed !== undefined || ageMs < SNAPSHOT_STALE_MS) return []
    const age = `the snapshot is ${Math.round(ageMs / 60_000)} minutes old`
    const advice = "Core writes it: 'millrace status' says whether core runs and whether the gate is open."
    if (ageMs > SNAPSHOT_LIMIT_MS)
      return [
        error(
          age,
          'Reads are not answered from it any more; keys and tables made since are not known to the edge.',
          advice,
        ),
      ]
    return [warning(age, 'Keys and tables made since are not known to the edge.', advice)]
  })
}

async function chunks(world: World): Promise<Finding[]> {
  const manifests = join(world.dataDir, 'snapshot', 'manifests')
  if (!isBegun(world) || !existsSync(manifests)) return []
  const tables = readdirSync(manifests).flatMap((name) => /^(\d+)\.jsonl$/.exec(name)?.[1] ?? [])
  const missing = await withSnapshot(world, async (opened) => {
    const found: string[] = []
    let looked = 0
    for (const table of tables) {
      if (looked >= SAMPLE) break
      const list = await opened.chunksOf(BigInt(table))
      if (list.kind !== 'found' || opened.findTableById(BigInt(table)).kind !== 'found') continue
      // The newest: those that a disk lost lately.
      for (const { path, bytes } of list.value.slice(-Math.max(10, Math.ceil(SAMPLE / tables.length)))) {
        looked++
        const stat = statSync(join(world.dataDir, 'objects', path), { throwIfNoEntry: false })
        if (stat === undefined) found.push(`${path} is gone`)
        else if (stat.size !== bytes) found.push(`${path} has ${stat.size} bytes instead of ${bytes}`)
      }
    }
    return found
  })
  if (missing.length === 0) return []
  return [
    error(
      `${missing.length} of a sample of chunks are not as the catalog says: ${missing.slice(0, 3).join('; ')}`,
      'Queries of their tables fail.',
      "'millrace fsck' looks at all of them and says what can be mended; a backup has the files.",
    ),
  ]
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
