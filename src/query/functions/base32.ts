import { fault } from './errors-in-engine.ts'

/** Base 32 of RFC 4648. */

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

export function toBase32(bytes: Uint8Array): string {
  let text = ''
  let held = 0
  let bits = 0
  for (const byte of bytes) {
    held = (held << 8) | byte
    bits += 8
    for (; bits >= 5; bits -= 5) text += ALPHABET[(held >> (bits - 5)) & 31]
    held &= 31
  }
  if (bits > 0) text += ALPHABET[(held << (5 - bits)) & 31]
  return text.padEnd(Math.ceil(text.length / 8) * 8, '=')
}

/** Padding may be left out; a length that no whole number of bytes has is refused. */
export function fromBase32(padded: string): Uint8Array {
  const text = padded.replace(/=+$/, '')
  if ([1, 3, 6].includes(text.length % 8)) throw invalid(`Invalid input length ${text.length}`)
  const bytes: number[] = []
  let held = 0
  let bits = 0
  for (const character of text) {
    const value = ALPHABET.indexOf(character)
    if (value < 0) throw invalid(`Unrecognized character: ${character}`)
    held = (held << 5) | value
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes.push((held >> bits) & 255)
    held &= (1 << bits) - 1
  }
  return new Uint8Array(bytes)
}

const invalid = (message: string): Error => fault('INVALID_FUNCTION_ARGUMENT', message)
