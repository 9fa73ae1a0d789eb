import type { QueryErrorName } from '../errors.ts'
import type { PrestoType } from '../presto-type.ts'

/** What the parent asks of an engine process, once. */
export type RunMessage = {
  kind: 'run'
  setup: string[]
  sql: string
  lists: string[][]
  types: PrestoType[]
  resultPath: string
  /** Run first, in order: limits and the closing of every door, ending in lock_configuration. */
  configuration: string[]
}

export type EngineMessage =
  /** Functions and macros are in place. */
  | { kind: 'ready' }
  /** Why an engine could not be prepared: a fault of ours. */
  | { kind: 'unfit'; message: string }
  | { kind: 'progress'; percent: number | null; rows: number; cpuMs: number; rssBytes: number }
  | { kind: 'done'; rows: number; bytes: number; cpuMs: number }
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
