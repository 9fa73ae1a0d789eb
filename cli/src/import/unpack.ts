/** A value of MessagePack as JSON text: integers keep all their digits, bytes come as their text. */
export function jsonOfPacked(bytes: Buffer, from = 0): { json: string; end: number } {
  const head = bytes[from]!
  const at = from + 1
  if (head < 0x80) return { json: String(head), end: at }
  if (head >= 0xe0) return { json: String(head - 0x100), end: at }
  if (head < 0x90) return container(bytes, at, head & 15, 'map')
  if (head < 0xa0) return container(bytes, at, head & 15, 'array')
  if (head < 0xc0) return text(bytes, at, head & 31)
  const scalar = SCALARS[head]
  if (scalar !== undefined) return { json: scalar.read(bytes, at), end: at + scalar.bytes }
  const sized = SIZED[head]
  if (sized === undefined) throw new TypeError(`0x${head.toString(16)} is no MessagePack that is known here`)
  const length = bytes.readUIntBE(at, sized.bytes)
  const behind = at + sized.bytes
  return sized.kind === 'text' ? text(bytes, behind, length) : container(bytes, behind, length, sized.kind)
}

type Scalar = { bytes: number; read(bytes: Buffer, at: number): string }
const double = (value: number) => (Number.isFinite(value) ? String(value) : 'null')
const SCALARS: Record<number, Scalar> = {
  192: { bytes: 0, read: () => 'null' },
  194: { bytes: 0, read: () => 'false' },
  195: { bytes: 0, read: () => 'true' },
  202: { bytes: 4, read: (bytes, at) => double(bytes.readFloatBE(at)) },
  203: { bytes: 8, read: (bytes, at) => double(bytes.readDoubleBE(at)) },
  204: { bytes: 1, read: (bytes, at) => String(bytes.readUInt8(at)) },
  205: { bytes: 2, read: (bytes, at) => String(bytes.readUInt16BE(at)) },
  206: { bytes: 4, read: (bytes, at) => String(bytes.readUInt32BE(at)) },
  207: { bytes: 8, read: (bytes, at) => String(bytes.readBigUInt64BE(at)) },
  208: { bytes: 1, read: (bytes, at) => String(bytes.readInt8(at)) },
  209: { bytes: 2, read: (bytes, at) => String(bytes.readInt16BE(at)) },
  210: { bytes: 4, read: (bytes, at) => String(bytes.readInt32BE(at)) },
  211: { bytes: 8, read: (bytes, at) => String(bytes.readBigInt64BE(at)) },
}
const SIZED: Record<number, { bytes: number; kind: 'text' | 'array' | 'map' }> = {
  196: { bytes: 1, kind: 'text' },
  197: { bytes: 2, kind: 'text' },
  198: { bytes: 4, kind: 'text' },
  217: { bytes: 1, kind: 'text' },
  218: { bytes: 2, kind: 'text' },
  219: { bytes: 4, kind: 'text' },
  220: { bytes: 2, kind: 'array' },
  221: { bytes: 4, kind: 'array' },
  222: { bytes: 2, kind: 'map' },
  223: { bytes: 4, kind: 'map' },
}

function text(bytes: Buffer, at: number, length: number): { json: string; end: number } {
  return { json: JSON.stringify(bytes.toString('utf8', at, at + length)), end: at + length }
}

function container(
  bytes: Buffer,
  from: number,
  count: number,
  kind: 'array' | 'map',
): { json: string; end: number } {
  const parts: string[] = []
  let at = from
  const next = () => {
    const { json, end } = jsonOfPacked(bytes, at)
    at = end
    return json
  }
  for (let i = 0; i < count; i++) {
    if (kind === 'array') parts.push(next())
    else {
      const key = next()
      parts.push(`${key.startsWith('"') ? key : JSON.stringify(key)}:${next()}`)
    }
  }
  return { json: kind === 'array' ? `[${parts.join(',')}]` : `{${parts.join(',')}}`, end: at }
}
