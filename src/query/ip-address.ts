/** Addresses as Presto keeps them: 16 bytes, IPv4 in its IPv6 form (`::ffff:1.2.3.4`). */

const IPV4_PREFIX = Buffer.from('00000000000000000000ffff', 'hex')

/** The 16 bytes of an address; undefined for a text that is none. */
export function readAddress(text: string): Buffer | undefined {
  if (!text.includes(':')) {
    const four = readFour(text)
    return four && Buffer.concat([IPV4_PREFIX, four])
  }
  const [head, tail, ...more] = text.split('::')
  if (head === undefined || more.length > 0) return undefined
  const before = readGroups(head)
  if (tail === undefined) return before?.length === 16 ? before : undefined
  const after = readGroups(tail)
  if (before === undefined || after === undefined || before.length + after.length > 14) return undefined
  return Buffer.concat([before, Buffer.alloc(16 - before.length - after.length), after])
}

function readFour(text: string): Buffer | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined
  return Buffer.from(parts.map(Number))
}

/** Groups of four hex digits; the last two may be written as an IPv4 address. */
function readGroups(text: string): Buffer | undefined {
  if (text === '') return Buffer.alloc(0)
  const bytes: Buffer[] = []
  const groups = text.split(':')
  for (const [i, group] of groups.entries()) {
    const four = i === groups.length - 1 && group.includes('.') ? readFour(group) : undefined
    if (four !== undefined) bytes.push(four)
    else if (/^[0-9a-fA-F]{1,4}$/.test(group)) bytes.push(Buffer.from(group.padStart(4, '0'), 'hex'))
    else return undefined
  }
  return Buffer.concat(bytes)
}

/** `1.2.3.4`, `2001:db8::1`: the longest run of zero groups is left out (RFC 5952). */
export function addressText(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes)
  if (buffer.subarray(0, 12).equals(IPV4_PREFIX)) return buffer.subarray(12).join('.')
  const groups = Array.from({ length: 8 }, (_, i) => buffer.readUInt16BE(i * 2))
  const { start, length } = longestZeros(groups)
  const hex = (part: number[]): string => part.map((group) => group.toString(16)).join(':')
  if (length < 2) return hex(groups)
  return `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`
}

function longestZeros(groups: number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  let start = 0
  for (const [i, group] of groups.entries()) {
    if (group !== 0) start = i + 1
    else if (i + 1 - start > best.length) best = { start, length: i + 1 - start }
  }
  return best
}
