import { ownerOfPath } from '../../archive/index.ts'
import { ownerOfBulkImportFile } from '../../bulk-import/index.ts'
import { jobOfResult } from '../../jobs/index.ts'
import type { ChunkColumns } from '../../snapshot/index.ts'
import { parseSpoolPosition } from '../../spool/index.ts'
import type { ObjectStore } from '../../storage/index.ts'
import type { ParquetFooter } from '../../storage/parquet/index.ts'
import { footerOf, lookAll } from '../files.ts'
import type { FoundChunk, Writer } from './decide.ts'

export type TableIdentity = {
  id: bigint
  databaseId: bigint
  accountId: bigint
  database: string
  name: string
}

export type StoredChunk = FoundChunk & { bytes: number }

/** What the object store holds, read from the footers. */
export type Scan = {
  chunks: Map<bigint, StoredChunk[]>
  /** As the youngest file of each table says it. */
  tables: Map<bigint, TableIdentity & { modifiedAtMs: number }>
  /** Files that may be chunks and cannot be read as such. */
  unreadable: { path: string; bytes: number; why: string }[]
  /** Files that nobody here writes. */
  foreign: string[]
  /** Sessions of which uploaded parts are there, and job attempts whose output is whole. */
  parts: Map<bigint, string[]>
  performed: Map<bigint, { job: bigint; attempt: number }>
  /** Attempts of which a result is there, by job. */
  results: Map<bigint, number[]>
  /** When the last object was stored. */
  youngestMs: number
  /** Numbers that were given out: none of them may come again. */
  highest: { merge: bigint; job: bigint; session: bigint }
  epochs: Map<string, bigint>
}

const BATCH = 500
const OF_THE_MACHINE = new Set(['EMFILE', 'ENFILE', 'EACCES', 'EPERM', 'ENOMEM'])

/** Reads every footer. */
export async function scanObjects(objects: ObjectStore, onProgress: (files: number) => void): Promise<Scan> {
  const scan: Scan = {
    chunks: new Map(),
    tables: new Map(),
    unreadable: [],
    foreign: [],
    parts: new Map(),
    performed: new Map(),
    results: new Map(),
    youngestMs: 0,
    highest: { merge: 0n, job: 0n, session: 0n },
    epochs: new Map(),
  }
  let batch: { path: string; bytes: number; modifiedAtMs: number }[] = []
  let files = 0
  const readBatch = async () => {
    await lookAll(batch, (file) => readChunk(scan, objects, file))
    files += batch.length
    onProgress(files)
    batch = []
  }
  for await (const file of objects.list('')) {
    scan.youngestMs = Math.max(scan.youngestMs, file.modifiedAtMs)
    const isChunk = noteOwner(scan, file.path)
    if (!isChunk) continue
    batch.push(file)
    if (batch.length === BATCH) await readBatch()
  }
  await readBatch()
  return scan
}

const larger = (a: bigint, b: bigint) => (a > b ? a : b)

/** True for what should be a chunk. */
function noteOwner(scan: Scan, path: string): boolean {
  const { highest } = scan
  const owner = ownerOfPath(path)
  if (owner?.kind === 'merge') highest.merge = larger(highest.merge, owner.attempt)
  if (owner?.kind === 'job') highest.job = larger(highest.job, owner.id)
  if (owner?.kind === 'spool')
    scan.epochs.set(owner.spool, larger(scan.epochs.get(owner.spool) ?? 0n, owner.epoch))
  if (owner !== undefined) return path.endsWith('.parquet')
  const bulk = ownerOfBulkImportFile(path)
  if (bulk !== undefined) {
    const { session, job, attempt } = bulk
    highest.session = larger(highest.session, session)
    if (job === null) scan.parts.set(session, [...(scan.parts.get(session) ?? []), path])
    else {
      highest.job = larger(highest.job, job)
      const before = scan.performed.get(session)
      const isLater =
        before === undefined || job > before.job || (job === before.job && attempt! > before.attempt)
      if (path.endsWith('/manifest.json') && isLater) scan.performed.set(session, { job, attempt: attempt! })
    }
    return path.endsWith('.parquet')
  }
  const job = jobOfResult(path)
  if (job !== undefined) {
    highest.job = larger(highest.job, job)
    const [, attempt] = /\/(\d{1,9})\.msgpack\.gz$/.exec(path) ?? []
    if (attempt !== undefined) scan.results.set(job, [...(scan.results.get(job) ?? []), Number(attempt)])
  } else if (path.endsWith('.parquet')) return true
  else scan.foreign.push(path)
  return false
}

async function readChunk(
  scan: Scan,
  objects: ObjectStore,
  { path, bytes, modifiedAtMs }: { path: string; bytes: number; modifiedAtMs: number },
): Promise<void> {
  try {
    const footer = await footerOf(objects, path, bytes)
    const table = tableOf(footer)
    const chunk = chunkOf(footer, { path, bytes, modifiedAtMs, tableId: table.id })
    const chunks = scan.chunks.get(table.id)
    if (chunks === undefined) scan.chunks.set(table.id, [chunk])
    else chunks.push(chunk)
    const known = scan.tables.get(table.id)
    if (known === undefined || known.modifiedAtMs <= modifiedAtMs)
      scan.tables.set(table.id, { ...table, modifiedAtMs })
  } catch (error) {
    // That the file cannot be opened says nothing of what is in it.
    if (OF_THE_MACHINE.has((error as { code?: string }).code ?? '')) throw error
    scan.unreadable.push({ path, bytes, why: (error as Error).message })
  }
}

/** @throws Error when the footer does not name a table */
function tableOf({ metadata }: ParquetFooter): TableIdentity {
  const text = metadata.get('millrace.table')
  if (text === undefined) throw new Error('its footer does not name a table')
  const { id, databaseId, accountId, database, name } = JSON.parse(text) as Record<string, string>
  return {
    id: BigInt(id!),
    databaseId: BigInt(databaseId!),
    accountId: BigInt(accountId!),
    database: String(database),
    name: String(name),
  }
}

function chunkOf(
  footer: ParquetFooter,
  file: { path: string; bytes: number; modifiedAtMs: number; tableId: bigint },
): StoredChunk {
  const replaces = footer.metadata.get('millrace.replaces')
  // Throws for what cannot become a row.
  describedBy(footer)
  return {
    ...file,
    rows: footer.rows,
    owner: footer.metadata.get('millrace.owner') ?? '',
    writer: writerOf(file.path, footer),
    replaces: replaces === undefined ? undefined : (JSON.parse(replaces) as StoredChunk['replaces']),
  }
}

/** Times and columns of a chunk row. @throws Error when the footer does not say them */
export function describedBy({ metadata, columns }: ParquetFooter): {
  timeMin: bigint
  timeMax: bigint
  columns: ChunkColumns
} {
  const time = columns.find(({ name }) => name === 'time')
  if (time?.min === undefined || time.max === undefined) throw new Error('its footer has no bounds of time')
  const text = metadata.get('millrace.columns')
  if (text === undefined) throw new Error('its footer does not describe its columns')
  return { timeMin: time.min, timeMax: time.max, columns: JSON.parse(text) as ChunkColumns }
}

function writerOf(path: string, { metadata }: ParquetFooter): Writer {
  const bulk = ownerOfBulkImportFile(path)
  if (bulk?.job != null)
    return { kind: 'bulk-import', session: bulk.session, job: bulk.job, attempt: bulk.attempt! }
  const owner = ownerOfPath(path)
  if (owner?.kind === 'job' && !metadata.has('millrace.replaces'))
    return { kind: 'insert', job: owner.id, attempt: owner.attempt }
  if (owner?.kind !== 'spool') return { kind: 'rewrite' }
  const position = parseSpoolPosition(metadata.get('millrace.position') ?? '')
  return { kind: 'spool', spool: owner.spool, epoch: owner.epoch, position }
}
