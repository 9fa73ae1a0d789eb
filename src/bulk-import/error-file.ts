import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { createMsgpackWriter } from './msgpack-writer.ts'

/** The refused records of one performance, as `bulk_import/error_records` hands them out. */
export type ErrorFile = {
  /** How many were refused, kept or not. */
  readonly count: bigint
  /** Refused records of one part; `isValue`: `bytes` is one whole MessagePack value. */
  add(entry: { part: string; reason: string; bytes: Buffer; isValue: boolean }): void
  /** gzip'd MessagePack, one map per record; undefined when there are none. */
  finish(): Promise<Buffer | undefined>
}

const PART = Buffer.from('part')
const REASON = Buffer.from('reason')
const RECORD = Buffer.from('record')

/**
 * Keeps up to `mostBytes`. A record is shown as it was: the value itself where it is one, the line where it was text, and
 * base64 where it is neither.
 */
export function createErrorFile(mostBytes: number): ErrorFile {
  const out = createMsgpackWriter()
  let count = 0n
  return {
    get count() {
      return count
    },
    add({ part, reason, bytes, isValue }) {
      count++
      if (out.length + bytes.length > mostBytes) return
      const place = out.open('map')
      out.text(PART)
      out.text(Buffer.from(part))
      out.text(REASON)
      out.text(Buffer.from(reason))
      out.text(RECORD)
      if (isValue) out.raw(bytes)
      else out.text(shown(bytes))
      out.close(place, 3)
    },
    async finish() {
      if (out.length === 0) return undefined
      return promisify(gzip)(out.take()) as Promise<Buffer>
    },
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function shown(bytes: Buffer): Buffer {
  try {
    utf8.decode(bytes)
    return bytes
  } catch {
    // No text in any sense: readers get it in a form they can keep.
    return Buffer.from(bytes.toString('base64'))
  }
}
