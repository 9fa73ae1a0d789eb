import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline as joined, Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { StringDecoder } from 'node:string_decoder'
import { createGunzip, createGzip } from 'node:zlib'
import { ensureDirectory, syncDirectory } from '../kernel/index.ts'

export type WrittenLines = { rows: number; bytes: number; sha256: string }

/** Lines, gzip'd, durable when it resolves; bytes and SHA-256 are of the file. */
export async function writeLines(path: string, batches: AsyncIterable<string[]>): Promise<WrittenLines> {
  await ensureDirectory(dirname(path))
  const hash = createHash('sha256')
  let rows = 0
  let bytes = 0
  async function* texts() {
    for await (const batch of batches) {
      rows += batch.length
      yield `${batch.join('\n')}\n`
    }
  }
  const counting = new Transform({
    transform(part: Buffer, _, done) {
      hash.update(part)
      bytes += part.length
      done(null, part)
    },
  })
  const temporary = `${path}.tmp`
  await pipeline(
    Readable.from(texts()),
    createGzip({ level: 1 }),
    counting,
    createWriteStream(temporary, { mode: 0o600 }),
  )
  await syncFile(temporary)
  await rename(temporary, path)
  await syncDirectory(dirname(path))
  return { rows, bytes, sha256: hash.digest('hex') }
}

/** The lines of such a file, many at a time but never more than `mostCharacters` together (one line may be longer). */
export async function* readLines(
  path: string,
  mostRows = 2_000,
  mostCharacters = 8 << 20,
): AsyncIterable<string[]> {
  let batch: string[] = []
  let characters = 0
  // An error of the file is the reader's: it ends the iteration.
  const bytes = joined(createReadStream(path), createGunzip(), () => undefined)
  for await (const line of linesOf(bytes)) {
    if (batch.length > 0 && (batch.length >= mostRows || characters + line.length > mostCharacters)) {
      yield batch
      batch = []
      characters = 0
    }
    batch.push(line)
    characters += line.length
  }
  if (batch.length > 0) yield batch
}

/** Cut at LF only: node:readline also cuts at U+2028 and U+2029, which stand in JSON texts as they are. */
async function* linesOf(bytes: AsyncIterable<Buffer>): AsyncIterable<string> {
  const decoder = new StringDecoder('utf8')
  let open: string[] = []
  for await (const part of bytes) {
    const lines = decoder.write(part).split('\n')
    for (const line of lines.slice(0, -1)) {
      yield [...open, line].join('')
      open = []
    }
    open.push(lines.at(-1)!)
  }
  const last = open.join('') + decoder.end()
  if (last !== '') yield last
}

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

export async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
