import type { SystemColumn, SystemTable } from '../analyze/index.ts'
import type { PrestoType } from '../presto-type.ts'

/** A table of ours as the documents show it. */
export type SystemTableEntry = SystemTable & {
  about: string
  /** Columns that keep rows from being read at all when they are compared with constants. */
  narrowedBy: readonly string[]
  /** What is kept in the main database only cannot be read while that is away: the job then waits. */
  whileAway: 'snapshot' | 'waits'
}

const VARCHAR: PrestoType = { kind: 'varchar' }
const BIGINT: PrestoType = { kind: 'bigint' }
const BOOLEAN: PrestoType = { kind: 'boolean' }
const INSTANT: PrestoType = { kind: 'timestamp with time zone', precision: 3, zone: 'UTC' }

export const text = (name: string, about: string): SystemColumn => ({ name, type: VARCHAR, about })
export const number = (name: string, about: string): SystemColumn => ({ name, type: BIGINT, about })
export const boolean = (name: string, about: string): SystemColumn => ({ name, type: BOOLEAN, about })
export const instant = (name: string, about: string): SystemColumn => ({ name, type: INSTANT, about })
