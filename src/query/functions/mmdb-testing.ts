/** Support for tests: writes MaxMind DB files (format 2.0, records of 24 bits). */

export type MmdbValue = string | number | Double | MmdbValue[] | { [key: string]: MmdbValue }
type Double = { double: number }
export const double = (value: number): Double => ({ double: value })

type Node = [left: Child, right: Child]
type Child = Node | { data: number } | undefined

/** `networks`: data by `1.2.3.0/24` or `2001:db8::/32` (whole groups, no shorthand but a final `::`). */
export function mmdbFile(networks: Record<string, MmdbValue>, ipVersion: 4 | 6 = 6): Buffer {
  const root: Node = [undefined, undefined]
  const data: Buffer[] = []
  let dataSize = 0
  for (const [network, value] of Object.entries(networks)) {
    insert(root, bitsOf(network, ipVersion), { data: dataSize })
    const encoded = encode(value)
    data.push(encoded)
    dataSize += encoded.length
  }
  const nodes = numbered(root)
  const tree = Buffer.concat(
    [...nodes.keys()].map((node) => Buffer.concat(node.map((child) => record(child, nodes)))),
  )
  const metadata = encode({
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1_700_000_000,
    database_type: 'Test',
    description: { en: 'made by a test' },
    ip_version: ipVersion,
    languages: ['en'],
    node_count: nodes.size,
    record_size: 24,
  })
  const marker = Buffer.concat([Buffer.from([0xab, 0xcd, 0xef]), Buffer.from('MaxMind.com')])
  return Buffer.concat([tree, Buffer.alloc(16), ...data, marker, metadata])
}

function insert(root: Node, bits: number[], leaf: { data: number }): void {
  let node = root
  for (const bit of bits.slice(0, -1)) {
    if (!Array.isArray(node[bit])) node[bit] = [undefined, undefined]
    node = node[bit] as Node
  }
  node[bits.at(-1)!] = leaf
}

/** IPv4 addresses lie under 96 zero bits of a tree for IPv6. */
function bitsOf(network: string, ipVersion: 4 | 6): number[] {
  const [address, length] = network.split('/') as [string, string]
  const v4 = address.includes('.')
  const [head = ''] = address.split('::')
  const bytes = v4
    ? address.split('.').map(Number)
    : head.split(':').flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255])
  const bits = bytes.flatMap((byte) => Array.from({ length: 8 }, (_, i) => (byte >> (7 - i)) & 1))
  const prefix = v4 && ipVersion === 6 ? new Array<number>(96).fill(0) : []
  return [...prefix, ...bits.slice(0, Number(length))]
}

function numbered(root: Node): Map<Node, number> {
  const nodes = new Map<Node, number>()
  const visit = (node: Node): void => {
    nodes.set(node, nodes.size)
    for (const child of node) if (Array.isArray(child)) visit(child)
  }
  visit(root)
  return nodes
}

function record(child: Child, nodes: Map<Node, number>): Buffer {
  const value = Array.isArray(child)
    ? nodes.get(child)!
    : child === undefined
      ? nodes.size
      : nodes.size + 16 + child.data
  return Buffer.from([value >> 16, (value >> 8) & 255, value & 255])
}

function encode(value: MmdbValue): Buffer {
  if (typeof value === 'string') return Buffer.concat([head(2, Buffer.byteLength(value)), Buffer.from(value)])
  if (typeof value === 'number') return unsigned(value)
  if (Array.isArray(value)) return Buffer.concat([head(11, value.length), ...value.map(encode)])
  if ('double' in value && typeof value.double === 'number') {
    const bytes = Buffer.alloc(8)
    bytes.writeDoubleBE(value.double)
    return Buffer.concat([head(3, 8), bytes])
  }
  const entries = Object.entries(value)
  return Buffer.concat([
    head(7, entries.length),
    ...entries.flatMap(([key, item]) => [encode(key), encode(item)]),
  ])
}

function unsigned(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return Buffer.concat([head(6, 4), bytes])
}

/** Type and size; types beyond 7 have a byte of their own. */
function head(type: number, size: number): Buffer {
  const sizes = size < 29 ? [size] : [29, size - 29]
  const first = ((type <= 7 ? type : 0) << 5) | sizes[0]!
  return Buffer.from(type <= 7 ? [first, ...sizes.slice(1)] : [first, type - 7, ...sizes.slice(1)])
}
