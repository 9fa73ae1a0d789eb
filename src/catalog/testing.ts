import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startTestDatabase, type TestDatabase, type TestDatabaseOptions } from '../database/testing.ts'
import { type Channel, lonelyChannel, silentLog, systemClock } from '../kernel/index.ts'
import { createSnapshotBroadcast, openSnapshotWriter, type SnapshotWriter } from '../snapshot/index.ts'
import { createSnapshotExporter, type SnapshotExporter } from './exporter.ts'
import { type CatalogWrite, createCatalogWrite } from './write.ts'

export type TestCatalog = {
  test: TestDatabase
  dataDir: string
  writer: SnapshotWriter
  exporter: SnapshotExporter
  write: CatalogWrite
  /** Stops the exporter and its writer, leaving files and database. */
  pause(): Promise<void>
  stop(): Promise<void>
}

/** A database, a data directory, and the snapshot of the one kept in the other. */
export async function startTestCatalog({
  test,
  channel = lonelyChannel,
  dataDir,
  ...options
}: {
  test?: TestDatabase
  channel?: Channel
  dataDir?: string
} & TestDatabaseOptions = {}): Promise<TestCatalog> {
  test ??= await startTestDatabase(options)
  const directory = dataDir ?? (await mkdtemp(join(tmpdir(), 'millrace-catalog-')))
  const writer = await openSnapshotWriter({ dataDir: directory, clock: systemClock, log: silentLog })
  const { database, gate } = test
  const broadcast = createSnapshotBroadcast(channel, silentLog)
  const exporter = createSnapshotExporter({
    database,
    gate,
    writer,
    broadcast,
    clock: systemClock,
    log: silentLog,
  })
  const write = createCatalogWrite({ database, exporter, view: writer })
  const ended = new AbortController()
  const running = exporter.service.run(ended.signal)
  const pause = async () => {
    ended.abort()
    await running
    await writer.close()
  }
  const stop = async () => {
    await pause()
    await test.stop()
    await rm(directory, { recursive: true })
  }
  return { test, dataDir: directory, writer, exporter, write, pause, stop }
}
