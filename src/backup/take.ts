import { copyFile, mkdir, rm, stat } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'
import type { Database } from '../database/index.ts'
import { type Clock, ensureDirectory, type Log, syncDirectory, writeFileDurably } from '../kernel/index.ts'
import type { ObjectStore } from '../storage/index.ts'
import { backupErrors } from './errors.ts'
import { copyObjects, pruneObjects, sizeOf } from './objects.ts'
import { backupId, directoriesOf, listBackups, paths } from './place.ts'
import { listTables, readMoment, readRows, readSequences, referencedPaths } from './store.ts'
import { readLines, sha256OfFile, syncFile, type WrittenLines, writeLines } from './tables.ts'
import type { Manifest, Progress, SavedObject, SavedTable } from './types.ts'

/** A copy is background work: it waits at the gate and ends when the gate is being shut. */
const ADMISSION = { class: 'background', deadlineMs: 60_000 } as const
/** What else of a data directory nothing can replace: the key of the connections' secrets. */
const FILES = ['secrets.key']

export type TakeOptions = {
  /** Where backups are kept; made when it is not there. */
  place: string
  dataDir: string
  database: Database
  objects: ObjectStore
  clock: Clock
  log: Log
  version: string
  /** How many backups of the place to keep, this one included; all when absent. */
  keep?: number
  onProgress: (progress: Progress) => void
  signal: AbortSignal
}

/**
 * Copies the main database as of one moment and every object that exists just after it, so that each object a row of that
 * moment names is among them. Serving goes on meanwhile. What was acknowledged and not yet loaded at that moment is in the
 * spool, not in the backup.
 * @returns the manifest, which is written last
 * @throws backup_target_unusable, backup_incomplete, database_away (503, retry)
 */
export async function takeBackup(options: TakeOptions): Promise<Manifest> {
  const { place, objects, clock, log, version, keep, onProgress, signal } = options
  await checkPlace(place, options.dataDir)
  const progress: Progress = {
    phase: 'database',
    tables: { done: 0, total: 0 },
    objects: { done: 0, total: 0 },
    bytes: { done: 0, total: 0 },
  }
  const report = (change: Partial<Progress>) => onProgress(Object.assign(progress, change))
  const startedMs = clock.monotonicMs()
  const id = await newDirectory(place, clock)
  const saved = await saveDatabase(options, id, report)

  const known = await knownObjects(place)
  const found: { path: string; bytes: number }[] = []
  for await (const { path, bytes } of objects.list('')) found.push({ path, bytes })
  const total = found.reduce((sum, { bytes }) => sum + bytes, 0)
  report({ phase: 'objects', objects: { done: 0, total: found.length }, bytes: { done: 0, total } })
  const copied = await copyObjects(found, {
    from: (path) => objects.locate(path),
    to: (path) => paths.object(place, path),
    copier: id,
    known,
    signal,
    onCopied(bytes) {
      progress.objects.done++
      progress.bytes.done += bytes
      onProgress(progress)
    },
  })
  refuseHoles(saved.referenced, copied)
  const list = await writeLines(
    paths.objectList(place, id),
    oneBatch(copied.map((one) => JSON.stringify(one))),
  )
  const manifest: Manifest = {
    format: 1,
    id,
    takenAt: saved.at.toISOString(),
    version,
    schema: saved.schema,
    tables: saved.tables,
    sequences: saved.sequences,
    objects: {
      count: copied.length,
      bytes: copied.reduce((sum, { bytes }) => sum + bytes, 0),
      sha256: list.sha256,
    },
    referenced: saved.referenced.size,
    files: await saveFiles(options.dataDir, place, id),
  }
  await writeFileDurably(paths.manifest(place, id), `${JSON.stringify(manifest, null, 2)}\n`)
  if (keep !== undefined) {
    report({ phase: 'pruning' })
    await prune(place, { keep, own: id, now: clock.now() })
  }
  report({ phase: 'done' })
  const seconds = Math.round((clock.monotonicMs() - startedMs) / 100) / 10
  log.info({ place, id, objects: copied.length, bytes: manifest.objects.bytes, seconds }, 'backup taken')
  return manifest
}

async function checkPlace(place: string, dataDir: string): Promise<void> {
  const inside = resolve(place) === resolve(dataDir) || resolve(place).startsWith(resolve(dataDir) + sep)
  if (inside)
    throw backupErrors.backup_target_unusable(
      `${place} is inside the data directory, and would be lost with it`,
    )
  try {
    await ensureDirectory(paths.objects(place))
    await syncDirectory(place)
  } catch (error) {
    throw backupErrors.backup_target_unusable(`${place}: ${(error as Error).message}`, error)
  }
}

/** Ids are seconds; two backups within one would be one. */
async function newDirectory(place: string, clock: Clock): Promise<string> {
  for (;;) {
    const id = backupId(clock.now())
    try {
      await mkdir(paths.backup(place, id), { mode: 0o700 })
      await syncDirectory(place)
      return id
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      await clock.sleep(200)
    }
  }
}

async function saveDatabase(
  { database, place, signal }: TakeOptions,
  id: string,
  report: (change: Partial<Progress>) => void,
) {
  return database.snapshot(ADMISSION, async (statements) => {
    const { schema, at } = await readMoment(statements)
    const shapes = await listTables(statements)
    const tables: SavedTable[] = []
    for (const { name, columns } of shapes) {
      signal.throwIfAborted()
      report({ tables: { done: tables.length, total: shapes.length } })
      const written: WrittenLines = await writeLines(paths.table(place, id, name), readRows(statements, name))
      tables.push({ name, columns, ...written })
    }
    report({ tables: { done: tables.length, total: shapes.length } })
    const sequences = await readSequences(statements)
    return { schema, at, tables, sequences, referenced: await referencedPaths(statements) }
  })
}

/** What the place's newest backup says of its objects: they need not be read again. */
async function knownObjects(place: string): Promise<Map<string, SavedObject>> {
  const newest = (await listBackups(place)).at(-1)
  return newest === undefined ? new Map() : readObjectList(place, newest)
}

export async function readObjectList(place: string, id: string): Promise<Map<string, SavedObject>> {
  const known = new Map<string, SavedObject>()
  for await (const lines of readLines(paths.objectList(place, id)))
    for (const line of lines) {
      const one = JSON.parse(line) as SavedObject
      known.set(one.path, one)
    }
  return known
}

function refuseHoles(referenced: Set<string>, copied: SavedObject[]): void {
  const there = new Set(copied.map(({ path }) => path))
  const missing = [...referenced].filter((path) => !there.has(path))
  if (missing.length > 0)
    throw backupErrors.backup_incomplete(`${missing.length} of ${referenced.size}, such as ${missing[0]}`)
}

async function* oneBatch(lines: string[]): AsyncIterable<string[]> {
  if (lines.length > 0) yield lines
}

async function saveFiles(dataDir: string, place: string, id: string): Promise<Manifest['files']> {
  const saved: Manifest['files'] = []
  await ensureDirectory(join(paths.backup(place, id), 'files'))
  for (const name of FILES) {
    const from = join(dataDir, name)
    if ((await sizeOf(from)) === undefined) continue
    const to = paths.file(place, id, name)
    await copyFile(from, to)
    await syncFile(to)
    saved.push({ name, sha256: await sha256OfFile(to) })
  }
  await syncDirectory(join(paths.backup(place, id), 'files'))
  return saved
}

/** A directory without a manifest that is younger may be another backup under way, of another node or a second console. */
const UNDER_WAY_MS = 86_400_000

/** Keeps the newest and `own`; removes older ones, broken-off ones, and objects nobody names any more. */
export async function prune(
  place: string,
  { keep, own, now }: { keep: number; own: string; now: Date },
): Promise<void> {
  const directories = await directoriesOf(place)
  // Looked at after the directories: one that ends in between is whole.
  const whole = await listBackups(place)
  // Also when the clock was set back and others seem newer.
  const kept = new Set([...whole.slice(-Math.max(1, keep)), own])
  const since = backupId(new Date(now.getTime() - UNDER_WAY_MS))
  const underWay = directories.filter((id) => !whole.includes(id) && id >= since)
  for (const id of directories)
    if (!kept.has(id) && !underWay.includes(id)) {
      // The manifest first: what is left of a removal that is cut short is no backup.
      await rm(paths.manifest(place, id), { force: true })
      await rm(paths.backup(place, id), { recursive: true })
    }
  // What those have copied so far is named nowhere yet.
  if (underWay.length > 0) return
  const named = new Set<string>()
  for (const id of await listBackups(place))
    for (const path of (await readObjectList(place, id)).keys()) named.add(path)
  const { mtimeMs } = await stat(paths.manifest(place, own))
  await pruneObjects(paths.objects(place), { kept: named, before: mtimeMs })
}
