import { type FileHandle, open } from 'node:fs/promises'
import { pipeline, Readable } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { SourceError } from './types.ts'

const BLOCK_BYTES = 256 * 1024

/** What a file is told by: another size or time of change, and it is another file. */
export type Fingerprint = { bytes: number; modifiedMs: number }

export type SourceOptions = {
  /** As named by WHATWG (`utf-8`, `shift_jis`, `utf-16le` …); undefined: nothing to decode. */
  encoding: string | undefined
  /** Bytes as they lie on disk, still compressed: for progress. */
  onRead?(bytes: number): void
}

type Raw = AsyncIterable<Buffer>

/** An open file and what it was when it was opened; undefined for a pipe (`<(zcat orders.gz)`), which can be read only once. */
export async function openFile(
  path: string,
): Promise<{ handle: FileHandle; fingerprint: Fingerprint | undefined }> {
  const handle = await open(path, 'r')
  try {
    const stat = await handle.stat()
    if (stat.isDirectory()) throw new SourceError(`${path} is a directory`)
    if (!stat.isFile()) return { handle, fingerprint: undefined }
    return { handle, fingerprint: { bytes: stat.size, modifiedMs: Math.round(stat.mtimeMs) } }
  } catch (error) {
    await handle.close()
    throw error
  }
}

export async function fingerprintOf(handle: FileHandle): Promise<Fingerprint> {
  const { size, mtimeMs } = await handle.stat()
  return { bytes: size, modifiedMs: Math.round(mtimeMs) }
}

/** The bytes of a file that was not read yet, block by block. */
export async function* fileBlocks(handle: FileHandle): Raw {
  for (;;) {
    // A block of its own each time: what decompresses keeps the one before. No position: pipes have none.
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(BLOCK_BYTES), 0, BLOCK_BYTES, null)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
  }
}

/**
 * Decompresses by what the content is (gzip, zstd), decodes to UTF-8 and takes the byte order mark away. Bytes that are no
 * text in the encoding come out as 0xFF, so that the record they stand in can be refused.
 * @throws SourceError when the compressed bytes are damaged or cut, or of a kind that has to be unpacked first
 */
export async function* readSource(raw: Raw, { encoding, onRead }: SourceOptions): Raw {
  const counted = count(raw, onRead)
  const blocks = counted[Symbol.asyncIterator]()
  const first = await firstBytes(blocks, 6)
  const whole = startingWith(first, blocks)
  const plain = decompressed(first, whole)
  yield* encoding === undefined ? plain : decoded(plain, encoding)
}

async function* count(raw: Raw, onRead: ((bytes: number) => void) | undefined): Raw {
  for await (const block of raw) {
    onRead?.(block.length)
    yield block
  }
}

async function firstBytes(blocks: AsyncIterator<Buffer>, least: number): Promise<Buffer> {
  let first: Buffer = Buffer.alloc(0)
  while (first.length < least) {
    const { value, done } = await blocks.next()
    if (done) break
    first = first.length === 0 ? value : Buffer.concat([first, value])
  }
  return first
}

async function* startingWith(first: Buffer, blocks: AsyncIterator<Buffer>): Raw {
  if (first.length > 0) yield first
  for (;;) {
    const { value, done } = await blocks.next()
    if (done) return
    yield value
  }
}

const MAGIC: [hex: string, name: 'gzip' | 'zstd' | 'zip' | 'bzip2' | 'xz'][] = [
  ['1f8b', 'gzip'],
  ['28b52ffd', 'zstd'],
  ['504b0304', 'zip'],
  ['425a68', 'bzip2'],
  ['fd377a585a', 'xz'],
]
const UNPACKERS = { zip: 'unzip -p', bzip2: 'bzip2 -dc', xz: 'xz -dc' }

function decompressed(first: Buffer, whole: Raw): Raw {
  const hex = first.subarray(0, 6).toString('hex')
  const kind = MAGIC.find(([magic]) => hex.startsWith(magic))?.[1]
  if (kind === undefined) return whole
  if (kind !== 'gzip' && kind !== 'zstd')
    throw new SourceError(
      `this is a ${kind} file, which is not read: unpack it on the way (${UNPACKERS[kind]} FILE | millrace … -)`,
    )
  return unpacked(whole, kind)
}

async function* unpacked(whole: Raw, kind: 'gzip' | 'zstd'): Raw {
  const unpacker =
    kind === 'gzip'
      ? createGunzip({ chunkSize: BLOCK_BYTES })
      : createZstdDecompress({ chunkSize: BLOCK_BYTES })
  // Errors of either end surface where the output is read.
  pipeline(Readable.from(whole), unpacker, () => undefined)
  try {
    for await (const block of unpacker) yield block as Buffer
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (!/^Z_|^ZSTD|^ERR_ZSTD/i.test(code)) throw error
    throw new SourceError(`the ${kind} data is damaged or cut: ${(error as Error).message}`, error)
  }
}

async function* decoded(blocks: Raw, encoding: string): Raw {
  let decoder: InstanceType<typeof TextDecoder> | undefined
  let isFirst = true
  for await (let block of blocks) {
    if (isFirst && block.length > 0) {
      isFirst = false
      const mark = byteOrderMark(block)
      const name = mark?.encoding ?? encoding
      if (mark !== undefined) block = block.subarray(mark.bytes)
      if (name !== 'utf-8') decoder = new TextDecoder(name, { ignoreBOM: true })
    }
    yield decoder === undefined ? block : encoded(decoder.decode(block, { stream: true }))
  }
  if (decoder !== undefined) yield encoded(decoder.decode())
}

/** The mark says more than an option: whoever wrote it knew. */
function byteOrderMark(block: Buffer): { encoding: string; bytes: number } | undefined {
  if (block[0] === 0xef && block[1] === 0xbb && block[2] === 0xbf) return { encoding: 'utf-8', bytes: 3 }
  if (block[0] === 0xff && block[1] === 0xfe) return { encoding: 'utf-16le', bytes: 2 }
  if (block[0] === 0xfe && block[1] === 0xff) return { encoding: 'utf-16be', bytes: 2 }
  return undefined
}

const NOT_TEXT = Buffer.from([0xff])

function encoded(text: string): Buffer {
  if (!text.includes('\ufffd')) return Buffer.from(text)
  return Buffer.concat(
    text
      .split('\ufffd')
      .flatMap((part, i) => (i === 0 ? [Buffer.from(part)] : [NOT_TEXT, Buffer.from(part)])),
  )
}

/** The name as WHATWG has it; undefined when it is not known. */
export function encodingName(label: string): string | undefined {
  try {
    return new TextDecoder(label).encoding
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}
