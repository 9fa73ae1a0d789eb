import type { SpoolRecord } from '../spool/index.ts'
import type { Fault } from './decode/index.ts'
import type { ErrorRecord, LoadReason } from './types.ts'

/** What error_records keeps of a body. */
export const MOST_BODY_BYTES = 64 * 1024

/** One accepted request of which nothing is stored: its body, as received, up to 64 KiB. */
export function refusedPayload(record: SpoolRecord, tableId: bigint | null, reason: LoadReason): ErrorRecord {
  return { ...about(record, tableId), reason, records: 1, body: cut(record.body) }
}

/**
 * The refused records of one accepted request. Small ones of one reason share an entry of up to 64 KiB, their bytes one
 * after the other (MessagePack needs nothing between); beyond `keepBytes` they are counted only.
 */
export function refusedRecords(
  record: SpoolRecord,
  tableId: bigint | null,
  faults: Fault[],
  keepBytes: number,
): ErrorRecord[] {
  const errors: ErrorRecord[] = []
  const open = new Map<string, { error: ErrorRecord; parts: Buffer[]; bytes: number }>()
  let kept = 0
  const close = (reason: string) => {
    const entry = open.get(reason)
    if (entry && entry.parts.length > 0) entry.error.body = Buffer.concat(entry.parts)
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

function about(record: SpoolRecord, tableId: bigint | null) {
  return {
    accountId: record.accountId,
    tableId,
    database: record.database,
    table: record.table,
    channel: record.kind,
    uniqueId: record.uniqueId === '' ? null : record.uniqueId,
    receivedAtMs: record.receivedAtMs,
  }
}

function cut(body: Buffer): Buffer {
  return body.length <= MOST_BODY_BYTES ? body : body.subarray(0, MOST_BODY_BYTES)
}
