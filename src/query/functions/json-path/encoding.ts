/** JSON as bytes in UTF-8, or in UTF-16 or UTF-32 with the lowest byte first. */

type Blob = { bytes: Uint8Array }

/** Bytes that are no text of the encoding become characters that are no JSON. */
export function decode({ bytes }: Blob, encoding: string): string {
  const buffer = Buffer.from(bytes)
  if (encoding === 'UTF8') return buffer.toString('utf8')
  if (encoding === 'UTF16') return buffer.toString('utf16le')
  let text = ''
  for (let at = 0; at < buffer.length; at += 4) {
    const point = at + 4 <= buffer.length ? buffer.readUInt32LE(at) : 0xfffd
    text += point <= 0x10ffff ? String.fromCodePoint(point) : '\ufffd'
  }
  return text
}

export function encode(text: string, encoding: string): Blob {
  if (encoding === 'UTF8') return { bytes: Buffer.from(text, 'utf8') }
  if (encoding === 'UTF16') return { bytes: Buffer.from(text, 'utf16le') }
  const points = [...text].map((character) => character.codePointAt(0)!)
  const bytes = Buffer.alloc(points.length * 4)
  for (const [i, point] of points.entries()) bytes.writeUInt32LE(point, i * 4)
  return { bytes }
}
