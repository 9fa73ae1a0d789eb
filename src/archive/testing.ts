import { join } from 'node:path'
import { createStaticGate, servingState } from '../gate/index.ts'
import { createRegistry, silentLog, systemClock } from '../kernel/index.ts'
import { anImport, openRoom, type Room, type TestSpool } from '../load/testing.ts'
import { type ArchiveSettings, readArchiveSettings } from './config.ts'
import { type Duck, openDuck } from './duck.ts'
import { type MergeDeps, mergeSpan } from './merge.ts'
import { createMerger, type MergerOptions } from './merger.ts'
import { archiveMetrics, type Backlog } from './metrics.ts'
import type { ArchiveStep } from './types.ts'

/** 2023-11-14 22:00:00 UTC: the beginning of an hour, long over. */
export const HOUR = 1_699_999_200
export const ADMISSION = { class: 'write', deadlineMs: 10_000 } as const

export type ArchiveRoom = Room & {
  duck: Duck
  spool: TestSpool
  settings: ArchiveSettings
  deps: MergeDeps
  backlogs: Backlog[]
  /** Imports each list of records as a chunk of its own. */
  addChunks(tableId: bigint, ...chunks: Record<string, unknown>[][]): Promise<void>
  merger(options?: Partial<MergerOptions>): ReturnType<typeof createMerger>
  /** Looks and merges until there is nothing left to do. */
  mergeAll(options?: Partial<MergerOptions>): Promise<void>
  merge(
    tableId: bigint,
    span?: { level?: number; start?: number },
    options?: Partial<MergeDeps>,
  ): ReturnType<typeof mergeSpan>
  liveChunks(tableId: bigint): Promise<LiveChunk[]>
  /** Every row as text, in order: equal before and after whatever must not change them. */
  fingerprint(tableId: bigint): Promise<string[]>
  /** Files below `chunks/`, and those that the catalog names. */
  files(): Promise<{ stored: string[]; named: string[] }>
}
export type LiveChunk = {
  id: bigint
  path: string
  owner: string
  rows: bigint
  level: number
  from: bigint
  to: bigint
  columns: Record<string, { key: string; type: string; physical: string; nulls: number }>
}

/** A database, an object store, one spool, and what merges. */
export async function openArchiveRoom(): Promise<ArchiveRoom> {
  const room = await openRoom()
  const spool = await room.openSpool('ingest-0')
  const settings: ArchiveSettings = { ...readArchiveSettings({}), quietSeconds: 0 }
  const directory = join(room.dataDir, 'archive')
  const duck = await openDuck({ memoryMegabytes: 256, threads: 1, directory: join(directory, 'spill') })
  const deps: MergeDeps = {
    database: room.db.database,
    objects: room.objects,
    duck,
    draftDirectory: join(directory, 'drafts'),
    settings,
    owner: 'test',
    clock: systemClock,
    log: silentLog,
    faultPoint: () => undefined,
  }
  const backlogs: Backlog[] = []
  const gate = createStaticGate(servingState(room.db.address, systemClock.now()))
  const merger = (options: Partial<MergerOptions> = {}) =>
    createMerger({
      ...deps,
      gate,
      metrics: archiveMetrics(createRegistry('test')),
      onBacklog: (backlog) => void backlogs.push(backlog),
      ...options,
    })
  const liveChunks = (tableId: bigint) => room.query<LiveChunk>`
    SELECT id, path, owner, rows, merge_level AS level, lower(time_range) AS from, upper(time_range) AS to, columns
      FROM chunks WHERE table_id = ${tableId} AND retired_at IS NULL ORDER BY lower(time_range), id`
  return {
    ...room,
    duck,
    spool,
    settings,
    deps,
    backlogs,
    liveChunks,
    merger,
    async addChunks(tableId, ...chunks) {
      for (const records of chunks) {
        await spool.writer.append(anImport(tableId, records))
        await spool.load()
      }
    },
    async mergeAll(options) {
      const one = merger(options)
      const { signal } = new AbortController()
      while ((await one.look(signal)) > 0);
    },
    merge: (tableId, { level = 0, start = HOUR } = {}, options = {}) =>
      mergeSpan(
        { ...deps, ...options },
        { tableId, level, start: BigInt(start) },
        { upToSize: 4, closes: true },
        new AbortController().signal,
      ),
    async fingerprint(tableId) {
      const rows = await room.rowsOf(tableId)
      const text = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value)
      const known = (row: Record<string, unknown>) =>
        Object.fromEntries(
          Object.entries(row)
            .filter(([, value]) => value !== null)
            .sort(([a], [b]) => (a < b ? -1 : 1)),
        )
      return rows.map((row) => JSON.stringify(known(row), text)).sort()
    },
    async files() {
      const stored: string[] = []
      for await (const { path } of room.objects.list('chunks/')) stored.push(path)
      const rows = await room.query<{ path: string }>`SELECT path FROM chunks ORDER BY path`
      return { stored: stored.sort(), named: rows.map(({ path }) => path) }
    },
    async close() {
      await duck.close()
      await room.close()
    },
  }
}

/** Throws at the nth time of a step: as a process that ends there, for what can be tested without one. */
export function failingAt(step: ArchiveStep, occurrence = 1) {
  let seen = 0
  return (now: ArchiveStep) => {
    if (now === step && ++seen === occurrence) throw new Error(`died at ${step}`)
  }
}
