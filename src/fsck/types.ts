import type { Database } from '../database/index.ts'
import type { Clock, Log } from '../kernel/index.ts'
import type { ObjectStore } from '../storage/index.ts'
import type { Finding, Findings } from './findings.ts'

/** Looking at everything is background work: it waits at the gate and ends when the gate is being shut. */
export const ADMISSION = { class: 'background', deadlineMs: 60_000 } as const

export type Options = {
  /** Reads every footer. */
  deep: boolean
  /** Removes what certainly belongs to nobody. */
  mend: boolean
  /** Gives up the rows of chunks whose file is gone: every query of their table fails otherwise. */
  forgetMissing: boolean
}

export type CheckDeps = {
  database: Database
  objects: ObjectStore
  clock: Clock
  log: Log
  /** A job of an absence that is not in the main database yet: its result only looks like nobody's. */
  isWaiting: (job: bigint) => boolean
  /** A file that belongs to nobody is removed from this age on. */
  orphanMinutes: number
}

export type Progress = { phase: 'catalog' | 'files' | 'tables'; done: number; total: number }

export type Report = {
  chunks: { live: number; retired: number; rows: number; bytes: number }
  objects: {
    count: number
    bytes: number
    /** Not named by the catalog, and of an owner that may yet have them named. */
    unfinished: number
  }
  counts: Findings['counts']
  findings: Finding[]
  /** Of the files that were removed, and of the chunks that were given up. */
  mended: { files: number; bytes: number; chunks: number; rows: number }
}

export type Look = CheckDeps &
  Options & {
    findings: Findings
    report: Report
    signal: AbortSignal
    /** So many more objects were looked at. */
    advance(count: number): void
  }
