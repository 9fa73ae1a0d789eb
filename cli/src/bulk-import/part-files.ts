import { createHash } from 'node:crypto'
import { mkdirSync, statSync } from 'node:fs'
import { open, readFile, rename } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { failure } from '../errors.ts'

/** A file as a part is held in memory while it is sent. */
const MOST_PART_BYTES = 512 * 1024 * 1024

/** td's rule: the file's name up to its first dot, or up to as many dots as are asked for. */
export function partNameOf(path: string, { prefix, suffixes }: { prefix: string; suffixes: number }): string {
  return (
    prefix +
    basename(path)
      .split('.')
      .slice(0, 1 + suffixes)
      .join('.')
  )
}

/** `orders.csv.gz` → `orders`; other dots become `_`, as td's parts have it. */
export function partBase(path: string): string {
  return basename(path)
    .replace(/\.(?:csv|tsv|jsonl?|ndjson|msgpack|log|txt)?(?:\.(?:gz|zst))?$/i, '')
    .replaceAll('.', '_')
}

/** Parts of one source, told from those of another of the same name. */
export function partPrefix(source: string): string {
  const mark = createHash('sha256').update(source).digest('hex').slice(0, 6)
  return `${source === '-' ? 'stdin' : partBase(source)}_${mark}_`
}

export const partOf = (source: string, index: number): string =>
  `${partPrefix(source)}${String(index).padStart(6, '0')}`

/** @throws failed (1) when it cannot be read, or is too large to be one part */
export async function readPart(path: string): Promise<Buffer> {
  try {
    const { size } = statSync(path)
    if (size > MOST_PART_BYTES)
      throw failure(
        `${path} is too large for one part (${(size / 1e9).toFixed(1)} GB)`,
        "'millrace bulk_import:upload' splits files on the way, 'millrace bulk_import:prepare_parts' beforehand.",
      )
    return await readFile(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined || error instanceof Error === false) throw error
    if ('exitCode' in error) throw error
    throw failure(`${path} cannot be read: ${error.message}`)
  }
}

/** A whole file or none, also after a crash. */
export async function writePart(directory: string, name: string, body: Buffer): Promise<void> {
  mkdirSync(directory, { recursive: true })
  const draft = join(directory, `.${name}.${process.pid}.tmp`)
  const file = await open(draft, 'w')
  try {
    await file.writeFile(body)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(draft, join(directory, name))
}
