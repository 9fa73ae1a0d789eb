/**
 * True when the bytes are ASCII, as most texts are. `words` are the same bytes as little-endian 32-bit words: looking at
 * four at a time, and only at whole words, halves the cost of the whole scan.
 */
export function isAsciiRange(words: Int32Array, offset: number, length: number): boolean {
  if (length === 0) return true
  const lastByte = offset + length - 1
  const last = lastByte >> 2
  const lastMask = -1 >>> ((3 - (lastByte & 3)) << 3)
  let at = offset >> 2
  let seen = words[at]! & (-1 << ((offset & 3) << 3))
  if (at === last) return (seen & lastMask & 0x80808080) === 0
  for (at++; at < last; at++) seen |= words[at]!
  seen |= words[last]! & lastMask
  return (seen & 0x80808080) === 0
}

/** True when the bytes are well-formed UTF-8 (Unicode, table 3-7): no overlong forms, surrogates or values beyond U+10FFFF. */
export function isUtf8Range(bytes: Uint8Array, offset: number, length: number): boolean {
  const end = offset + length
  let at = offset
  while (at < end) {
    const lead = bytes[at++]!
    if (lead < 0x80) continue
    if (lead < 0xc2 || lead > 0xf4) return false
    const more = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3
    if (at + more > end) return false
    const second = bytes[at]!
    const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
    const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
    if (second < lowest || second > highest) return false
    for (let i = 1; i < more; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return false
    at += more
  }
  return true
}
