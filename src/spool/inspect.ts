import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, silentLog } from '../kernel/index.ts'
import { readDurableMark, readReleased } from './marks.ts'
import { SPOOL_START } from './position.ts'
import { openSpoolReader } from './reader.ts'
import { listSegments } from './segment.ts'
import type { SpoolDamage, SpooledRecord, SpoolPosition } from './types.ts'

const BATCH = { maxBytes: 8 * 1024 * 1024, maxRecords: 1_000 }

/** A spool as somebody who only looks sees it. */
export type SpoolSummary = {
  /** Everything before it is loaded; undefined when nothing was yet. */
  released: SpoolPosition | undefined
  /** Everything before it is on disk; undefined when nothing was ever accepted. */
  durable: SpoolPosition | undefined
  segments: { generation: number; bytes: number }[]
  /** Accepted and not yet loaded. */
  records: number
  bytes: number
  oldestReceivedAtMs: number | undefined
  /** Ranges of the pending part that cannot be read. */
  damaged: SpoolDamage[]
  /** Files with bytes that could not be read earlier. */
  quarantined: string[]
}

/**
 * Looks through what a spool holds without changing anything in it; beside a living edge and loader, or when none runs.
 * @param directory `<data directory>/spool/<name>`
 */
export async function inspectSpool(directory: string, clock: Clock): Promise<SpoolSummary> {
  const summary: SpoolSummary = {
    released: await readReleased(directory),
    durable: readDurableMark(directory),
    segments: (await listSegments(directory)).map(({ generation, bytes }) => ({ generation, bytes })),
    records: 0,
    bytes: 0,
    oldestReceivedAtMs: undefined,
    damaged: [],
    quarantined: await filesIn(join(directory, 'quarantine')),
  }
  for await (const { record } of pendingRecords(directory, {
    clock,
    onDamage: (one) => summary.damaged.push(one),
  })) {
    summary.records++
    summary.bytes += record.body.length
    summary.oldestReceivedAtMs = Math.min(
      summary.oldestReceivedAtMs ?? record.receivedAtMs,
      record.receivedAtMs,
    )
  }
  return summary
}

/**
 * The records a spool still holds, in order, from a position on (from the first one not yet loaded when absent). Segments that
 * are loaded and recycled meanwhile are passed over.
 */
export async function* pendingRecords(
  directory: string,
  { clock, from, onDamage }: { clock: Clock; from?: SpoolPosition; onDamage?: (damage: SpoolDamage) => void },
): AsyncIterable<SpooledRecord> {
  const reader = openSpoolReader({ directory, clock, log: silentLog, onDamage, keepsDamaged: false })
  try {
    let position = from ?? (await readReleased(directory)) ?? SPOOL_START
    for (;;) {
      const records = await reader.read(position, BATCH)
      if (records.length === 0) return
      yield* records
      position = records.at(-1)!.end
    }
  } finally {
    await reader.close()
  }
}

async function filesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
