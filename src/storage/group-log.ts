import { readFileSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'

/** Below the objects' root; the leading dot keeps it out of every listing. */
export const GROUPS = '.groups'
const MAGIC = Buffer.from('MILGRP01')
/** Magic and CRC-32 of what follows it. */
const CHECKED_FROM = MAGIC.length + 4
/** So many logs may wait to be settled before a writer waits for them: bounds the disk they take. */
const MOST_WAITING = 600
const SYNCS_AT_ONCE = 4
/** In the place of the boot: a sync of its members failed. What the disk holds of them is not certain any more. */
export const SUSPECT = 'suspect'

export type Member = { path: string; bytes: Uint8Array }

/** Members of a group, as one file: magic, CRC-32, count, then per member the lengths of path and bytes, and both. */
export function encodeGroup(members: readonly Member[]): Buffer {
  const pieces: Uint8Array[] = [MAGIC, Buffer.alloc(4), numbers(members.length)]
  for (const { path, bytes } of members) {
    const name = Buffer.from(path)
    pieces.push(numbers(name.length, bytes.length), name, bytes)
  }
  const file = Buffer.concat(pieces)
  file.writeUInt32LE(crc32(file.subarray(CHECKED_FROM)), MAGIC.length)
  return file
}

function numbers(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length)
  for (const [i, value] of values.entries()) bytes.writeUInt32LE(value, 4 * i)
  return bytes
}

/** Undefined for a file that is not whole: a power loss met its writing, so that nobody was ever told of its members. */
export function decodeGroup(file: Buffer): Member[] | undefined {
  if (file.length < CHECKED_FROM + 4 || !file.subarray(0, MAGIC.length).equals(MAGIC)) return undefined
  if (crc32(file.subarray(CHECKED_FROM)) !== file.readUInt32LE(MAGIC.length)) return undefined
  const members: Member[] = []
  let at = CHECKED_FROM + 4
  for (let left = file.readUInt32LE(CHECKED_FROM); left > 0; left--) {
    const from = at + 8
    const middle = from + file.readUInt32LE(at)
    const end = middle + file.readUInt32LE(at + 4)
    members.push({ path: file.toString('utf8', from, middle), bytes: file.subarray(middle, end) })
    at = end
  }
  return members
}

/** This start of the machine: what an earlier one had in its page cache may be lost. '' where nobody says. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim().replaceAll('-', '')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

/** `<boot>-<monotonic nanoseconds>`: in order within one boot, also across processes. */
export function groupName(boot: string, monotonicNs: bigint): string {
  return `${boot}-${String(monotonicNs).padStart(20, '0')}`
}

export function bootOf(name: string): string {
  return name.slice(0, name.lastIndexOf('-'))
}

/** A log on disk. Nobody settles it while its files are being written: it would find nothing to sync, and go. */
export type Noted = { name: string; atNs: bigint }

export type GroupLog = {
  /**
   * Durable when it resolves: the members' files may now be written without syncs.
   * @throws what settling an earlier group has met since the last call
   */
  note(owner: string, members: readonly Member[]): Promise<Noted>
  /** The files are written, or will not be: begins to settle the owner's groups that are old enough; does not wait for it. */
  settle(owner: string, noted: Noted): void
}

export type GroupLogOptions = {
  root: string
  /** After this the system has written most files by itself, and their syncs cost next to nothing. */
  settleAfterMs: number
  write(file: string, bytes: Uint8Array): Promise<void>
  syncFile(file: string): Promise<void>
  syncDirectory(directory: string): Promise<void>
  monotonicNs(): bigint
}

/** `names`: groups whose members may not be on disk yet, oldest first, with the time they were noted or found. */
type Owner = {
  directory: string
  waiting: Noted[]
  settling: Promise<void> | undefined
  failure: unknown
}

/**
 * Logs of groups of small objects: one file with all their bytes, synced once, instead of a sync per object. Until the
 * objects themselves are known to be on disk the log stays, and the first start after a power loss writes them from it
 * (`mendObjects`). A process that dies leaves its logs to the next one of the same owner.
 */
export function createGroupLog(options: GroupLogOptions): GroupLog {
  const { root, settleAfterMs, write, syncDirectory, monotonicNs } = options
  const boot = bootId()
  const owners = new Map<string, Promise<Owner>>()
  const ready = new Map<string, Owner>()

  const openOwner = async (name: string): Promise<Owner> => {
    const directory = join(root, GROUPS, name)
    await mkdir(directory, { recursive: true, mode: 0o700 })
    for (const parent of [directory, dirname(directory), root]) await syncDirectory(parent)
    const found = (await readdir(directory)).filter((file) => bootOf(file) === boot).sort()
    const atNs = monotonicNs()
    const waiting = found.map((file) => ({ name: file, atNs }))
    const owner: Owner = { directory, waiting, settling: undefined, failure: undefined }
    ready.set(name, owner)
    return owner
  }
  const ownerOf = (name: string): Promise<Owner> => {
    let owner = owners.get(name)
    if (owner === undefined) {
      owner = openOwner(name)
      owners.set(name, owner)
      owner.catch(() => owners.delete(name))
    }
    return owner
  }
  const settleDue = async (owner: Owner) => {
    for (let next = owner.waiting[0]; next !== undefined; next = owner.waiting[0]) {
      if (monotonicNs() - next.atNs < BigInt(settleAfterMs) * 1_000_000n) return
      owner.waiting.shift()
      await settleGroup(owner.directory, next.name, options)
    }
  }
  const settle = (owner: Owner) => {
    owner.settling ??= settleDue(owner)
      .catch((error: unknown) => {
        owner.failure = error
      })
      .finally(() => {
        owner.settling = undefined
      })
    return owner.settling
  }

  return {
    async note(name, members) {
      const owner = await ownerOf(name)
      if (owner.waiting.length >= MOST_WAITING) await settle(owner)
      const { failure } = owner
      owner.failure = undefined
      if (failure !== undefined) throw failure
      const atNs = monotonicNs()
      const file = groupName(boot, atNs)
      try {
        await write(join(owner.directory, file), encodeGroup(members))
      } catch (error) {
        await unlink(join(owner.directory, file)).catch(unlessMissing)
        throw error
      }
      await syncDirectory(owner.directory)
      return { name: file, atNs }
    },
    settle(name, noted) {
      const owner = ready.get(name)!
      owner.waiting.push(noted)
      void settle(owner)
    },
  }
}

/**
 * Makes sure that the members are on disk by themselves, and removes the log. Members that were removed are none. After a
 * failed sync a second one may succeed although the bytes are lost: the log is then kept, and the next start writes them.
 */
async function settleGroup(
  directory: string,
  name: string,
  options: Pick<GroupLogOptions, 'root' | 'syncFile' | 'syncDirectory'>,
): Promise<void> {
  const log = join(directory, name)
  const bytes = await readFile(log).catch(unlessMissing)
  // Settled by the process before this one, which is still ending.
  if (bytes === undefined) return
  const members = decodeGroup(bytes) ?? []
  try {
    await syncMembers(
      members.map(({ path }) => join(options.root, path)),
      options,
    )
  } catch (error) {
    await rename(log, join(directory, name.replace(bootOf(name), SUSPECT)))
    throw error
  }
  await unlink(log).catch(unlessMissing)
}

async function syncMembers(
  files: string[],
  { syncFile, syncDirectory }: Pick<GroupLogOptions, 'syncFile' | 'syncDirectory'>,
): Promise<void> {
  const queue = [...files]
  const work = async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift())
      await syncFile(file).catch(unlessMissing)
  }
  await Promise.all(Array.from({ length: SYNCS_AT_ONCE }, work))
  for (const directory of new Set(files.map((file) => dirname(file))))
    await syncDirectory(directory).catch(unlessMissing)
}

export function unlessMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}
