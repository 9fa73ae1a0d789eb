import { type Chunk, compressed, createChunker } from './chunks.ts'
import { createReader, type Reading } from './formats.ts'
import type { Acknowledged, Head, Journal } from './journal.ts'
import { LINE_FORMATS } from './log-lines.ts'
import { type ShapeOptions, writeRow } from './shape.ts'
import { type TimeReader, timesInFormat, timeZone, usualTimes } from './time.ts'
import type { Rejected } from './types.ts'
import { SourceError } from './types.ts'

/** So many rows in a row refused, none taken: this is not a file with faults, it is read in the wrong way. */
const HOPELESS_ROWS = 1000

export type Tally = { rows: number; bytes: number; rejected: number; chunks: number; skippedRows: number }

export type RunDeps = {
  head: Head
  reading: Reading
  /** Already stored, by number of the first row. */
  acknowledged: ReadonlyMap<number, Acknowledged>
  /** Where it was cut in an earlier run. */
  known: readonly Acknowledged[]
  /** Decompressed, in UTF-8. */
  blocks: AsyncIterable<Buffer>
  /** Read so far, as it lies on disk. */
  sourceBytes(): number
  /** Looked at before the last rows are sent. @throws SourceError when the file was written to meanwhile */
  checkUnchanged(): Promise<void>
  /** Resolves once the server has the chunk for good. */
  store(chunk: Pick<Chunk, 'id' | 'index'>, body: Buffer): Promise<void>
  journal: Pick<Journal, 'acknowledge'>
  onReject(rejected: Rejected): void
  onHeader?(source: Buffer): void
  onProgress(tally: Tally): void
  parallel: number
  signal: AbortSignal
}

/**
 * Sends a source to the end: rows in the order of the source, some chunks under way at once, each journaled when the server has it. What is
 * in the journal is not sent again, but read and compared: other rows under a known number are a changed file.
 * Whatever ends it, no chunk is under way any more when it returns.
 * @throws SourceError · what `store` throws · AbortError
 */
export async function runImport(deps: RunDeps): Promise<Tally> {
  const { head, reading, journal, signal } = deps
  const tally: Tally = { rows: 0, bytes: 0, rejected: 0, chunks: 0, skippedRows: 0 }
  const chunker = createChunker({
    name: `millrace import 1\n${head.salt}\n${head.source}`,
    limits: head.limits,
    cuts: new Set([...deps.known, ...deps.acknowledged.values()].map(({ from, rows }) => from + rows)),
  })
  const ready: Chunk[] = []
  const shape = shapeOf(reading, head)
  let taken = 0
  const reject = (rejected: Rejected) => {
    tally.rejected++
    deps.onReject(rejected)
    if (taken === 0 && tally.rejected === HOPELESS_ROWS)
      throw new SourceError(
        `the first ${HOPELESS_ROWS} rows were all refused: is '${reading.format}' the right format?`,
      )
  }
  const reader = createReader(reading, {
    reject,
    header: deps.onHeader,
    row(row) {
      const fault = writeRow(row, chunker.packer, shape)
      if (fault !== undefined) return reject({ line: row.line, reason: fault, source: row.source })
      taken++
      const chunk = chunker.wrote(deps.sourceBytes())
      if (chunk !== undefined) ready.push(chunk)
    },
  })

  const lanes = createLanes(deps.parallel)
  const dispatch = async (chunk: Chunk) => {
    const known = deps.acknowledged.get(chunk.from)
    if (known !== undefined && known.id !== chunk.id)
      throw new SourceError(
        `rows ${count(chunk.from + 1)} to ${count(chunk.from + chunk.rows)} are not those that were sent before: the file has changed`,
      )
    if (known !== undefined) return told(chunk, true)
    await lanes.start(async () => {
      await deps.store(chunk, await compressed(chunk.packed))
      await journal.acknowledge(chunk)
      told(chunk, false)
    })
  }
  const told = (chunk: Chunk, isSkipped: boolean) => {
    tally.rows += chunk.rows
    tally.chunks++
    if (isSkipped) tally.skippedRows += chunk.rows
    tally.bytes += chunk.sourceBytes
    deps.onProgress(tally)
  }

  try {
    for await (const block of deps.blocks) {
      reader.push(block)
      for (const chunk of ready.splice(0)) await dispatch(chunk)
      lanes.check()
      signal.throwIfAborted()
    }
    reader.end()
    await deps.checkUnchanged()
    const last = chunker.last(deps.sourceBytes())
    for (const chunk of [...ready.splice(0), ...(last === undefined ? [] : [last])]) await dispatch(chunk)
  } finally {
    await lanes.settled()
  }
  lanes.check()
  return tally
}

/** At most so many at once. After a failure nothing more is begun. */
function createLanes(most: number) {
  const running = new Set<Promise<void>>()
  let failure: { error: unknown } | undefined
  const check = () => {
    if (failure !== undefined) throw failure.error
  }
  return {
    check,
    async start(work: () => Promise<void>): Promise<void> {
      while (running.size >= most) await Promise.race(running)
      check()
      const one = work()
        .catch((error: unknown) => {
          failure ??= { error }
        })
        .finally(() => running.delete(one))
      running.add(one)
    },
    async settled(): Promise<void> {
      await Promise.all(running)
    },
  }
}

/** @throws SourceError when zone or format are none; they are looked at before, where the command line is read */
export function shapeOf(reading: Reading, { startedMs }: Pick<Head, 'startedMs'>): ShapeOptions {
  const nowSeconds = Math.floor(startedMs / 1000)
  const { format, timeKey, timeValue, emptyAsNullIfNumeric } = reading
  const isDelimited = format === 'csv' || format === 'tsv'
  const named = reading.types.flatMap(({ name, type }) => (name === undefined ? [] : [[name, type] as const]))
  return {
    timeKey,
    readTime: timeReaderOf(reading, nowSeconds),
    timeValue: timeValue === 'now' ? nowSeconds : timeValue,
    types: new Map(isDelimited ? [] : named),
    emptyAsNullIfNumeric,
  }
}

function timeReaderOf(reading: Reading, nowSeconds: number): TimeReader {
  const zone = timeZone(reading.timeZone)
  if (zone === undefined) throw new SourceError(`there is no time zone '${reading.timeZone}'`)
  const format = reading.timeFormat ?? LINE_FORMATS[reading.format]?.timeFormat
  if (format === undefined) return usualTimes(zone, nowSeconds)
  const reader = timesInFormat(format, zone, nowSeconds)
  if (typeof reader !== 'function')
    throw new SourceError(`'${reader.unknown}' means nothing in a time format`)
  return reader
}

function count(n: number): string {
  return n.toLocaleString('en')
}
