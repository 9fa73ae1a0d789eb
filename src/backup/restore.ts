import { copyFile, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Connection, type Migration, prepareDatabase, withAdmin } from '../database/index.ts'
import type { DatabaseAddress } from '../gate/index.ts'
import { ensureDirectory, type Ids, type Log, syncDirectory, writeFileDurably } from '../kernel/index.ts'
import { backupErrors } from './errors.ts'
import { copyObjects } from './objects.ts'
import { paths } from './place.ts'
import {
  analyze,
  createMissingJobPartitions,
  insertRows,
  isEmpty,
  listTables,
  moveSequence,
  switchTriggers,
} from './store.ts'
import { readLines, syncFile } from './tables.ts'
import { readObjectList } from './take.ts'
import type { Manifest, Progress } from './types.ts'
import { refuseDamaged, verifyBackup } from './verify.ts'

/** There while a restore is under way: a data directory with it must not be started. */
export const UNFINISHED = 'restore-unfinished'
/** Ids given out after the backup was taken are known to clients: they must not come again for something else. */
const ID_GAP = 100_000
const STATEMENT_MS = 3_600_000

export type RestoreOptions = {
  place: string
  id?: string
  dataDir: string
  /** The administrator of the (new, empty) main database. */
  openDatabase: () => Promise<{ address: DatabaseAddress; database?: string; stop(): Promise<void> }>
  migrations: readonly Migration[]
  ids: Ids
  log: Log
  onProgress: (progress: Progress) => void
  signal: AbortSignal
}

/**
 * Brings a backup back into an empty data directory and an empty database. Objects first, then all tables in one
 * transaction. Broken off, it leaves a directory that refuses to be started, and is begun anew in an empty one.
 * @throws restore_target_in_use, restore_schema_unknown, backup_not_found, backup_damaged
 */
export async function restoreBackup(options: RestoreOptions): Promise<Manifest> {
  const { place, dataDir, migrations, onProgress, signal } = options
  await refuseUsed(dataDir)
  const manifest = refuseDamaged(await verifyBackup(place, { id: options.id }))
  const newest = migrations.at(-1)!.number
  if (manifest.schema > newest)
    throw backupErrors.restore_schema_unknown(
      `its schema is ${manifest.schema}, this version knows up to ${newest}`,
    )

  await ensureDirectory(dataDir, 0o711)
  await writeFileDurably(join(dataDir, UNFINISHED), `backup ${manifest.id}\n`)
  const progress: Progress = {
    phase: 'objects',
    tables: { done: 0, total: manifest.tables.length },
    objects: { done: 0, total: manifest.objects.count },
    bytes: { done: 0, total: manifest.objects.bytes },
  }
  onProgress(progress)
  const objects = [...(await readObjectList(place, manifest.id)).values()]
  await copyObjects(objects, {
    from: (path) => paths.object(place, path),
    to: (path) => join(dataDir, 'objects', path),
    copier: manifest.id,
    known: new Map(),
    signal,
    onCopied(bytes) {
      progress.objects.done++
      progress.bytes.done += bytes
      onProgress(progress)
    },
  })
  for (const { name } of manifest.files) {
    await copyFile(paths.file(place, manifest.id, name), join(dataDir, name))
    await syncFile(join(dataDir, name))
  }
  await syncDirectory(dataDir)
  onProgress(Object.assign(progress, { phase: 'database' }))
  await restoreDatabase(options, manifest, (done) => {
    progress.tables.done = done
    onProgress(progress)
  })
  await rm(join(dataDir, UNFINISHED))
  await syncDirectory(dataDir)
  onProgress(Object.assign(progress, { phase: 'done' }))
  return manifest
}

async function refuseUsed(dataDir: string): Promise<void> {
  const names = await readdir(dataDir).catch((error) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  // The lock is ours.
  const others = names.filter((name) => !name.startsWith('lock'))
  if (others.length > 0)
    throw backupErrors.restore_target_in_use(
      `${dataDir} holds ${others.slice(0, 3).join(', ')}${others.length > 3 ? ' …' : ''}`,
    )
}

async function restoreDatabase(
  { openDatabase, migrations, ids, log, place }: RestoreOptions,
  manifest: Manifest,
  onTable: (done: number) => void,
): Promise<void> {
  const opened = await openDatabase()
  try {
    const then = migrations.filter(({ number }) => number <= manifest.schema)
    const inside = await prepareDatabase(opened.address, {
      epoch: 1,
      ids,
      log,
      migrations: then,
      database: opened.database,
    })
    await withAdmin(
      inside,
      async (connection) => {
        if (!(await isEmpty(connection)))
          throw backupErrors.restore_target_in_use(
            `the database ${inside.database} on ${inside.host} has accounts`,
          )
        await connection.script('BEGIN')
        await fillTables(connection, place, manifest, onTable)
        await connection.script('COMMIT')
        await analyze(connection)
      },
      { statementTimeoutMs: STATEMENT_MS },
    )
  } finally {
    await opened.stop()
  }
}

async function fillTables(
  connection: Connection,
  place: string,
  manifest: Manifest,
  onTable: (done: number) => void,
): Promise<void> {
  const shapes = await listTables(connection)
  for (const [done, { name }] of shapes.entries()) {
    const saved = manifest.tables.find((table) => table.name === name)
    onTable(done)
    if (saved === undefined) continue
    await switchTriggers(connection, name, false)
    let rows = 0
    for await (const batch of readLines(paths.table(place, manifest.id, name))) {
      await insertRows(connection, saved, batch)
      rows += batch.length
    }
    await switchTriggers(connection, name, true)
    if (rows !== saved.rows)
      throw backupErrors.backup_damaged(`table ${name} has ${rows} rows instead of ${saved.rows}`)
  }
  await createMissingJobPartitions(connection)
  for (const sequence of manifest.sequences) await moveSequence(connection, sequence, ID_GAP)
}
