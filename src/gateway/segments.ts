import { createReadStream, type Dirent } from 'node:fs'
import { mkdir, readdir, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { Clock, Log } from '../kernel/index.ts'

/** Where rows wait that clients fetch beside the answers of their statements. */
export type SegmentStore = {
  /** False when there is no room for it: then the rows go with the answer. */
  put(queryId: string, index: number, bytes: Buffer): Promise<boolean>
  /** undefined when it is not kept any more: acknowledged, or too old. */
  open(queryId: string, index: number): Promise<{ bytes: number; body: Readable } | undefined>
  remove(queryId: string, index: number): Promise<void>
  removeAll(queryId: string): Promise<void>
  /** Removes what nobody has fetched in time; to be called now and then. */
  sweep(): Promise<void>
  readonly bytes: number
}

export type SegmentStoreOptions = {
  /** Of this store alone. */
  directory: string
  keepMs: number
  mostBytes: number
  /** Whether the disk has nothing left for what can be done without. */
  isDiskShort(): boolean
  clock: Clock
  log: Log
}

type Kept = { bytes: number; sinceMs: number }

/**
 * Segments as files, `<query>/<number>`. They are copies of rows of a stored result, cut at the same rows each time, so they are not synced:
 * what a crash takes is made again when the page is asked for again. What an earlier process has left counts as new.
 */
export async function openSegmentStore(options: SegmentStoreOptions): Promise<SegmentStore> {
  const { directory, keepMs, mostBytes, isDiskShort, clock, log } = options
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const nowMs = () => clock.monotonicMs()
  const kept = await leftIn(directory, nowMs())
  let used = [...kept.values()].reduce((sum, { bytes }) => sum + bytes, 0)
  const nameOf = (queryId: string, index: number) => `${queryId}/${index}`

  const forget = (name: string) => {
    used -= kept.get(name)?.bytes ?? 0
    kept.delete(name)
  }
  const remove = async (name: string) => {
    forget(name)
    await rm(join(directory, name), { force: true })
    await removeIfEmpty(join(directory, name.split('/', 1)[0]!))
  }
  const removeWhere = async (isMeant: (name: string, segment: Kept) => boolean) => {
    for (const [name, segment] of [...kept]) if (isMeant(name, segment)) await remove(name)
  }

  return {
    async put(queryId, index, bytes) {
      const name = nameOf(queryId, index)
      const path = join(directory, name)
      if (isDiskShort() || used + bytes.length > mostBytes) return false
      forget(name)
      kept.set(name, { bytes: bytes.length, sinceMs: nowMs() })
      used += bytes.length
      try {
        await mkdir(join(directory, queryId), { recursive: true, mode: 0o700 })
        await writeFile(`${path}.part`, bytes, { mode: 0o600 })
        await rename(`${path}.part`, path)
        return true
      } catch (error) {
        log.warn({ segment: name, err: error }, 'a segment could not be kept: its rows go with the answer')
        forget(name)
        // What cannot be removed now goes at the next start.
        await rm(`${path}.part`, { force: true }).catch((err: unknown) =>
          log.warn({ segment: name, err }, 'left behind'),
        )
        return false
      }
    },
    async open(queryId, index) {
      const name = nameOf(queryId, index)
      const segment = kept.get(name)
      if (segment === undefined) return undefined
      return { bytes: segment.bytes, body: createReadStream(join(directory, name)) }
    },
    remove: (queryId, index) => remove(nameOf(queryId, index)),
    removeAll: (queryId) => removeWhere((name) => name.startsWith(`${queryId}/`)),
    sweep: () => removeWhere((_name, { sinceMs }) => nowMs() - sinceMs > keepMs),
    get bytes() {
      return used
    },
  }
}

async function leftIn(directory: string, sinceMs: number): Promise<Map<string, Kept>> {
  const kept = new Map<string, Kept>()
  for (const query of await readdir(directory, { withFileTypes: true })) {
    if (!query.isDirectory()) continue
    const path = join(directory, query.name)
    for (const file of await readdir(path, { withFileTypes: true }))
      if (isWhole(file))
        kept.set(`${query.name}/${file.name}`, { bytes: (await stat(join(path, file.name))).size, sinceMs })
      else await rm(join(path, file.name), { recursive: true, force: true })
    await removeIfEmpty(path)
  }
  return kept
}

/** What ends in `.part` was being written when its process died. */
const isWhole = (file: Dirent) => file.isFile() && /^\d+$/.test(file.name)

async function removeIfEmpty(path: string): Promise<void> {
  try {
    await rmdir(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOENT') throw error
  }
}
