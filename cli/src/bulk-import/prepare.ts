import type { Context } from '../context.ts'
import { failure, usageError } from '../errors.ts'
import type { ChunkLimits } from '../import/chunks.ts'
import { createMeter } from '../import/meter.ts'
import { type ReadingOptions, readingOf } from '../import/options.ts'
import { createRejections } from '../import/rejected.ts'
import { runImport } from '../import/run.ts'
import { fileBlocks, openFile, readSource } from '../import/source.ts'
import { SourceError } from '../import/types.ts'
import { partBase, writePart } from './part-files.ts'

/** Makes parts of files: `orders.csv` becomes `orders_0.msgpack.gz`, `orders_1.msgpack.gz` …, the same each time. */
export async function prepareParts(
  context: Context,
  files: readonly string[],
  {
    directory,
    limits,
    saveRejected,
    reading: options,
  }: { directory: string; limits: ChunkLimits; saveRejected: boolean; reading: ReadingOptions },
): Promise<{ rows: number; rejected: number; parts: string[] }> {
  const startedMs = context.now().getTime()
  const meter = createMeter(context)
  const total = { rows: 0, rejected: 0, parts: [] as string[] }
  const bases = new Set<string>()
  for (const path of files) {
    const reading = readingOf(options, path, Math.floor(startedMs / 1000))
    if (reading === undefined)
      throw usageError(
        `the name of ${path} does not tell what it is`,
        'Say it: --format csv, tsv, json, msgpack, apache or syslog.',
      )
    const base = partBase(path)
    if (bases.has(base))
      throw usageError(
        `the parts of two files would be called ${base}_…`,
        'Prepare them into directories of their own.',
      )
    bases.add(base)
    const { handle, fingerprint } = await openFile(path).catch((error: unknown) => {
      throw failure(`${path} cannot be read: ${(error as Error).message}`)
    })
    let readBytes = 0
    const rejections = createRejections({
      name: path,
      path: saveRejected ? `${path}.rejected` : undefined,
      isText: reading.format !== 'msgpack',
      say: context.progress.note,
    })
    try {
      const tally = await runImport({
        head: {
          version: 1,
          target: { endpoint: '', database: '', table: '' },
          source: path,
          fingerprint,
          reading: '',
          salt: '',
          limits,
          startedMs,
        },
        reading,
        acknowledged: new Map(),
        known: [],
        blocks: readSource(fileBlocks(handle), {
          encoding: reading.format === 'msgpack' ? undefined : reading.encoding,
          onRead: (count) => {
            readBytes += count
          },
        }),
        sourceBytes: () => readBytes,
        checkUnchanged: async () => undefined,
        async store({ index }, body) {
          const name = `${base}_${index}.msgpack.gz`
          await writePart(directory, name, body)
          total.parts.push(name)
        },
        journal: { acknowledge: async () => undefined },
        onReject: rejections.add,
        onHeader: rejections.header,
        onProgress: (now) => meter.show(now, { name: path, readBytes, totalBytes: fingerprint?.bytes }),
        parallel: 2,
        signal: context.signal,
      })
      total.rows += tally.rows
      total.rejected += tally.rejected
    } catch (error) {
      if (error instanceof SourceError) throw failure(`${path}: ${error.message}`)
      throw error
    } finally {
      rejections.close()
      await handle.close()
      context.progress.end()
    }
  }
  return total
}
