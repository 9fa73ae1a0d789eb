import type { SpoolRecord } from '../spool/index.ts'
import type { LoadSettings } from './config.ts'
import { type Fault, splitEvents } from './decode/index.ts'
import { expandEvents } from './events.ts'
import type { ErrorRecord, LoadReason } from './types.ts'

/** What error_records keeps of a body. */
export const MOST_BODY_BYTES = 64 * 1024
/** Reasons that say nothing against the payload: its body is kept whole, so that it can be imported again. */
const KEPT_WHOLE = new Set<string>(['loader_crashed', 'loader_failed'] satisfies LoadReason[])

/** One accepted request of which nothing is stored: its body, as received, whole when the fault may be ours. */
export function refusedPayload(record: SpoolRecord, tableId: bigint | null, reason: string): ErrorRecord {
  const body = KEPT_WHOLE.has(reason) ? record.body : cut(record.body)
  return { ...about(record, tableId), reason, records: 1, body }
}

/**
 * The refused records of one accepted request. Small ones of one reason share an entry of up to 64 KiB, their bytes one
 * after the other (MessagePack needs nothing between, JSON a line break); beyond `keepBytes` they are counted only.
 */
export function refusedRecords(
  record: SpoolRecord,
  tableId: bigint | null,
  faults: (Pick<Fault, 'bytes'> & { reason: string })[],
  keepBytes: number,
): ErrorRecord[] {
  const errors: ErrorRecord[] = []
  const open = new Map<string, { error: ErrorRecord; parts: Buffer[]; bytes: number }>()
  let kept = 0
  const close = (reason: string) => {
    const entry = open.get(reason)
    if (entry && entry.parts.length > 0) entry.error.body = Buffer.concat(joined(entry.parts, record.kind))
    open.delete(reason)
  }
  for (const { reason, bytes } of faults) {
    const body = kept + bytes.length <= keepBytes || kept === 0 ? bytes : undefined
    kept += body?.length ?? 0
    const current = open.get(reason)
    const fits =
      current &&
      (body ? current.bytes + body.length <= MOST_BODY_BYTES && current.bytes > 0 : current.bytes === 0)
    if (!fits) {
      close(reason)
      const error: ErrorRecord = { ...about(record, tableId), reason, records: 0, body: null }
      errors.push(error)
      open.set(reason, { error, parts: [], bytes: 0 })
    }
    const entry = open.get(reason)!
    entry.error.records++
    if (body) {
      entry.parts.push(body)
      entry.bytes += body.length
    }
  }
  for (const reason of [...open.keys()]) close(reason)
  return errors
}

const LINE_BREAK = Buffer.from('\n')

function joined(parts: Buffer[], kind: string): Buffer[] {
  return kind === 'import' ? parts : parts.flatMap((part, i) => (i === 0 ? [part] : [LINE_BREAK, part]))
}

/** Events none of which is stored, because of what the collector or the look-up found: each counts, with all its bytes. */
export function refusedEvents(
  record: SpoolRecord,
  tableId: bigint | null,
  reason: string,
  settings: LoadSettings,
): ErrorRecord[] {
  const expanded = expandEvents(record, settings)
  if (expanded.kind === 'fault') return [refusedPayload(record, tableId, expanded.reason)]
  const faults = splitEvents(expanded.bytes).map((bytes) => ({ reason, bytes }))
  return refusedRecords(record, tableId, faults, settings.errorBytes)
}

function about(record: SpoolRecord, tableId: bigint | null) {
  return {
    accountId: record.accountId,
    tableId,
    database: record.database,
    table: record.table,
    channel: record.facts.channel ?? record.kind,
    uniqueId: record.uniqueId === '' ? null : record.uniqueId,
    keyId: record.keyId === 0n ? null : record.keyId,
    keySha256: record.facts['key-sha256'] ?? null,
    receivedAtMs: record.receivedAtMs,
  }
}

function cut(body: Buffer): Buffer {
  return body.length <= MOST_BODY_BYTES ? body : body.subarray(0, MOST_BODY_BYTES)
}
