import { gunzipSync } from 'node:zlib'

export type GunzipLimits = {
  /** Most bytes a body may expand to. */
  maxExpandedBytes: number
  /** Most bytes out per byte in; deflate itself cannot exceed 1,032. Small bodies may always fill 1 MiB. */
  maxRatio: number
}

export type Gunzipped =
  | {
      kind: 'expanded'
      bytes: Buffer
      /** What stands behind zeros that pad the last member; null in the normal case. Without zeros it is a fault. */
      trailing: Buffer | null
    }
  | { kind: 'fault'; reason: 'gzip_truncated' | 'gzip_invalid' | 'expands_too_far' }

const ALWAYS_ALLOWED_BYTES = 1 << 20
const LARGEST_GUESS_BYTES = 64 << 20

/**
 * Expands a gzip body of one or several members, never beyond the limits: memory is bounded by them, not by what the
 * body claims. A damaged or cut body yields nothing at all, so that a sender's repeat of it cannot store rows twice.
 */
export function gunzipLimited(body: Buffer, limits: GunzipLimits): Gunzipped {
  const mostBytes = Math.min(
    limits.maxExpandedBytes,
    Math.max(ALWAYS_ALLOWED_BYTES, body.length * limits.maxRatio),
  )
  try {
    const result = gunzipSync(body, {
      maxOutputLength: Math.max(mostBytes, 1),
      chunkSize: guessExpandedBytes(body, mostBytes),
      info: true,
    }) as unknown as { buffer: Buffer; engine: { bytesWritten: number } }
    return {
      kind: 'expanded',
      bytes: result.buffer,
      trailing: trailingBytes(body, result.engine.bytesWritten),
    }
  } catch (error) {
    return { kind: 'fault', reason: faultOf(error) }
  }
}

/** The last four bytes say how much the last member holds (RFC 1952, ISIZE): one output buffer instead of hundreds, with
 * room behind, so that the scanner may read it by words. */
function guessExpandedBytes(body: Buffer, mostBytes: number): number {
  const claimed = body.length < 18 ? 0 : body.readUInt32LE(body.length - 4)
  return Math.max(4096, Math.min(claimed + 12, mostBytes, LARGEST_GUESS_BYTES, body.length * 1032))
}

function trailingBytes(body: Buffer, consumed: number): Buffer | null {
  const rest = body.subarray(consumed)
  return rest.some((byte) => byte !== 0) ? rest : null
}

function faultOf(error: unknown): 'gzip_truncated' | 'gzip_invalid' | 'expands_too_far' {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'ERR_BUFFER_TOO_LARGE') return 'expands_too_far'
  if (code === 'Z_BUF_ERROR') return 'gzip_truncated'
  if (code === 'Z_DATA_ERROR' || code === 'Z_NEED_DICT') return 'gzip_invalid'
  throw error
}
