/**
 * The part of a record before its body: version, instants and ids in 8 bytes each, then texts with their
 * length in front. Little endian. Written into a buffer the caller has made large enough (`metaSpace`).
 */
import type { SpoolRecord } from './types.ts'

const VERSION = 1
const FIXED_BYTES = 1 + 4 * 8
/** Kind, database, table. */
const HEAD_TEXTS = 3

/** Bytes `writeMeta` may need at most. */
export function metaSpace(record: SpoolRecord): number {
  let characters = record.kind.length + record.database.length + record.table.length + record.uniqueId.length
  let texts = 5
  for (const name in record.facts) {
    characters += name.length + record.facts[name]!.length
    texts += 2
  }
  return FIXED_BYTES + texts * 2 + characters * 3
}

/**
 * Writes the record without its body; returns where it ends. `metaSpace` must have been under 64 KiB. `like`: where in the
 * buffer the meta part of a record with the same head begins (`hasSameHead`); its head is copied.
 */
export function writeMeta(buffer: Buffer, at: number, record: SpoolRecord, like?: number): number {
  let end = like === undefined ? writeHead(buffer, at, record) : copyHead(buffer, at, like)
  buffer.writeDoubleLE(record.receivedAtMs, at + 1)
  end = writeText(buffer, end, record.uniqueId)
  const countAt = end
  let facts = 0
  end += 2
  for (const name in record.facts) {
    end = writeText(buffer, end, name)
    end = writeText(buffer, end, record.facts[name]!)
    facts++
  }
  buffer.writeUInt16LE(facts, countAt)
  return end
}

/** Who sent it and where it goes: mostly the same as of the record before. */
export function hasSameHead(a: SpoolRecord, b: SpoolRecord): boolean {
  return (
    a.table === b.table &&
    a.database === b.database &&
    a.kind === b.kind &&
    a.keyId === b.keyId &&
    a.tableId === b.tableId &&
    a.accountId === b.accountId
  )
}

function writeHead(buffer: Buffer, at: number, record: SpoolRecord): number {
  buffer[at] = VERSION
  buffer.writeBigUInt64LE(record.accountId, at + 9)
  buffer.writeBigUInt64LE(record.keyId, at + 17)
  buffer.writeBigUInt64LE(record.tableId, at + 25)
  let end = at + FIXED_BYTES
  end = writeText(buffer, end, record.kind)
  end = writeText(buffer, end, record.database)
  return writeText(buffer, end, record.table)
}

function copyHead(buffer: Buffer, at: number, like: number): number {
  let end = like + FIXED_BYTES
  for (let texts = 0; texts < HEAD_TEXTS; texts++) end += 2 + buffer.readUInt16LE(end)
  buffer.copyWithin(at, like, end)
  return at + end - like
}

function writeText(buffer: Buffer, at: number, text: string): number {
  const length = buffer.write(text, at + 2, 'utf8')
  buffer.writeUInt16LE(length, at)
  return at + 2 + length
}

/** The record of a frame whose CRC is right. @throws Error on a version this release does not know */
export function readRecord(meta: Buffer, body: Buffer): SpoolRecord {
  if (meta[0] !== VERSION) throw new Error(`spool record of unknown version ${meta[0]}`)
  let at = FIXED_BYTES
  const text = () => {
    const start = at + 2
    at = start + meta.readUInt16LE(at)
    return meta.toString('utf8', start, at)
  }
  const [kind, database, table, uniqueId] = [text(), text(), text(), text()]
  const factsCount = meta.readUInt16LE(at)
  at += 2
  const facts: Record<string, string> = {}
  for (let i = 0; i < factsCount; i++) {
    const name = text()
    facts[name] = text()
  }
  return {
    kind,
    receivedAtMs: meta.readDoubleLE(1),
    accountId: meta.readBigUInt64LE(9),
    keyId: meta.readBigUInt64LE(17),
    database,
    table,
    tableId: meta.readBigUInt64LE(25),
    uniqueId,
    facts,
    body,
  }
}
