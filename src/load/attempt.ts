import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { ensureDirectory, syncDirectory } from '../kernel/index.ts'
import { type SpoolPosition, spoolPositionText } from '../spool/index.ts'
import { loadErrors } from './errors.ts'

/**
 * The memory of a loader over its own crashes: which payloads it was decoding, in a small file in the spool's directory
 * that is written before and marked after. Only decoding counts: a loader killed while it waits for the database
 * says nothing against the payloads.
 */
type Attempt = {
  from: string
  /** Payloads taken this time. */
  payloads: number
  /** Payloads from `from` on among which the fatal one is, once there was a crash; 0 = none suspected. */
  suspects: number
  /** How often exactly this has been begun. */
  tries: number
  decoding: boolean
}

/** Two crashes on the same batch, then halves. */
const TRIES = 2
const FILE_BYTES = 512
const FILE = 'load-attempt'

export type Plan = { payloads: number; poison: boolean }

export type AttemptFile = {
  /** How many payloads to take at this position, and whether the first is to be set aside undecoded. */
  plan(from: SpoolPosition, mostPayloads: number): Plan
  /** Durable before it resolves: decoding of `payloads` begins. */
  begin(from: SpoolPosition, payloads: number): Promise<void>
  /** Decoding went well. */
  survived(): Promise<void>
  /** The database refused what was decoded, and always will: counts like a crash. */
  failed(): Promise<void>
  /** Committed: what comes next is at a new position. */
  advance(to: SpoolPosition, payloads: number): void
  close(): Promise<void>
}

/** @throws loader_disk_full (503, retry), as its methods that write do */
export async function openAttemptFile(directory: string): Promise<AttemptFile> {
  const path = join(directory, FILE)
  const handle = await unlessFull(path, async () => {
    await ensureDirectory(directory)
    const opened = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600)
    await syncDirectory(directory)
    return opened
  })
  let last = parse(await handle.readFile())
  const write = async (attempt: Attempt, sync: boolean) => {
    await unlessFull(path, async () => {
      await handle.write(encode(attempt), 0, FILE_BYTES, 0)
      if (sync) await handle.datasync()
    })
    last = attempt
  }
  /** How many from here on are under suspicion. */
  const suspectsAt = (from: string) => (last?.from === from ? last.suspects : 0)
  const crashed = (from: string) => last?.from === from && last.decoding

  return {
    plan(from, mostPayloads) {
      const at = spoolPositionText(from)
      if (last === undefined || !crashed(at)) {
        const suspects = suspectsAt(at)
        return { payloads: suspects > 1 ? Math.ceil(suspects / 2) : suspects || mostPayloads, poison: false }
      }
      if (last.payloads === 1) return { payloads: 1, poison: last.tries >= TRIES }
      // A half that crashes holds the fatal one: no second try is needed to halve again.
      if (last.tries < TRIES && last.suspects === 0) return { payloads: last.payloads, poison: false }
      return { payloads: Math.ceil(last.payloads / 2), poison: false }
    },
    async begin(from, payloads) {
      const at = spoolPositionText(from)
      const again = crashed(at) && last!.payloads === payloads
      const suspects = crashed(at) && !again ? last!.payloads : suspectsAt(at)
      const tries = again ? last!.tries + 1 : 1
      await write({ from: at, payloads, suspects, tries, decoding: true }, true)
    },
    // No sync: a crash of the process leaves it in the page cache, and after a power loss one try more is harmless.
    survived: async () => {
      if (last?.decoding) await write({ ...last, decoding: false }, false)
    },
    failed: async () => {
      if (last) await write({ ...last, decoding: true }, true)
    },
    advance(to, payloads) {
      const left = Math.max(0, (last?.suspects ?? 0) - payloads)
      last = { from: spoolPositionText(to), payloads: left, suspects: left, tries: 0, decoding: false }
    },
    close: () => handle.close(),
  }
}

async function unlessFull<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw code === 'ENOSPC' || code === 'EDQUOT' ? loadErrors.loader_disk_full(path, error) : error
  }
}

function encode(attempt: Attempt): Buffer {
  const body = Buffer.from(JSON.stringify(attempt))
  const bytes = Buffer.alloc(FILE_BYTES)
  bytes.writeUInt32LE(crc32(body), 0)
  bytes.writeUInt16LE(body.length, 4)
  body.copy(bytes, 6)
  return bytes
}

/** A file torn by a power loss counts as none. */
function parse(bytes: Buffer): Attempt | undefined {
  if (bytes.length !== FILE_BYTES) return undefined
  const body = bytes.subarray(6, 6 + bytes.readUInt16LE(4))
  if (crc32(body) !== bytes.readUInt32LE(0)) return undefined
  return JSON.parse(body.toString()) as Attempt
}
