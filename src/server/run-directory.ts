import { createHash } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync, writeFileSync } from 'node:fs'
import { lstat, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { isAlive, ownMark, type ProcessMark } from '../kernel/index.ts'
import { serverErrors } from './errors.ts'
import { socketAnswers } from './socket-life.ts'

const OWNER = 'owner.json'
/** One that is just being made has no socket yet. */
const LEAST_AGE_MS = 60_000

/**
 * A short directory for Unix sockets, the same for every start on a data directory. Socket paths are limited to 107
 * bytes, which a data directory's own path may exceed. Its name can be guessed and `/tmp` is everybody's, so one that
 * somebody else put there is not used. @throws data_directory_unusable (final)
 */
export function runDirectory(dataDir: string, uid = process.getuid?.() ?? 0): string {
  const tag = createHash('sha256').update(resolve(dataDir)).digest('hex').slice(0, 10)
  const path =
    uid === 0 ? join('/run', `millrace-${tag}`) : join(shortTemporaryDirectory(), `millrace-${uid}-${tag}`)
  mkdirSync(path, { recursive: true, mode: 0o711 })
  const found = lstatSync(path)
  if (!found.isDirectory() || found.uid !== uid)
    throw serverErrors.data_directory_unusable(`${path} for its sockets belongs to somebody else`)
  // Others may pass through (PostgreSQL runs under its own uid as root) but not look; sockets have their own modes.
  chmodSync(path, 0o711)
  writeFileSync(join(path, OWNER), JSON.stringify(ownMark()), { mode: 0o600 })
  return path
}

function shortTemporaryDirectory(): string {
  const directory = tmpdir()
  return directory.length <= 60 ? directory : '/tmp'
}

/** Removes it, unless something in it still answers: a PostgreSQL that did not end would be out of reach. */
export async function removeRunDirectory(path: string): Promise<void> {
  if (!(await somebodyAnswersIn(path))) await rm(path, { recursive: true, force: true })
}

/**
 * Removes run directories beside `own` that supervisors left which did not come to their end: those whose process is no more and none of
 * whose sockets answers. A PostgreSQL that outlived its supervisor keeps its directory, and so does whoever is just starting.
 */
export async function sweepRunDirectories(own: string): Promise<void> {
  const { uid, mtimeMs: nowMs } = await stat(join(own, OWNER))
  const pattern = new RegExp(`^${basename(own).replace(/[0-9a-f]{10}$/, '[0-9a-f]{10}')}(\\.left)?$`)
  for (const name of await readdir(dirname(own))) {
    const path = join(dirname(own), name)
    if (name === basename(own) || !pattern.test(name)) continue
    if (!(await isLeftBehind(path, { uid, nowMs }))) continue
    // Aside first: a start that comes right now finds none and makes a new one.
    const aside = `${path.replace(/\.left$/, '')}.left`
    await rename(path, aside)
    if (await isLeftBehind(aside, { uid, nowMs })) await rm(aside, { recursive: true })
    else await rename(aside, path)
  }
}

async function isLeftBehind(path: string, { uid, nowMs }: { uid: number; nowMs: number }): Promise<boolean> {
  const found = await statOf(path)
  if (!found?.isDirectory() || found.uid !== uid) return false
  const owner = join(path, OWNER)
  // Earlier releases did not say whose it is.
  const madeMs = (await statOf(owner))?.mtimeMs ?? found.mtimeMs
  if (nowMs - madeMs < LEAST_AGE_MS) return false
  const mark = await markOf(owner)
  return (mark === undefined || !isAlive(mark)) && !(await somebodyAnswersIn(path))
}

async function markOf(path: string): Promise<ProcessMark | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as ProcessMark
  } catch (error) {
    // Missing, or cut short by a full disk: then the sockets alone decide.
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

async function somebodyAnswersIn(path: string): Promise<boolean> {
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (entry.isSocket() && (await socketAnswers(join(entry.parentPath, entry.name)))) return true
  }
  return false
}

async function statOf(path: string) {
  try {
    return await lstat(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
