import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseDatabaseUrl, withAdmin } from '../database/index.ts'
import { type GateState, readGateFile } from '../gate/index.ts'
import { hasFile } from '../kernel/index.ts'
import { type DatabaseFacts, readDatabaseFacts } from './store.ts'
import { type Check, error, type Finding, type World, wantedOf, warning } from './types.ts'

const CONNECT_MS = 5_000
const MOST_APART_MS = 5_000
/** Shorter absences are the gate's daily work. */
const SHUT_FOR_MS = 60_000

export const databaseChecks: Check[] = [
  {
    name: 'main-database',
    looks: 'whether the main database answers, its version, rights, connections and clock',
    look: mainDatabase,
  },
  { name: 'gate', looks: 'whether the gate to the main database is open', look: gate },
]

async function mainDatabase(world: World): Promise<Finding[]> {
  const wanted = wantedOf(world)
  if (wanted === undefined) return []
  return wanted.databaseUrl === undefined
    ? embedded(world)
    : external(world, wanted.databaseUrl, wanted.connections)
}

/** Whether it answers is seen by the gate; here, whether it is there at all. */
function embedded({ dataDir }: World): Finding[] {
  if (existsSync(join(dataDir, 'postgres', 'PG_VERSION'))) return []
  if (!hasFile(join(dataDir, 'objects', 'chunks'))) return []
  return [
    error(
      `${join(dataDir, 'postgres')} is gone, and there are chunks`,
      'The catalog that says what they are is lost; a start is refused.',
      'Restore a backup, or make the catalog anew from the files: millrace fsck --rebuild-catalog. If the database is an external one, MILLRACE_DATABASE_URL is missing.',
    ),
  ]
}

async function external(world: World, url: string, needed: number): Promise<Finding[]> {
  let address: ReturnType<typeof parseDatabaseUrl>
  try {
    address = parseDatabaseUrl(url)
  } catch (cause) {
    return [
      error(
        `MILLRACE_DATABASE_URL: ${(cause as Error).message}`,
        'A start is refused.',
        'It is such as postgres://user:password@host:5432/database.',
      ),
    ]
  }
  const place = `${address.host}:${address.port}/${address.database}`
  try {
    const facts = await withAdmin(address, (connection) => readDatabaseFacts(connection, world.clock.now), {
      connectTimeoutMs: CONNECT_MS,
      statementTimeoutMs: CONNECT_MS,
    })
    return findingsOf({ place, user: address.user, needed }, facts)
  } catch (cause) {
    return [unreachable(place, cause)]
  }
}

function unreachable(place: string, cause: unknown): Finding {
  const { code, message } = cause as NodeJS.ErrnoException
  const means = 'Imports are collected and reads answered from the snapshot; everything else waits.'
  const advice: Record<string, string> = {
    '28P01': 'The password in MILLRACE_DATABASE_URL is wrong.',
    '28000': 'The server does not let this user in from here: look at its pg_hba.conf.',
    '3D000': 'There is no such database: CREATE DATABASE, or another name in MILLRACE_DATABASE_URL.',
    '53300': 'Its connections are used up: more max_connections, or fewer of other programs.',
    ECONNREFUSED: 'Nothing listens there: start it, or mend host and port in MILLRACE_DATABASE_URL.',
    ENOTFOUND: 'No machine has this name: mend the host in MILLRACE_DATABASE_URL.',
  }
  return error(
    `${place} cannot be used: ${message || code}`,
    means,
    advice[code ?? ''] ?? 'Look at the network between the two, and into its log.',
  )
}

/** What is wrong with a database that answers. */
export function findingsOf(
  { place, user, needed }: { place: string; user: string; needed: number },
  facts: DatabaseFacts,
): Finding[] {
  return [
    ...versionFindings(place, facts),
    ...rightFindings(place, user, facts),
    ...clockFindings(place, facts.aheadMs),
    ...connectionFindings(place, facts, needed),
  ]
}

function versionFindings(place: string, { version, isStandby }: DatabaseFacts): Finding[] {
  const major = Math.floor(version / 10_000)
  if (isStandby)
    return [
      error(`${place} is a standby`, 'It takes no writes.', 'Name the primary in MILLRACE_DATABASE_URL.'),
    ]
  if (major >= 15 && major <= 18) return []
  return [
    error(
      `${place} is PostgreSQL ${major}`,
      'Millrace is made for 15 to 18; migrations may fail.',
      'Use one of these.',
    ),
  ]
}

function rightFindings(place: string, user: string, { mayCreate, mayCreateRoles }: DatabaseFacts): Finding[] {
  if (!mayCreate)
    return [
      error(
        `${user} may not create tables in ${place}`,
        'The schema cannot be made or brought up to date.',
        `GRANT CREATE on the database and its schema public to ${user}, or make it their owner.`,
      ),
    ]
  if (mayCreateRoles) return []
  return [
    warning(
      `${user} may not create roles on ${place}`,
      'Everybody logs in as this user: an old side can be fenced after a switch-over only by its password.',
      `ALTER ROLE ${user} CREATEROLE`,
    ),
  ]
}

function clockFindings(place: string, aheadMs: number): Finding[] {
  if (Math.abs(aheadMs) <= MOST_APART_MS) return []
  return [
    error(
      `the clock of ${place} is ${(Math.abs(aheadMs) / 1000).toFixed(0)} s ${aheadMs > 0 ? 'ahead of' : 'behind'} this one`,
      'Times of jobs, schedules and expiry disagree between the two.',
      'Let both set their clocks by themselves (chrony, systemd-timesyncd).',
    ),
  ]
}

function connectionFindings(
  place: string,
  { mostConnections, usedConnections }: DatabaseFacts,
  needed: number,
): Finding[] {
  if (mostConnections - usedConnections >= needed) return []
  return [
    warning(
      `${place} has ${mostConnections} connections, ${usedConnections} are others'; Millrace may want ${needed}`,
      'Under load requests wait for a connection, and some are answered 503.',
      'More max_connections there, or fewer processes here (MILLRACE_WORKER_PROCESSES).',
    ),
  ]
}

async function gate({ dataDir, clock }: World): Promise<Finding[]> {
  const file = await readGateFile(dataDir)
  if (file.kind === 'missing') return []
  if (file.kind === 'damaged')
    return [
      error(
        `the gate file is damaged: ${file.reason}`,
        'Nobody can say which database is the right one; a start is refused.',
        'Restore gate/gate.json from a backup of the data directory. Without one: remove it only when no maintenance was under way.',
      ),
    ]
  const { mode, since, reason, planned } = file.state
  const sinceMs = clock.now().getTime() - Date.parse(since)
  if (isOpen(mode) || sinceMs < SHUT_FOR_MS) return []
  return [
    error(
      `the gate to the main database is shut (${mode}) since ${since}: ${reason}`,
      'Imports are collected, reads come from the snapshot; writes and schedules wait.',
      planned
        ? 'A maintenance ordered it: let it end, or end it.'
        : 'It opens by itself as soon as the main database answers: look there.',
    ),
  ]
}

function isOpen(mode: GateState['mode']): boolean {
  return mode === 'serving' || mode === 'recovering'
}
