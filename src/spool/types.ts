/** Where a record starts: segment generation and byte offset. Compares by generation, then offset. */
export type SpoolPosition = { generation: number; offset: number }

/** One accepted request, as received, with everything that is lost once the request is gone. */
export type SpoolRecord = {
  /** `import` (msgpack.gz chunk) now; event protocols add theirs. */
  kind: string
  /** Milliseconds since 1970 when the collector accepted it; the records' time where they have none. */
  receivedAtMs: number
  accountId: bigint
  /** Database id of the key; 0 while unverified. */
  keyId: bigint
  database: string
  table: string
  /** Table id as the snapshot knew it at acceptance; 0 while unverified. */
  tableId: bigint
  /** The sender's id, exactly as sent; empty = none. */
  uniqueId: string
  /** Extra facts of a protocol (remote address, user agent …), small. */
  facts: Record<string, string>
  /** The body as received, still compressed. */
  body: Buffer
}

export type SpoolUsage = { pendingBytes: number; quotaBytes: number; oldestPendingAtMs: number | null }

/** Whoever waits for a record: told once, and from the middle of the spool's work, so it must not throw. */
export type SpoolTold = {
  accepted(position: SpoolPosition): void
  refused(error: unknown): void
}

export type SpoolWriter = {
  /** As `append`, without a promise: for who appends some ten thousand times a second. May refuse before it returns. */
  enqueue(record: SpoolRecord, told: SpoolTold): void
  /** Resolves after the record is fsynced; throws `spool_full` (503, retry). Group commit without a timer. */
  append(record: SpoolRecord): Promise<SpoolPosition>
  /** Bytes not yet loaded and the quota. */
  usage(): SpoolUsage
  /** Resolves when everything appended has been answered and the files are closed. */
  close(): Promise<void>
}

export type SpooledRecord = { position: SpoolPosition; end: SpoolPosition; record: SpoolRecord }
export type SpoolReader = {
  /** Complete, fsynced records from `from` on, in order; stops after `maxBytes` of bodies or at the end. */
  read(from: SpoolPosition, limits: { maxBytes: number; maxRecords: number }): Promise<SpooledRecord[]>
  /** Resolves when there may be more to read, or when the signal aborts. */
  waitForMore(signal: AbortSignal): Promise<void>
  /**
   * Everything before it has been committed: its segments may be recycled. Durable before it resolves. A position that the spool has not
   * reached releases nothing.
   */
  release(before: SpoolPosition): Promise<void>
  /**
   * All that the spool holds lies before this position, as only one can that another spool gave, in whose place this one was made with a
   * clock far behind: nothing of it would ever be read from there on. For a moment also after a loss of power.
   */
  lacks(position: SpoolPosition): boolean
  close(): Promise<void>
}

/**
 * Bytes of a segment that cannot be read although they were acknowledged: copied to `quarantine/` and skipped.
 * `from` = `to` = 0 with reason `segment missing`: the whole file has gone.
 */
export type SpoolDamage = { generation: number; from: number; to: number; reason: string }

/** The few disk operations durability rests on; tests make them fail. */
export type SpoolDisk = {
  /** How files that `commit` writes to have to be opened. */
  commitFlags: number
  /** Writes all bytes at the position; resolves when they are on disk. */
  commit(fd: number, buffers: Buffer[], at: number): Promise<void>
  /** Writes all bytes at the position, into the page cache. */
  write(fd: number, buffers: Buffer[], at: number): Promise<void>
  /** fdatasync. */
  sync(fd: number): Promise<void>
  freeBytes(directory: string): Promise<number>
  /** Replaces a small file as a whole; resolves when the new one survives power loss. */
  replace(path: string, text: string): Promise<void>
}

/** Told after every group commit. */
export type SpoolObserver = { committed(records: number, bytes: number, seconds: number): void }
