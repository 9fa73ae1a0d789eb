import type { Clock, Log } from '../kernel/index.ts'
import { type SpoolPosition, spoolPositionText } from '../spool/index.ts'
import { encodeChunk } from './chunk.ts'
import type { LoadSettings } from './config.ts'
import {
  createTableBatch,
  type Fault,
  type FinishedBatch,
  gunzipLimited,
  type KnownColumn,
  type TableBatch,
} from './decode/index.ts'
import { refusedEvents, refusedPayload, refusedRecords } from './error-records.ts'
import { eventOptions } from './events.ts'
import { chunkPath, ownerOf } from './paths.ts'
import { browserRequestOf, createRequestJudge } from './requests.ts'
import {
  type BuiltBatch,
  type ChunkFile,
  eventIdentity,
  type FaultPoint,
  type LoadReason,
  type LoadTable,
  type LookedUp,
  type Payload,
  type TableChange,
} from './types.ts'

/** Bytes of refused records after which a commit takes no further payload: they travel as one parameter. */
const MOST_ERROR_BYTES = 8 << 20
/** The event loop is given a turn at least this often: heartbeats must not wait for a large batch. */
const TURN_MS = 50

const KEY_REASONS: ReadonlySet<LoadReason> = new Set([
  'key_unknown',
  'key_revoked',
  'not_permitted',
  'loader_crashed',
])

export type BuildOptions = {
  spool: string
  epoch: bigint
  from: SpoolPosition
  /** How often this batch was built before, in vain. */
  build: number
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
export async function buildBatch(
  { payloads, eventIds, requests }: LookedUp,
  options: BuildOptions,
): Promise<BuiltBatch> {
  const { clock, settings } = options
  const tables = new Map<bigint, Filling>()
  const taken = new Set<string>()
  const judge = createRequestJudge(requests)
  const built: BuiltBatch = {
    owner: ownerOf(options.spool, options.from),
    chunks: [],
    changes: [],
    importIds: [],
    eventIds: [],
    requests: [],
    errors: [],
    rows: 0,
    taken: 0,
    repeatedPayloads: 0,
    repeatedEvents: 0,
    oldest: new Map(),
    counters: { nonFinite: 0, invalidUtf8: 0, timeReplaced: 0, distantTimes: 0, overflowedRecords: 0 },
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
    hasRoom(payloads[built.taken]!) &&
    expandedBytes < settings.batchExpandedBytes &&
    errorBytes < MOST_ERROR_BYTES
  ) {
    expandedBytes += addPayload(payloads[built.taken]!, { tables, taken, eventIds, judge, built, options })
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
  /** Ids of single events that are stored already. */
  eventIds: ReadonlySet<string>
  judge: ReturnType<typeof createRequestJudge>
  built: BuiltBatch
  options: BuildOptions
}

/** Events were expanded beforehand, as many as there is room for. */
function hasRoom({ record, target, events }: Payload): boolean {
  return record.kind !== 'events' || target.kind === 'refused' || events !== undefined
}

/** Returns how many bytes the payload expanded to. */
function addPayload(payload: Payload, building: Building): number {
  const { tables, taken, judge, built, options } = building
  const { record, target, importId, repeated } = payload
  if (record.kind === 'refused-events') return addRefused(payload, building)
  if (target.kind === 'refused') {
    // The loader's own doubts about the payload forbid to look into it.
    const isReadable = record.kind === 'events' && target.reason !== 'loader_crashed'
    if (isReadable)
      built.errors.push(...refusedEvents(record, target.tableId, target.reason, options.settings))
    else built.errors.push(refusedPayload(record, target.tableId, target.reason))
    return 0
  }
  const { table } = target
  const identity = `${table.id} ${importId}`
  // Only an id whose payload was stored makes a repeat: one that came broken before may be whole now.
  if (repeated || (importId !== undefined && taken.has(identity))) {
    built.repeatedPayloads++
    return 0
  }
  const request = browserRequestOf(record)
  if (request !== undefined && judge.isRepeat(request)) {
    built.repeatedPayloads++
    return 0
  }
  const { settings, log } = options
  void options.faultPoint('decoding', payload)
  const expanded = payload.events?.expanded ?? gunzipLimited(record.body, settings)
  if (expanded.kind === 'fault') {
    // Its id is not kept: the sender's repeat of it may be whole.
    built.errors.push(refusedPayload(record, table.id, expanded.reason))
    return 0
  }
  const name = `${table.database}.${table.name}`
  built.oldest.set(name, Math.min(record.receivedAtMs, built.oldest.get(name) ?? record.receivedAtMs))
  const filling = tables.get(table.id) ?? startFilling(tables, table, settings)
  const before = filling.rows.mark()
  let faults: Fault[]
  try {
    faults =
      record.kind === 'events'
        ? addEvents(payload, expanded.bytes, filling, building)
        : addImport(payload, expanded.bytes, filling)
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
  if (request !== undefined) {
    judge.note(request)
    built.requests.push(request)
  }
  if (importId !== undefined) {
    taken.add(identity)
    built.importIds.push({ tableId: table.id, id: importId })
  }
  if (filling.rows.bytes >= settings.chunkBytes) {
    closeChunk(filling, built, options)
    filling.rows = createTableBatch({ known: filling.known, limits: { maxColumns: settings.maxColumns } })
  }
  return expanded.bytes.length
}

function addImport({ record }: Payload, bytes: Buffer, { rows }: Filling): Fault[] {
  return rows.addImport(bytes, { receivedAtSeconds: Math.floor(record.receivedAtMs / 1000) }).faults
}

function addEvents(
  { record }: Payload,
  bytes: Buffer,
  { rows, table }: Filling,
  { taken, eventIds, built }: Building,
): Fault[] {
  const identityOf = (id: string) => eventIdentity({ tableId: table.id, id })
  const isRepeat = (id: string) => eventIds.has(identityOf(id)) || taken.has(identityOf(id))
  const { faults, ids, repeats } = rows.addEvents(bytes, eventOptions(record, isRepeat))
  for (const id of ids) {
    taken.add(identityOf(id))
    built.eventIds.push({ tableId: table.id, id })
  }
  built.repeatedEvents += repeats
  return faults
}

/** What the collector has refused already becomes error records, also when nobody knows its table. */
function addRefused({ record, target }: Payload, { built, options }: Building): number {
  const tableId = target.kind === 'table' ? target.table.id : target.tableId
  const reason = /^[a-z-]{1,64}$/.test(record.facts.reason ?? '') ? record.facts.reason! : 'refused'
  const isTheKey = target.kind === 'refused' && KEY_REASONS.has(target.reason)
  if (isTheKey) built.errors.push(refusedPayload(record, tableId, target.reason))
  else built.errors.push(...refusedEvents(record, tableId, reason.replaceAll('-', '_'), options.settings))
  return record.body.length
}

function startFilling(tables: Map<bigint, Filling>, table: LoadTable, { maxColumns }: LoadSettings): Filling {
  const known = table.columns.map((column) => ({ ...column }))
  const rows = createTableBatch({ known, limits: { maxColumns } })
  const change: TableChange = { table, newColumns: [], widened: [], overflowed: false }
  const filling = { table, known, rows, parts: 0, change }
  tables.set(table.id, filling)
  return filling
}

/** Encodes what the table has so far; what follows is to begin anew, knowing the columns it has given. */
function closeChunk(filling: Filling, built: BuiltBatch, options: BuildOptions): void {
  const { table, rows, change } = filling
  if (rows.rows === 0) return
  const finished = rows.finish()
  learn(filling, finished)
  change.overflowed ||= finished.overflowed
  for (const name of Object.keys(built.counters) as (keyof BuiltBatch['counters'])[])
    built.counters[name] += finished.counters[name]

  const path = chunkPath(options.spool, options.epoch, options.from, table.id, {
    build: options.build,
    part: filling.parts++,
  })
  const { content, columns } = encodeChunk(table, finished, {
    owner: built.owner,
    position: spoolPositionText(options.from),
  })
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
