import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { gunzip, gunzipSync, inflate, inflateRaw, inflateRawSync, inflateSync } from 'node:zlib'
import { BodyCut, type BodyLimits, createBodyReader } from '../body.ts'
import { ingestErrors } from '../errors.ts'

/** Compressed bodies up to this size are expanded at once: handing them to a thread costs more. */
const AT_ONCE_BYTES = 16 * 1024

const KINDS = {
  gzip: { sync: gunzipSync, later: promisify(gunzip) },
  zlib: { sync: inflateSync, later: promisify(inflate) },
  raw: { sync: inflateRawSync, later: promisify(inflateRaw) },
}

/**
 * Reads the body of an event request, decompressed, as UTF-8 without a byte order mark. Bytes that are not UTF-8 become
 * U+FFFD; halves of surrogate pairs, as td-js-sdk 1.x and 2.x encode them, are joined.
 * @throws event_body_too_large (413), event_body_invalid (400), import_memory_short (503, retry), BodyCut
 */
export function createEventBodyReader(limits: BodyLimits) {
  const readBody = createBodyReader(limits)
  const tooLarge = (cause: unknown) => ingestErrors.event_body_too_large(String(limits.bodyBytes), cause)

  const read = async (request: IncomingMessage): Promise<Buffer> => {
    // While key and table were looked up: nobody would ever say that the body has ended.
    if (request.destroyed) throw new BodyCut('the connection was closed before its body was read')
    try {
      return await readBody(request)
    } catch (error) {
      if (!(error instanceof BodyCut) && (error as { status?: number }).status === 413) throw tooLarge(error)
      throw error
    }
  }

  return async function readEventBody(request: IncomingMessage): Promise<Buffer> {
    const body = await read(request)
    const kind = compressionOf(body, request.headers['content-encoding'])
    if (kind === undefined) return asUtf8(body)
    const { sync, later } = KINDS[kind]
    const options = { maxOutputLength: limits.bodyBytes }
    try {
      return asUtf8(body.length <= AT_ONCE_BYTES ? sync(body, options) : await later(body, options))
    } catch (error) {
      if ((error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(error)
      throw ingestErrors.event_body_invalid(`the ${kind} of the body is broken`, error)
    }
  }
}

/**
 * Judged by the bytes first: proxies expand a body and leave the header, or the reverse. `deflate` is meant to be zlib (RFC
 * 9110 §8.4.1.2) and is often raw.
 */
function compressionOf(body: Buffer, encoding: string | undefined): keyof typeof KINDS | undefined {
  if (body[0] === 0x1f && body[1] === 0x8b) return 'gzip'
  const name = encoding?.trim().toLowerCase() ?? ''
  if (name === '' || name === 'identity' || body.length === 0 || body[0] === 0x7b) return undefined
  if (name === 'deflate') {
    const isZlib = (body[0]! & 0x0f) === 8 && ((body[0]! << 8) | (body[1] ?? 0)) % 31 === 0
    return isZlib ? 'zlib' : 'raw'
  }
  if (name === 'gzip' || name === 'x-gzip') throw ingestErrors.event_body_invalid('the body is not gzip')
  throw ingestErrors.event_body_invalid(`unsupported content encoding: ${name}`)
}

export function asUtf8(bytes: Buffer): Buffer {
  const body = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes
  if (isUtf8(body)) return body
  const joined = joinSurrogates(body)
  return isUtf8(joined) ? joined : Buffer.from(joined.toString('utf8'))
}

/** CESU-8: two halves of three bytes each become one character of four. */
function joinSurrogates(bytes: Buffer): Buffer {
  const joined = Buffer.allocUnsafe(bytes.length)
  let to = 0
  for (let at = 0; at < bytes.length; at++) {
    if (!isHalf(bytes, at, 0xa0) || !isHalf(bytes, at + 3, 0xb0)) {
      joined[to++] = bytes[at]!
      continue
    }
    const high = ((bytes[at + 1]! & 0x0f) << 6) | (bytes[at + 2]! & 0x3f)
    const low = ((bytes[at + 4]! & 0x0f) << 6) | (bytes[at + 5]! & 0x3f)
    to += joined.write(String.fromCodePoint(0x10000 + (high << 10) + low), to)
    at += 5
  }
  return joined.subarray(0, to)
}

/** ED A0–AF 80–BF is a high half, ED B0–BF 80–BF a low one. */
function isHalf(bytes: Buffer, at: number, kind: number): boolean {
  return bytes[at] === 0xed && (bytes[at + 1]! & 0xf0) === kind && (bytes[at + 2]! & 0xc0) === 0x80
}
