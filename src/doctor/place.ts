import { existsSync, lstatSync, mkdtempSync, readFileSync, realpathSync, rmdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { UNFINISHED } from '../backup/index.ts'
import { type Check, error, type Finding, type Wanted, type World, wantedOf, warning } from './types.ts'

/** statfs(2) numbers of file systems that do not keep what is written, or not for certain. */
const TMPFS = 0x01021994
const OVERLAY = 0x794c7630
const NETWORK: Record<number, string> = { 26985: 'NFS', 20859: 'SMB', 4283649346: 'CIFS', 1702057286: 'FUSE' }
/** So far ahead a file may be without the clock having been set back. */
const MOST_AHEAD_MS = 120_000

export const placeChecks: Check[] = [
  {
    name: 'data-directory',
    looks: 'owner, permissions and contents of the data directory',
    look: dataDirectory,
  },
  { name: 'lock', looks: 'who holds the data directory', look: lock },
  { name: 'disk', looks: 'free space, and the kind of file system', look: disk },
  {
    name: 'objects-directory',
    looks: 'whether the objects are where the settings say',
    look: objectsDirectory,
  },
  { name: 'clock', looks: 'whether the clock was set back', look: clock },
]

function dataDirectory({ dataDir, machine }: World): Finding[] {
  const stat = statSync(dataDir, { throwIfNoEntry: false })
  if (stat === undefined)
    return [
      error(
        `${dataDir} does not exist`,
        'Nothing was ever started here, or the disk that holds it is not mounted.',
        "Mount it, or name the right one with --data-dir; 'millrace up' makes a new one.",
      ),
    ]
  if (!stat.isDirectory())
    return [
      error(`${dataDir} is no directory`, 'Nothing can be kept there.', 'Name another with --data-dir.'),
    ]
  const findings = [...unwritable(dataDir)]
  if (machine.uid !== undefined && machine.uid !== 0 && stat.uid !== machine.uid)
    findings.push(
      error(
        `${dataDir} belongs to user ${stat.uid}, and this is user ${machine.uid}`,
        'What one of them writes the other cannot read: a start as this user fails.',
        `Run as user ${stat.uid}, or give it away while nothing runs: chown -R ${machine.uid} ${dataDir}`,
      ),
    )
  const foreign = foreignIn(dataDir, stat.uid)
  if (foreign !== undefined)
    findings.push(
      error(
        `${foreign.path} belongs to user ${foreign.uid}, the data directory to user ${stat.uid}`,
        'Somebody has run Millrace, or copied files, as another user: it cannot be read or written now.',
        `While nothing runs: chown -R ${stat.uid} ${foreign.path}`,
      ),
    )
  if (existsSync(join(dataDir, UNFINISHED)))
    findings.push(
      error(
        'a backup was being restored into it and did not come to its end',
        'A part of the data is missing; a start is refused.',
        `Remove ${dataDir} and restore again.`,
      ),
    )
  return findings
}

function unwritable(dataDir: string): Finding[] {
  try {
    rmdirSync(mkdtempSync(join(dataDir, '.doctor-')))
    return []
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    const why = {
      EROFS: 'it is mounted read-only',
      ENOSPC: 'the disk is full',
      EDQUOT: 'the quota is used up',
    }[code ?? '']
    return [
      error(
        `nothing can be written to ${dataDir}: ${why ?? message}`,
        'Imports are refused, and a start fails.',
        why === undefined ? 'Mend its owner and permissions.' : 'Mount it for writing, or make room.',
      ),
    ]
  }
}

/** What Millrace itself writes; PostgreSQL's folder has a user of its own. */
const OWN = ['spool', 'gate', 'snapshot', 'objects', 'lock.json', 'node.json']

function foreignIn(dataDir: string, uid: number): { path: string; uid: number } | undefined {
  for (const name of OWN) {
    const stat = lstatSync(join(dataDir, name), { throwIfNoEntry: false })
    if (stat !== undefined && stat.uid !== uid) return { path: join(dataDir, name), uid: stat.uid }
  }
  return undefined
}

function lock({ holder, dataDir, run }: World): Finding[] {
  const { verdict, pid, host } = holder
  if (verdict === 'unreadable') throw new Error(host)
  if (verdict === 'gone')
    return [
      warning(
        `the lock of process ${pid} is left, which is gone`,
        'It was killed, or the machine lost power. Nothing acknowledged is lost.',
        "Nothing has to be removed: 'millrace up' takes it over.",
      ),
    ]
  if (verdict === 'elsewhere')
    return [
      error(
        `process ${pid} on the machine ${host} holds it, which cannot be asked from here`,
        'Two at work on one data directory destroy it; a start is refused.',
        `Stop the other one. If ${host} is gone for certain: millrace up --data-dir ${dataDir} --take-over-from ${host}`,
      ),
    ]
  if (verdict === 'alive' && run === undefined)
    return [
      warning(
        `process ${pid} holds it and is not ready`,
        'It is starting or stopping, or it has hung.',
        'Look again in a minute, and into its log.',
      ),
    ]
  return []
}

async function disk(world: World): Promise<Finding[]> {
  const { dataDir, machine } = world
  if (!existsSync(dataDir)) return []
  const places = [dataDir, ...objectsElsewhere(dataDir)]
  const findings: Finding[] = []
  const settings = wantedOf(world)?.disk
  for (const place of places) {
    const { freeBytes, freeInodes, kind } = await machine.diskOf(place)
    if (settings !== undefined) findings.push(...roomFindings(place, freeBytes, settings))
    if (freeInodes !== undefined && freeInodes < 10_000)
      findings.push(
        error(
          `${place}: ${freeInodes} more files can be made (inodes)`,
          'When none are left, nothing can be written although there is space.',
          'Remove small files elsewhere on this file system, or make it anew with more inodes.',
        ),
      )
    findings.push(...kindFindings(place, kind))
  }
  return findings
}

/** Where they are on another disk than the rest. */
function objectsElsewhere(dataDir: string): string[] {
  const objects = join(dataDir, 'objects')
  if (!existsSync(objects) || statSync(objects).dev === statSync(dataDir).dev) return []
  return [realpathSync(objects)]
}

function roomFindings(place: string, freeBytes: number, settings: Wanted['disk']): Finding[] {
  const free = `${place} has ${(freeBytes / 1e9).toFixed(2)} GB free`
  const advice = 'Make room or a larger disk; MILLRACE_DISK_…_FREE_BYTES set the thresholds.'
  if (freeBytes < settings.importsFreeBytes)
    return [error(free, 'Imports and events are answered 503, and senders keep them for later.', advice)]
  if (freeBytes < settings.resultsFreeBytes) return [error(free, 'No job begins; queued ones wait.', advice)]
  if (freeBytes < settings.tempFreeBytes)
    return [warning(free, 'Queries get no temporary disk; large ones fail.', advice)]
  return []
}

function kindFindings(place: string, kind: number): Finding[] {
  if (kind === TMPFS)
    return [
      warning(
        `${place} is in memory (tmpfs)`,
        'A reboot loses everything, also what was acknowledged.',
        'Keep the data directory on a disk.',
      ),
    ]
  if (kind === OVERLAY)
    return [
      warning(
        `${place} is in the layer of a container`,
        'Everything is gone with the container.',
        'Mount a volume there.',
      ),
    ]
  const network = NETWORK[kind >>> 0]
  if (network === undefined) return []
  return [
    warning(
      `${place} is on ${network}`,
      'Whether an fsync reaches a disk, and whether locks hold, depends on its server.',
      'A local disk for the data directory; MILLRACE_OBJECTS_DIR may stay on the network.',
    ),
  ]
}

function objectsDirectory(world: World): Finding[] {
  const wanted = wantedOf(world)
  const link = join(world.dataDir, 'objects')
  const found = lstatSync(link, { throwIfNoEntry: false })
  if (found === undefined) return []
  if (found.isSymbolicLink() && !existsSync(link))
    return [
      error(
        `${link} leads to a place that is not there`,
        'No chunk can be read or written.',
        'Mount the disk that holds the objects.',
      ),
    ]
  const isOther =
    wanted?.objectsDir !== undefined &&
    (!existsSync(wanted.objectsDir) || realpathSync(link) !== realpathSync(wanted.objectsDir))
  if (!isOther) return []
  return [
    error(
      `the objects are in ${realpathSync(link)}, and MILLRACE_OBJECTS_DIR says ${wanted!.objectsDir}`,
      'A start is refused: half of the data would be in each.',
      'Set it to where they are, or mount that disk.',
    ),
  ]
}

const WRITTEN_OFTEN = ['gate/gate.json', 'run.json', 'lock.json', 'snapshot/current']

/** Files of the future: the clock ran ahead when they were written, or has been set back since. */
function clock({ dataDir, clock: { now } }: World): Finding[] {
  const nowMs = now().getTime()
  const ahead = WRITTEN_OFTEN.map((name) => ({
    name,
    ms: (statSync(join(dataDir, name), { throwIfNoEntry: false })?.mtimeMs ?? 0) - nowMs,
  })).sort((a, b) => b.ms - a.ms)[0]!
  const lock = lockedAt(join(dataDir, 'lock.json')) - nowMs
  const most = Math.max(ahead.ms, lock)
  if (most < MOST_AHEAD_MS) return []
  const name = lock > ahead.ms ? 'lock.json' : ahead.name
  return [
    error(
      `${name} was written ${Math.round(most / 60_000)} minutes in the future: the clock was set back`,
      'Times of events, schedules and expiry follow the clock; nothing was lost, but some of it is out of order.',
      'Let the machine set its clock by itself (chrony, systemd-timesyncd) and look again.',
    ),
  ]
}

function lockedAt(path: string): number {
  try {
    const ms = Date.parse((JSON.parse(readFileSync(path, 'utf8')) as { startedAt?: string }).startedAt ?? '')
    return Number.isFinite(ms) ? ms : 0
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT' || cause instanceof SyntaxError) return 0
    throw cause
  }
}
