/** Where chunks and results live; paths are relative, with `/`, and never change once written. */
export type ObjectStore = {
  /** Durable when it resolves: file and directory are synced. Never overwrites: a second put of a path fails. */
  put(path: string, bytes: Uint8Array): Promise<void>
  get(path: string): Promise<Buffer>
  remove(path: string): Promise<void>
  exists(path: string): Promise<boolean>
  /** Paths under a prefix with size and modification time, in no particular order. */
  list(prefix: string): AsyncIterable<{ path: string; bytes: number; modifiedAtMs: number }>
  /** The path as the query engine opens it. */
  locate(path: string): string
}
