import { fault } from './errors-in-engine.ts'

/** Presto's functions of varbinary that cut and fill. */

export type Blob = { bytes: Uint8Array }

const bad = (message: string): Error => fault('INVALID_FUNCTION_ARGUMENT', message)

/** Positions count from 1, or from the end when negative; 0 and anything outside give no bytes. */
export function substring({ bytes }: Blob, from: bigint, length: bigint): Blob {
  const size = BigInt(bytes.length)
  const start = from > 0n ? from - 1n : size + from
  if (from === 0n || start < 0n || start >= size || length <= 0n) return { bytes: new Uint8Array() }
  const end = start + length > size ? size : start + length
  return { bytes: bytes.slice(Number(start), Number(end)) }
}

export const padLeft = (value: Blob, size: bigint, padding: Blob): Blob => padTo(value, size, padding, 'left')
export const padRight = (value: Blob, size: bigint, padding: Blob): Blob =>
  padTo(value, size, padding, 'right')

function padTo({ bytes }: Blob, size: bigint, padding: Blob, side: 'left' | 'right'): Blob {
  if (size < 0n || size > 2_147_483_647n) throw bad('Target length must be in the range [0..2147483647]')
  if (padding.bytes.length === 0) throw bad('Padding bytes must not be empty')
  const length = Number(size)
  if (length <= bytes.length) return { bytes: bytes.slice(0, length) }
  const filled = Buffer.alloc(length, padding.bytes)
  if (side === 'left') {
    filled.set(bytes, length - bytes.length)
    return { bytes: filled }
  }
  const rest = Buffer.alloc(length - bytes.length, padding.bytes)
  return { bytes: Buffer.concat([bytes, rest]) }
}
