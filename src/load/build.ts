import type { Clock, Log } from '../kernel/index.ts'
import type { ChunkColumns } from '../snapshot/index.ts'
import { type SpoolPosition, spoolPositionText } from '../spool/index.ts'
import { writeParquet } from '../storage/parquet/index.ts'
import type { LoadSettings } from './config.ts'
import {
  createTableBatch,
  type Fault,
  type FinishedBatch,
  gunzipLimited,
  type KnownColumn,
  type TableBatch,
} from './decode/index.ts'
import { refusedPayload, refusedRecords } from './error-records.ts'
import { chunkPath, ownerOf } from './paths.ts'
import type { BuiltBatch, ChunkFile, FaultPoint, LoadTable, Payload, TableChange } from './types.ts'

/** Bytes of refused records after which a commit takes no further payload: they travel as one parameter. */
const MOST_ERROR_BYTES = 8 << 20
/** The event loop is given a turn at least this often: heartbeats must not wait for a large batch. */
const TURN_MS = 50

export type BuildOptions = {
  spool: string
  epoch: bigint
  from: SpoolPosition
  settings: LoadSettings
  clock: Clock
  log: Log
  faultPoint: FaultPoint
  /** Takes each chunk as soon as it is made: writing goes on while the next is decoded. */
  emit(file: ChunkFile): void
}

/** One table of a batch while it is being filled. */
type Filling = {
  table: LoadTable
  /** The table's columns, with those that earlier chunks of this batch have added. */
  known: KnownColumn[]
  rows: TableBatch
  parts: number
  change: TableChange
}

/**
 * Decodes the payloads, as many from the first on as memory allows, and makes one chunk per table (more when it grows large). What a payload contains
 * never stops it: faults become error records; a payload that makes our own code throw is set aside whole.
 */
export async function buildBatch(payloads: Payload[], options: BuildOptions): Promise<BuiltBatch> {
  const { clock, settings } = options
  const tables = new Map<bigint, Filling>()
  const taken = new Set<string>()
  const built: BuiltBatch = {
    owner: ownerOf(options.spool, options.from),
    chunks: [],
    changes: [],
    importIds: [],
    errors: [],
    rows: 0,
    taken: 0,
    repeatedPayloads: 0,
    counters: { nonFinite: 0, invalidUtf8: 0, timeReplaced: 0, overflowedRecords: 0 },
  }
  let turnMs = clock.monotonicMs()
  const breathe = async () => {
    if (clock.monotonicMs() - turnMs < TURN_MS) return
    await new Promise((resolve) => setImmediate(resolve))
    turnMs = clock.monotonicMs()
  }
  let expandedBytes = 0
  let errorBytes = 0
  let errors = 0
  while (
    built.taken < payloads.length &&
    expandedBytes < settings.batchExpandedBytes &&
    errorBytes < MOST_ERROR_BYTES
  ) {
    expandedBytes += addPayload(payloads[built.taken]!, { tables, taken, built, options })
    for (; errors < built.errors.length; errors++) errorBytes += built.errors[errors]!.body?.length ?? 0
    built.taken++
    await breathe()
  }
  for (const filling of tables.values()) {
    closeChunk(filling, built, options)
    const { newColumns, widened, overflowed } = filling.change
    if (newColumns.length > 0 || widened.length > 0 || overflowed) built.changes.push(filling.change)
    await breathe()
  }
  return built
}

/** What is under construction. `taken`: ids this batch stores, by table. */
type Building = {
  tables: Map<bigint, Filling>
  taken: Set<string>
  built: BuiltBatch
  options: BuildOptions
}

/** Returns how many bytes the payload expanded to. */
function addPayload(payload: Payload, { tables, taken, built, options }: Building): number {
  const { record, target, importId, repeated } = payload
  if (target.kind === 'refused') {
    built.errors.push(refusedPayload(record, target.tableId, target.reason))
    return 0
  }
  const { table } = target
  const identity = `${table.id} ${importId}`
  // Only an id whose payload was stored makes a repeat: one that came broken before may be whole now.
  if (repeated || (importId !== undefined && taken.has(identity))) {
    built.repeatedPayloads++
    return 0
  }
  const { settings, log } = options
  void options.faultPoint('decoding', payload)
  const expanded = gunzipLimited(record.body, settings)
  if (expanded.kind === 'fault') {
    // Its id is not kept: the sender's repeat of it may be whole.
    const error = refusedPayload(record, table.id, 'loader_failed')
    built.errors.push({ ...error, reason: expanded.reason })
    return 0
  }
  const filling = tables.get(table.id) ?? startFilling(tables, table, settings)
  const before = filling.rows.mark()
  let faults: Fault[]
  try {
    const receivedAtSeconds = Math.floor(record.receivedAtMs / 1000)
    faults = filling.rows.addImport(expanded.bytes, { receivedAtSeconds }).faults
  } catch (error) {
    log.error({ err: error, table: table.id, uniqueId: record.uniqueId }, 'a payload could not be decoded')
    filling.rows.rollbackTo(before)
    built.errors.push(refusedPayload(record, table.id, 'loader_failed'))
    return expanded.bytes.length
  }
  built.errors.push(...refusedRecords(record, table.id, faults, settings.errorBytes))
  if (expanded.trailing !== null) {
    const error = refusedPayload({ ...record, body: expanded.trailing }, table.id, 'gzip_trailing_data')
    built.errors.push(error)
  }
  if (importId !== undefined) {
    taken.add(identity)
    built.importIds.push({ tableId: table.id, id: importId })
  }
  if (filling.rows.bytes >= settings.chunkBytes) closeChunk(filling, built, options)
  return expanded.bytes.length
}

function startFilling(tables: Map<bigint, Filling>, table: LoadTable, { maxColumns }: LoadSettings): Filling {
  const known = table.columns.map((column) => ({ ...column }))
  const rows = createTableBatch({ known, limits: { maxColumns } })
  const change: TableChange = { table, newColumns: [], widened: [], overflowed: false }
  const filling = { table, known, rows, parts: 0, change }
  tables.set(table.id, filling)
  return filling
}

/** Encodes what the table has so far and begins anew, knowing the columns it has given. */
function closeChunk(filling: Filling, built: BuiltBatch, options: BuildOptions): void {
  const { table, rows, change } = filling
  if (rows.rows === 0) return
  const finished = rows.finish()
  learn(filling, finished)
  change.overflowed ||= finished.overflowed
  for (const name of Object.keys(built.counters) as (keyof BuiltBatch['counters'])[])
    built.counters[name] += finished.counters[name]

  const path = chunkPath(options.spool, options.epoch, options.from, table.id, filling.parts++)
  const columns: ChunkColumns = Object.fromEntries(
    finished.columns.map(({ name, key, type, physical, nulls }) => [name, { key, type, physical, nulls }]),
  )
  const metadata = footer(table, columns, built.owner, options.from)
  const content = writeParquet(
    finished.columns.map(({ data }) => data),
    finished.rows,
    { metadata },
  )
  const { rows: count, timeMin, timeMax } = finished
  options.emit({ path, content })
  built.chunks.push({
    tableId: table.id,
    path,
    bytes: content.length,
    rows: count,
    timeMin,
    timeMax,
    columns,
  })
  built.rows += count
  filling.rows = createTableBatch({
    known: filling.known,
    limits: { maxColumns: options.settings.maxColumns },
  })
}

/** Folds the columns that a chunk has added or widened into what the table has. */
function learn({ known, change, table }: Filling, { newColumns, widened }: FinishedBatch): void {
  for (const added of newColumns) {
    // Without schema detection the values are in the chunk, to be seen once somebody declares the column.
    if (!table.detectSchema) continue
    change.newColumns.push(added)
    const at = known.findIndex(({ name }) => name === added.name)
    const column = { name: added.name, key: added.key, type: added.type }
    if (at >= 0) known[at] = column
    else known.push(column)
  }
  for (const grown of widened) {
    if (known.find(({ name }) => name === grown.name)) {
      const earlier = change.widened.find(({ name }) => name === grown.name)
      if (earlier) earlier.to = grown.to
      else change.widened.push(grown)
    }
    for (const column of known) if (column.name === grown.name) column.type = grown.to
  }
}

/** What rebuilding the catalog from the files alone needs. */
function footer(
  table: LoadTable,
  columns: ChunkColumns,
  owner: string,
  from: SpoolPosition,
): Record<string, string> {
  const { id, databaseId, accountId, database, name } = table
  return {
    'millrace.table': JSON.stringify({
      id: String(id),
      databaseId: String(databaseId),
      accountId: String(accountId),
      database,
      name,
    }),
    'millrace.columns': JSON.stringify(columns),
    'millrace.owner': owner,
    'millrace.position': spoolPositionText(from),
  }
}
