import type { Readable } from 'node:stream'

/** Where chunks and results live; paths are relative, with `/`, and never change once written. */
export type ObjectStore = {
  /** Durable when it resolves: file and directory are synced. Never overwrites: a second put of a path fails. */
  put(path: string, bytes: Uint8Array): Promise<void>
  /**
   * Many small objects for the price of one `put`: durable, all of them, when it resolves; when it fails, some may be
   * there. Only `owner` may name these paths: what an earlier call of it has left there is replaced.
   */
  putMany(owner: string, objects: readonly { path: string; bytes: Uint8Array }[]): Promise<void>
  /** As `put`, with the bytes of a local file, which is consumed: for results too large for memory. */
  putFile(path: string, file: string): Promise<void>
  get(path: string): Promise<Buffer>
  /** The bytes as a stream; `end` is inclusive, as in HTTP ranges. */
  stream(path: string, range?: { start: number; end?: number }): Readable
  /** Succeeds when nothing is there. */
  remove(path: string): Promise<void>
  exists(path: string): Promise<boolean>
  /** In bytes; undefined when nothing is there. */
  size(path: string): Promise<number | undefined>
  /** Paths under a prefix with size and modification time, in no particular order. */
  list(prefix: string): AsyncIterable<{ path: string; bytes: number; modifiedAtMs: number }>
  /** The path as the query engine opens it. */
  locate(path: string): string
}
