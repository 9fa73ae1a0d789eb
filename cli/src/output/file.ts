import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { failure } from '../errors.ts'

/**
 * Writes a file that is there as a whole or not at all: beside it first, then in its place.
 * @throws failed (1) when it cannot be written; what fails while it is read rises as it is
 */
export async function writeWhole(file: string, parts: AsyncIterable<string | Uint8Array>): Promise<void> {
  const beside = `${file}.part-${process.pid}`
  try {
    await pipeline(parts, createWriteStream(beside, { flush: true }))
    await rename(beside, file)
  } catch (error) {
    await rm(beside, { force: true })
    const { code, syscall, message } = error as NodeJS.ErrnoException
    if (code !== undefined && ['open', 'write', 'rename', 'fsync'].includes(syscall ?? ''))
      throw failure(`${file} cannot be written: ${message}`)
    throw error
  }
}
