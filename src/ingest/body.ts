import type { IncomingMessage } from 'node:http'
import { ingestErrors } from './errors.ts'
import { MOST_SLAB_BYTES, type Slabs } from './slabs.ts'

/** The client went away in the middle of its body: nobody is left to be answered. */
export class BodyCut extends Error {}

export type BodyLimits = { bodyBytes: number; memoryBytes: number; stallSeconds: number }

/** Whoever waits for a body: told once, in a later turn of the event loop or in this one. */
export type BodyTold = { body(bytes: Buffer): void; refused(error: unknown): void }

/** Gets a body whole: import_too_large (413), import_memory_short (503, retry), BodyCut are what it may be refused with. */
export type TakeBody = (request: IncomingMessage, told: BodyTold) => void

/** Bodies from this size on are watched for stalling; smaller ones arrive in one piece or two. */
const WATCHED_BYTES = 64 * 1024

/**
 * Takes bodies whole, within a limit for each and one for all together. With `slabs`, those that come in many pieces lie in
 * one of them: who is done with it may give it back.
 */
export function createBodyTaker(
  { bodyBytes, memoryBytes, stallSeconds }: BodyLimits,
  slabs?: Slabs,
): TakeBody {
  let heldBytes = 0

  const collect: TakeBody = (request, told) => {
    const announced = announcedBytes(request)
    const watched = !(announced < WATCHED_BYTES)
    const slab = watched && announced <= MOST_SLAB_BYTES ? slabs?.take(announced) : undefined
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
      if (slab !== undefined) slabs!.giveBack(slab)
      told.refused(error)
    }
    request.on('data', (chunk: Buffer) => {
      if (settled) return
      bytes += chunk.length
      heldBytes += chunk.length
      if (bytes > bodyBytes) return refuse(ingestErrors.import_too_large(String(bodyBytes)))
      if (heldBytes > memoryBytes) return refuse(ingestErrors.import_memory_short())
      if (slab === undefined) chunks.push(chunk)
      else chunk.copy(slab, bytes - chunk.length)
    })
    request.on('end', () => {
      if (!settle()) return
      if (watched) request.setTimeout(0)
      told.body(slab ?? (chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes)))
    })
    // Comes after every request, also one that broke; the error is only made for that one.
    request.on('close', () => {
      if (!settled) refuse(new BodyCut('the connection was closed'))
    })
    if (watched) request.setTimeout(stallSeconds * 1000, () => request.destroy())
  }

  /** Most small bodies come in one piece with their head: those need neither listeners nor a copy. */
  const takeArrived = (request: IncomingMessage, announced: number, told: BodyTold) => {
    if (request.readableLength !== announced) return collect(request, told)
    const body = request.read() as Buffer
    request.resume()
    told.body(body)
  }

  return (request, told) => {
    const announced = announcedBytes(request)
    if (announced > bodyBytes) return told.refused(ingestErrors.import_too_large(String(bodyBytes)))
    if (announced + heldBytes > memoryBytes) return told.refused(ingestErrors.import_memory_short())
    // The parser is still at the head; what came with it is there when it has returned.
    if (announced > 0 && announced < WATCHED_BYTES) process.nextTick(takeArrived, request, announced, told)
    else collect(request, told)
  }
}

/** The same as a promise. */
export function createBodyReader(limits: BodyLimits): (request: IncomingMessage) => Promise<Buffer> {
  const takeBody = createBodyTaker(limits)
  return (request) =>
    new Promise((body, refused) => {
      takeBody(request, { body, refused })
    })
}

function announcedBytes(request: IncomingMessage): number {
  return Number(request.headers['content-length'] ?? Number.NaN)
}
