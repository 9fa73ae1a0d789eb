import { crc32 } from 'node:zlib'

/** One row change as the table `changes` of the main database reports it. */
export type Change = {
  /** `changes.id`: for one row, a larger number is the later state. */
  id: number
  /** Table name. */
  kind: string
  op: 'put' | 'drop'
  body: Row
}
export type Row = Record<string, unknown>

/**
 * How far the main database has been exported: `snapshot` is the text of its `pg_current_snapshot()`, so exactly
 * the transactions it calls visible are contained. `source` identifies the server, `epoch` the gate's epoch.
 * `lastChange`: the highest change id seen; a crash may give the ids of lost transactions to new ones, but never
 * those of changes. `at`: the server's own clock at the reading, ISO.
 */
export type Cut = { source: string; epoch: number; snapshot: string; lastChange: number; at: string }

/** Sums over the live chunks of a table; `n` is the position of the batch that last touched its manifest. */
export type TableSum = {
  n: number
  rows: string
  bytes: string
  lastTime: string | null
  lastImportAt: string | null
}

/** What one line of the log says. `n` is its position; every line is applied as a whole or not at all. */
export type LineContent =
  /**
   * Whole transactions. `settles` names denials decided by them; `cut` moves the exported position; `xid` marks a
   * transaction of our own that is told at once, before its turn in the order.
   */
  | {
      t: 'batch'
      changes: Change[]
      xid?: string
      sums?: Record<string, TableSum>
      settles?: string[]
      cut?: Cut
      at?: string
    }
  /** A transaction that is about to commit takes something away: unknown from here until it is settled. */
  | { t: 'deny'; xid: string; epoch: number; keys: string[] }
  | { t: 'settle'; xids: string[] }
  /** At that instant the writer had everything. */
  | { t: 'beat'; at: string }
  | { t: 'seal'; at: string; reason: string }
  | { t: 'unseal'; at: string }
  /** The log goes on in another file; `reload`: the state is not the one this log leads to. */
  | { t: 'next'; generation: number; reload: boolean }
export type Line = LineContent & { n: number }

/** Where the chain of checksums of a file starts: a line copied from another file never fits. */
export function chainSeed(file: string): number {
  return crc32(`millrace ${file}`)
}

/** `crc json\n`; the checksum covers everything before it in the file as well. */
export function encodeLine(value: unknown, chain: number): { bytes: Buffer; chain: number } {
  const json = Buffer.from(JSON.stringify(value))
  const next = crc32(json, chain)
  const head = Buffer.from(`${next.toString(16).padStart(8, '0')} `)
  return { bytes: Buffer.concat([head, json, newline]), chain: next }
}
const newline = Buffer.from('\n')

export type Decoded = {
  values: unknown[]
  /** Bytes of complete, good lines. */
  bytes: number
  chain: number
  /** A complete line whose checksum does not fit; nothing behind it is believed. */
  damaged: boolean
}

/** Reads complete lines; what follows the last newline is a line still being written, or a torn one. */
export function decodeLines(buffer: Buffer, chain: number): Decoded {
  const values: unknown[] = []
  let at = 0
  for (;;) {
    const end = buffer.indexOf(10, at)
    if (end < 0) return { values, bytes: at, chain, damaged: false }
    const value = decodeLine(buffer.subarray(at, end), chain)
    if (value === undefined) return { values, bytes: at, chain, damaged: true }
    values.push(value.content)
    chain = value.chain
    at = end + 1
  }
}

function decodeLine(line: Buffer, chain: number): { content: unknown; chain: number } | undefined {
  const head = line.toString('latin1', 0, 9)
  if (!/^[0-9a-f]{8} $/.test(head)) return undefined
  const json = line.subarray(9)
  const next = crc32(json, chain)
  if (next !== Number.parseInt(head, 16)) return undefined
  return { content: JSON.parse(json.toString('utf8')), chain: next }
}
