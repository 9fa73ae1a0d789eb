import { crc32 } from 'node:zlib'

/**
 * once: every event has an id, so it is stored once however often it was sent. bounded: there is none, so it is stored at least as often
 * as it was acknowledged and at most as often as it was sent.
 */
export type Promised = 'once' | 'bounded'

export type Unit = {
  attempts: number
  acknowledged: number
  /** How often it lay in bytes that the test itself has destroyed. */
  damaged: number
}

/** What one writer knows of its events, by their keys. */
export type Ledger = {
  writer: string
  table: string
  promised: Promised
  units: Map<string, Unit>
  /** Before it is sent. */
  sending(keys: string[]): void
  acknowledged(keys: string[]): void
}

export function createLedger(writer: string, table: string, promised: Promised): Ledger {
  const units = new Map<string, Unit>()
  return {
    writer,
    table,
    promised,
    units,
    sending(keys) {
      for (const key of keys) {
        const unit = units.get(key)
        if (unit === undefined) units.set(key, { attempts: 1, acknowledged: 0, damaged: 0 })
        else unit.attempts++
      }
    },
    acknowledged(keys) {
      for (const key of keys) units.get(key)!.acknowledged++
    },
  }
}

/** An event's key is recognisable in any bytes it was put into. */
export function keyOf(writer: string, ...numbers: number[]): string {
  return `~${writer}-${numbers.join('-')}~`
}

export function keysIn(text: string): string[] {
  return text.match(/~[a-z_]+(?:-\d+)+~/g) ?? []
}

/** The value every event carries beside its key: another one than this was changed on the way. */
export function checksumOf(key: string): number {
  return crc32(key)
}

/** Stored under a key: how many rows with which value. */
export type StoredRow = { key: string; value: number; rows: number }

export type Finding = {
  /** Acknowledged and not stored. */
  lost: string[]
  /** Stored more often than promised; once per row too many. */
  doubled: string[]
  /** Stored and never sent. */
  foreign: string[]
  /** Stored with another value than was sent. */
  changed: string[]
  sent: number
  acknowledged: number
  stored: number
}

/** Compares what a writer knows with what is stored. */
export function settle({ promised, units }: Pick<Ledger, 'promised' | 'units'>, rows: StoredRow[]): Finding {
  const finding: Finding = {
    lost: [],
    doubled: [],
    foreign: [],
    changed: [],
    sent: units.size,
    acknowledged: 0,
    stored: 0,
  }
  const stored = new Map<string, number>()
  for (const { key, value, rows: count } of rows) {
    finding.stored += count
    if (!units.has(key)) finding.foreign.push(key)
    else if (value !== checksumOf(key)) finding.changed.push(key)
    stored.set(key, (stored.get(key) ?? 0) + count)
  }
  for (const [key, { attempts, acknowledged, damaged }] of units) {
    if (acknowledged > 0) finding.acknowledged++
    const certain = acknowledged - damaged
    const least = promised === 'once' ? Math.min(1, certain) : certain
    const most = promised === 'once' ? 1 : attempts
    const found = stored.get(key) ?? 0
    for (let n = found; n < least; n++) finding.lost.push(key)
    for (let n = most; n < found; n++) finding.doubled.push(key)
  }
  return finding
}
