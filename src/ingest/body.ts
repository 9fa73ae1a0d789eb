import type { IncomingMessage } from 'node:http'
import { ingestErrors } from './errors.ts'

/** The client went away in the middle of its body: nobody is left to be answered. */
export class BodyCut extends Error {}

export type BodyLimits = { bodyBytes: number; memoryBytes: number; stallSeconds: number }

/** Bodies from this size on are watched for stalling; smaller ones arrive in one piece or two. */
const WATCHED_BYTES = 64 * 1024

/**
 * Reads bodies whole, within a limit for each and one for all together.
 * @throws import_too_large (413), import_memory_short (503, retry), BodyCut
 */
export function createBodyReader({ bodyBytes, memoryBytes, stallSeconds }: BodyLimits) {
  let heldBytes = 0

  return function readBody(request: IncomingMessage): Promise<Buffer> {
    const announced = Number(request.headers['content-length'] ?? Number.NaN)
    if (announced > bodyBytes) return Promise.reject(ingestErrors.import_too_large(String(bodyBytes)))
    if (announced + heldBytes > memoryBytes) return Promise.reject(ingestErrors.import_memory_short())
    const watched = !(announced < WATCHED_BYTES)
    return new Promise<Buffer>((resolve, reject) => {
      const chunks: Buffer[] = []
      let bytes = 0
      let settled = false
      const settle = () => {
        if (settled) return false
        settled = true
        heldBytes -= bytes
        return true
      }
      const refuse = (error: Error) => {
        if (!settle()) return
        chunks.length = 0
        reject(error)
      }
      request.on('data', (chunk: Buffer) => {
        if (settled) return
        bytes += chunk.length
        heldBytes += chunk.length
        if (bytes > bodyBytes) return refuse(ingestErrors.import_too_large(String(bodyBytes)))
        if (heldBytes > memoryBytes) return refuse(ingestErrors.import_memory_short())
        chunks.push(chunk)
      })
      request.on('end', () => {
        if (!settle()) return
        if (watched) request.setTimeout(0)
        resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes))
      })
      // Comes after every request, also one that broke; the error is only made for that one.
      request.on('close', () => {
        if (!settled) refuse(new BodyCut('the connection was closed'))
      })
      if (watched) request.setTimeout(stallSeconds * 1000, () => request.destroy())
    })
  }
}
