import { makeRoom, type Sink } from './msgpack.ts'
import type { Cursor } from './tokens.ts'

/** Nearly all values of nearly all results are short texts and whole numbers: those go from bytes to bytes without a token. */

export const NEWLINE = 0x0a
export const RETURN = 0x0d
export const QUOTE = 0x22
export const BACKSLASH = 0x5c
export const COMMA = 0x2c
export const TAB = 0x09

/** MessagePack's tag of a text whose length is one byte. */
export const TEXT_8 = 0xd9

/** Length of the text at `at` when it is a short one and all there, else -1. */
export function shortText(bytes: Buffer, at: number): number {
  const tag = bytes[at]!
  if (tag >= 0xa0 && tag < 0xc0) return at + 1 + (tag & 0x1f) <= bytes.length ? tag & 0x1f : -1
  if (tag !== TEXT_8 || at + 1 >= bytes.length) return -1
  const length = bytes[at + 1]!
  return at + 2 + length <= bytes.length ? length : -1
}

/** Copies as far as no byte is special; whether that was to the end. */
export function copyPlain(
  bytes: Uint8Array,
  from: number,
  to: number,
  target: Uint8Array,
  at: number,
  special: Uint8Array,
): boolean {
  const shift = at - from
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!
    if (special[byte] !== 0) return false
    target[i + shift] = byte
  }
  return true
}

function specialBytes(isSpecial: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => Number(isSpecial(byte)))
}

/** What a JSON text has to escape. */
export const JSON_SPECIAL = specialBytes((byte) => byte < 0x20 || byte === QUOTE || byte === BACKSLASH)
/** By separator: for what a field has to be quoted. */
export const FIELD_SPECIAL: Readonly<Record<number, Uint8Array>> = Object.fromEntries(
  [COMMA, TAB].map((separator) => [
    separator,
    specialBytes((byte) => byte === separator || byte === QUOTE || byte === NEWLINE || byte === RETURN),
  ]),
)

/** Puts the digits of a whole number up to 2^32 and says so; anything else is left to others. */
export function putWhole(cursor: Cursor, out: Sink): boolean {
  const { bytes, at } = cursor
  const tag = bytes[at]!
  if (tag < 0x80) {
    cursor.at = at + 1
    putDigits(out, tag)
    return true
  }
  const width = tag === 0xcc ? 1 : tag === 0xcd ? 2 : tag === 0xce ? 4 : 0
  if (width === 0 || at + width >= bytes.length) return false
  cursor.at = at + 1 + width
  let value = bytes[at + 1]!
  for (let i = 2; i <= width; i++) value = value * 256 + bytes[at + i]!
  putDigits(out, value)
  return true
}

function putDigits(out: Sink, value: number): void {
  makeRoom(out, 10)
  let count = 1
  for (let most = 10; value >= most; most *= 10) count++
  let left = value
  for (let i = out.at + count - 1; i >= out.at; i--) {
    const rest = Math.floor(left / 10)
    out.bytes[i] = 0x30 + left - rest * 10
    left = rest
  }
  out.at += count
}
