import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ensureDirectory, writeFileDurably } from '../kernel/index.ts'

/** Ids taken out of the sequence beforehand, for jobs accepted while nobody can ask it. Kept in a file. */
export type ReservedIds = {
  /** The lowest unused id, or undefined when none is left. Using one up is made durable by the queue, not here. */
  take(): bigint | undefined
  readonly left: number
  /** The highest id held; 0 when none. */
  readonly highest: bigint
  /** Throws the rest away and holds these instead; durable when it resolves. */
  replace(ids: readonly bigint[]): Promise<void>
  /** Forgets, durably, every id already taken. */
  save(): Promise<void>
}

type Range = [from: string, to: string]

/** @param used ids the queue's file already holds: an id is never given twice, whatever was saved when. */
export async function openReservedIds(path: string, used: ReadonlySet<bigint>): Promise<ReservedIds> {
  await ensureDirectory(dirname(path))
  let ids = idsOf(await readRanges(path)).filter((id) => !used.has(id))
  const save = () => writeFileDurably(path, `${JSON.stringify({ ranges: rangesOf(ids) })}\n`)
  return {
    take: () => ids.shift(),
    get left() {
      return ids.length
    },
    get highest() {
      return ids.at(-1) ?? 0n
    },
    async replace(fresh) {
      ids = [...fresh].sort((a, b) => (a < b ? -1 : 1))
      await save()
    },
    save,
  }
}

async function readRanges(path: string): Promise<Range[]> {
  try {
    return (JSON.parse(await readFile(path, 'utf8')) as { ranges: Range[] }).ranges
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function idsOf(ranges: Range[]): bigint[] {
  const ids: bigint[] = []
  for (const [from, to] of ranges) for (let id = BigInt(from); id <= BigInt(to); id++) ids.push(id)
  return ids
}

/** Neighbouring ids as one range: a thousand ids are usually one line. */
export function rangesOf(ids: readonly bigint[]): Range[] {
  const ranges: [bigint, bigint][] = []
  for (const id of ids) {
    const last = ranges.at(-1)
    if (last !== undefined && last[1] + 1n === id) last[1] = id
    else ranges.push([id, id])
  }
  return ranges.map(([from, to]) => [String(from), String(to)])
}
