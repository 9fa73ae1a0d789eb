import { open } from 'node:fs/promises'
import type { NewChunk } from '../archive/index.ts'
import type { WrittenFile } from '../query/index.ts'
import { type ParquetFooter, readParquetFooter } from '../storage/parquet/index.ts'
import { writeErrors } from './errors.ts'
import type { WriteDeps } from './types.ts'

/**
 * Moves a file that an engine wrote to its place, durably; what the catalog shall say of it is taken from its own footer, which must
 * be what the engine said.
 */
export async function storeFile(
  { objects }: Pick<WriteDeps, 'objects'>,
  file: string,
  path: string,
  { rows, columns }: WrittenFile,
): Promise<Omit<NewChunk, 'level'>> {
  const { footer, bytes } = await readFooter(file)
  const time = footer.columns.find(({ name }) => name === 'time')
  if (time?.min === undefined || time.max === undefined)
    throw writeErrors.rows_miscounted(`${path} does not say its times`)
  if (footer.rows !== rows) throw writeErrors.rows_miscounted(`${path}: ${rows} rows, ${footer.rows} in it`)
  const nulls = new Map(footer.columns.map((column) => [column.name, column.nulls]))
  for (const [name, column] of Object.entries(columns))
    if (nulls.get(name) !== column.nulls)
      throw writeErrors.rows_miscounted(`${path}: ${column.nulls} nulls in ${name}, ${nulls.get(name)} in it`)
  // A leftover of this very attempt was never committed: the attempt would not run again otherwise.
  await objects.remove(path)
  await objects.putFile(path, file)
  return { path, rows, bytes, timeMin: String(time.min), timeMax: String(time.max), columns }
}

async function readFooter(path: string): Promise<{ footer: ParquetFooter; bytes: number }> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    const read = async (start: number, end: number) => {
      const bytes = Buffer.alloc(end - start)
      const { bytesRead } = await file.read(bytes, 0, bytes.length, start)
      return bytes.subarray(0, bytesRead)
    }
    return { footer: await readParquetFooter(size, read), bytes: size }
  } finally {
    await file.close()
  }
}
