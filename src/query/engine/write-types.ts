import type { EngineQuery } from './types.ts'

/** A column of a chunk file, as the catalog describes it. */
export type FileColumn = {
  name: string
  key: string
  type: string
  physical: 'INT64' | 'DOUBLE' | 'BYTE_ARRAY' | 'BOOLEAN'
}

/** Rows of each hour of `time` (unix seconds, start of the hour), ascending. */
export type HourCount = { start: bigint; rows: number }

/** What one file takes: the rows of these half-open times, and of these only as many as `window` says, in their order by time. */
export type FileCut = {
  ranges: { from: bigint; to: bigint }[]
  rows: number
  /** Half-open, counted from 0 in the order by time over all rows that are written. */
  window?: { from: number; to: number }
}

/** Rows of a query as chunk files. */
export type FilesToWrite = {
  query: EngineQuery
  /** What the columns of the query are called in the files and how they are held, in their order; `time` may be among them. */
  columns: FileColumn[]
  /** `time` of rows that have none. */
  time: bigint
  /** Footers: the same in each file. The engine adds `millrace.columns`. */
  metadata: Record<string, string>
  rowGroupRows: number
}

/** A written file, called by its number in the directory. */
export type WrittenFile = {
  file: string
  rows: number
  columns: Record<string, Omit<FileColumn, 'name'> & { nulls: number }>
}

export type WrittenFiles = {
  /** Rows the query gave, counted as they came out of it. */
  selected: number
  files: WrittenFile[]
  cpuMs: number
}

/** A chunk file that loses rows. */
export type FileToCut = {
  /** As the engine opens it. */
  path: string
  rows: number
  /** Everything it holds, `time` included. */
  columns: FileColumn[]
  metadata: Record<string, string>
}

/** `chosen`: the file in which the rows that go are written down. */
export type FilesToCut = { files: FileToCut[]; chosen: string; rowGroupRows: number }

/** The rows of one file that were chosen, by their numbers in it, from 0. */
export type ChosenRows = { path: string; rows: number; least: number; most: number; sum: bigint }
/** `file`: its name in the directory. */
export type Choice = { file: string; chosen: ChosenRows[]; cpuMs: number }

/** What remains of a file: undefined when no row goes, or all of them do. */
export type CutFile = { removed: number; remains: WrittenFile | undefined }
export type CutFiles = { files: CutFile[]; cpuMs: number }
