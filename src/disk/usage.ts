import { lstat, opendir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock, Log, Service } from '../kernel/index.ts'

/** Parts of the data directory by kind; a result is an object too, told apart by its path. */
const PLACES: Record<string, string[]> = {
  database: ['postgres'],
  spool: ['spool'],
  objects: ['objects'],
  'engine-temp': ['engine-temp', 'result-drafts', 'incoming-parts', 'archive'],
}
const RESULTS_IN_OBJECTS = /^results(\/|$)/
const FIRST_AFTER_MS = 30_000
const LEAST_EVERY_MS = 300_000
/** At most this share of the time is spent on counting. */
const SHARE = 1 / 50
const BREATH_EVERY = 500

export type DiskUsage = { kind: string; bytes: number }[]

/**
 * Counts the bytes on disk by kind, again and again with long pauses: the last count is always at hand, and a directory of a million files
 * is looked through once in a while only.
 */
export function createUsageCount({
  dataDir,
  clock,
  log,
}: {
  dataDir: string
  clock: Clock
  log: Log
}): Service & { last(): DiskUsage; count(signal: AbortSignal): Promise<void> } {
  let last: DiskUsage = []
  const count = async (signal: AbortSignal) => {
    const found = new Map<string, number>([...Object.keys(PLACES), 'results'].map((kind) => [kind, 0]))
    const add = (kind: string, bytes: number) => found.set(kind, (found.get(kind) ?? 0) + bytes)
    for (const [kind, places] of Object.entries(PLACES)) {
      for (const place of places) {
        const root = await realpath(join(dataDir, place)).catch(unlessMissing)
        if (root === undefined) continue
        await walk(root, '', clock, signal, (path, bytes) =>
          add(kind === 'objects' && RESULTS_IN_OBJECTS.test(path) ? 'results' : kind, bytes),
        )
      }
    }
    if (!signal.aborted) last = [...found].map(([kind, bytes]) => ({ kind, bytes }))
  }
  return {
    name: 'disk usage',
    last: () => last,
    count,
    async run(signal) {
      await clock.sleep(FIRST_AFTER_MS, signal)
      while (!signal.aborted) {
        const startedMs = clock.monotonicMs()
        try {
          await count(signal)
        } catch (error) {
          log.warn({ err: error }, 'disk usage could not be counted')
        }
        await clock.sleep(Math.max(LEAST_EVERY_MS, (clock.monotonicMs() - startedMs) / SHARE), signal)
      }
    },
  }
}

/** Allocated bytes of every file below; what vanishes meanwhile is left out. Links are not followed. */
async function walk(
  root: string,
  folder: string,
  clock: Clock,
  signal: AbortSignal,
  found: (path: string, bytes: number) => void,
): Promise<void> {
  const directory = await opendir(join(root, folder)).catch(unlessMissing)
  if (directory === undefined) return
  let seen = 0
  for await (const entry of directory) {
    if (signal.aborted) return
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory()) await walk(root, path, clock, signal, found)
    else if (entry.isFile()) {
      const status = await lstat(join(root, path)).catch(unlessMissing)
      if (status !== undefined) found(path, status.blocks * 512)
    }
    if (++seen % BREATH_EVERY === 0) await clock.sleep(10, signal)
  }
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'EACCES') throw error
  return undefined
}
