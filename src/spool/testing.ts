import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLog, systemClock } from '../kernel/index.ts'
import { readSpoolSettings, type SpoolSettings } from './config.ts'
import type { SpoolReaderOptions } from './reader.ts'
import { openSpoolReader } from './reader.ts'
import type { SpoolDamage, SpooledRecord, SpoolPosition, SpoolRecord } from './types.ts'
import type { SpoolWriterOptions } from './writer.ts'
import { openSpoolWriter } from './writer.ts'

export const smallSettings: SpoolSettings = {
  ...readSpoolSettings({}),
  segmentBytes: 64 * 1024,
  reserveBytes: 0,
}

/** Runs with a spool directory of its own, removed afterwards. */
export async function withSpoolDirectory<T>(run: (directory: string) => Promise<T>): Promise<T> {
  const root = await mkdtemp(join(tmpdir(), 'millrace-spool-'))
  try {
    return await run(join(root, 'spool', 'ingest-0'))
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

export function aRecord(uniqueId: string, body: Buffer | number = 100): SpoolRecord {
  return {
    kind: 'import',
    receivedAtMs: 1_795_342_228_000,
    accountId: 1n,
    keyId: 7n,
    database: 'harbour',
    table: 'boats',
    tableId: 42n,
    uniqueId,
    facts: {},
    body: typeof body === 'number' ? Buffer.alloc(body, uniqueId || 'x') : body,
  }
}

export function aWriter(directory: string, options: Partial<SpoolWriterOptions> = {}) {
  return openSpoolWriter({
    directory,
    settings: smallSettings,
    clock: systemClock,
    log: silentLog,
    onFatal: () => undefined,
    ...options,
  })
}

export function aReader(directory: string, options: Partial<SpoolReaderOptions> = {}) {
  return openSpoolReader({ directory, clock: systemClock, log: silentLog, ...options })
}

/** Everything there is from a position on, read with a fresh reader in portions. */
export async function replay(
  directory: string,
  from: SpoolPosition = { generation: 0, offset: 0 },
  limits = { maxBytes: 50_000, maxRecords: 7 },
): Promise<{ records: SpooledRecord[]; damages: SpoolDamage[] }> {
  const damages: SpoolDamage[] = []
  const reader = aReader(directory, { onDamage: (damage) => damages.push(damage) })
  const records: SpooledRecord[] = []
  let position = from
  for (;;) {
    const some = await reader.read(position, limits)
    if (some.length === 0) break
    records.push(...some)
    position = some.at(-1)!.end
  }
  await reader.close()
  return { records, damages }
}
