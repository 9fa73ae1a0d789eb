import type { QueryErrorName } from '../errors.ts'
import type { PrestoType } from '../presto-type.ts'
import type { EngineQuery } from './types.ts'
import type {
  ChosenRows,
  CutFile,
  FileCut,
  FilesToCut,
  FilesToWrite,
  HourCount,
  WrittenFile,
} from './write-types.ts'

/** What the parent asks of an engine process, once. */
export type RunMessage = {
  kind: 'run'
  setup: string[]
  sql: string
  lists: string[][]
  types: PrestoType[]
  resultPath: string
  /** Most that the result may take on disk. */
  resultBytes?: number
  /** Run first, in order: limits and the closing of every door, ending in lock_configuration. */
  configuration: string[]
}

/** Likewise, for files instead of a result. */
export type WriteMessage = {
  kind: 'write'
  work: FilesToWrite
  /** Exists; the only place that may be written. */
  directory: string
  configuration: string[]
}
export type CutMessage = { kind: 'cut'; work: FilesToCut; directory: string; configuration: string[] }
export type ChooseMessage = { kind: 'choose'; query: EngineQuery; directory: string; configuration: string[] }
/** The answer to `hours`. */
export type CutsMessage = { kind: 'cuts'; cuts: FileCut[] }

export type EngineTask = RunMessage | WriteMessage | ChooseMessage | CutMessage

export type EngineMessage =
  /** Functions and macros are in place. */
  | { kind: 'ready' }
  /** Why an engine could not be prepared: a fault of ours. */
  | { kind: 'unfit'; message: string }
  | { kind: 'progress'; percent: number | null; rows: number; cpuMs: number; rssBytes: number }
  | { kind: 'done'; rows: number; bytes: number; cpuMs: number }
  /** How many rows the files will hold, hour by hour: the parent says how they are cut. */
  | { kind: 'hours'; hours: HourCount[] }
  | { kind: 'written'; selected: number; files: WrittenFile[]; cpuMs: number }
  | { kind: 'chosen'; file: string; chosen: ChosenRows[]; cpuMs: number }
  | { kind: 'cut'; files: CutFile[]; cpuMs: number }
  | { kind: 'failed'; failure: EngineFailure; cpuMs: number }

/** How a run failed, in a form that crosses the channel. */
export type EngineFailure =
  | { kind: 'query'; name: QueryErrorName; message: string }
  /** The disk is full, or a chunk cannot be read: the same query may work later. */
  | { kind: 'storage_full' | 'chunk_unreadable'; message: string }

/** What an engine process needs at start, as its first argument (JSON). */
export type EngineStart = {
  /** File URL of a module that exports `javaScriptFunctions: JavaScriptFunction[]`; absent = none. */
  functionsModule?: string
  /** Statements run once: the macros that generated SQL relies on. */
  prelude: string[]
  /** Somebody waits for it already: it gives way to other processes only when it is ready. */
  urgent?: boolean
}
