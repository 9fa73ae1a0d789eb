import { Reader, Writer } from './bytes.ts'

/**
 * The q-digest (Shrivastava and others 2004) over 64-bit numbers: a tree of prefixes of their bits, in which nodes that hold little are
 * counted with their parents.
 */
export type QuantileDigest = {
  maxError: number
  min: bigint
  max: bigint
  count: number
  root: Node | undefined
}

/** `level` 0 is a number, 64 all of them; `bits` is a number below, unsigned so that order is kept. */
type Node = { bits: bigint; level: number; count: number; left: Node | undefined; right: Node | undefined }

const FORMAT = 0
const SIGN = 1n << 63n
/** Weights below this are none. */
const NOTHING = 1e-5
const LONG_MAX = SIGN - 1n

export function emptyQuantileDigest(maxError: number): QuantileDigest {
  return { maxError, min: LONG_MAX, max: -SIGN, count: 0, root: undefined }
}

export function addValue(digest: QuantileDigest, value: bigint, weight: number): void {
  if (value > digest.max) digest.max = value
  if (value < digest.min) digest.min = value
  const before = digest.count
  digest.root = inserted(digest.root, value + SIGN, weight)
  digest.count += weight
  const factor = compressionFactor(digest)
  if (Math.trunc(before / factor) !== Math.trunc(digest.count / factor)) compress(digest)
}

const compressionFactor = ({ root, maxError }: QuantileDigest): number =>
  root === undefined ? 1 : Math.max(Math.trunc((root.level + 1) / maxError), 1)

const leaf = (bits: bigint, count: number): Node => ({
  bits,
  level: 0,
  count,
  left: undefined,
  right: undefined,
})

const inSubtree = (a: bigint, b: bigint, level: number): boolean =>
  level === 64 || a >> BigInt(level) === b >> BigInt(level)

/** Whether the number lies in the right half of what a node of the level covers. */
const isRight = (bits: bigint, level: number): boolean => ((bits >> BigInt(level - 1)) & 1n) === 1n

function inserted(root: Node | undefined, bits: bigint, weight: number): Node {
  const fresh = leaf(bits, weight)
  if (root === undefined) return fresh
  let parent: Node | undefined
  let node = root
  for (;;) {
    if (!inSubtree(bits, node.bits, node.level)) {
      const joined = siblings(node, fresh)
      if (parent === undefined) return joined
      setChild(parent, isRight(bits, parent.level), joined)
      return root
    }
    if (node.level === 0) {
      node.count += weight
      return root
    }
    const right = isRight(bits, node.level)
    const child = right ? node.right : node.left
    if (child === undefined) {
      setChild(node, right, fresh)
      return root
    }
    parent = node
    node = child
  }
}

function setChild(parent: Node, right: boolean, child: Node | undefined): void {
  if (right) parent.right = child
  else parent.left = child
}

/** A node of no weight above two that are not in one subtree. */
function siblings(a: Node, b: Node): Node {
  const level = (a.bits ^ b.bits).toString(2).length
  const [left, right] = isRight(a.bits, level) ? [b, a] : [a, b]
  return { bits: a.bits, level, count: 0, left, right }
}

/** Children go up into their parents where the three together hold less than their share. */
function compress(digest: QuantileDigest): void {
  const bound = Math.floor(digest.count / compressionFactor(digest))
  for (const node of postOrder(digest.root)) {
    const { left, right } = node
    const [inLeft, inRight] = [left?.count ?? 0, right?.count ?? 0]
    const small = node.count + inLeft + inRight < bound
    if (left !== undefined && (small || inLeft < NOTHING)) {
      node.left = withoutWeight(left)
      node.count += inLeft
    }
    if (right !== undefined && (small || inRight < NOTHING)) {
      node.right = withoutWeight(right)
      node.count += inRight
    }
  }
  const { root } = digest
  if (root !== undefined && root.count < NOTHING) digest.root = withoutWeight(root)
}

/** What is left in its place of a node whose weight was taken: itself when it has two children, else its child. */
function withoutWeight(node: Node): Node | undefined {
  if (node.left === undefined || node.right === undefined) return node.left ?? node.right
  node.count = 0
  return node
}

function* postOrder(node: Node | undefined): Generator<Node> {
  if (node === undefined) return
  yield* postOrder(node.left)
  yield* postOrder(node.right)
  yield node
}

export function mergeQuantileDigests(into: QuantileDigest, other: QuantileDigest): void {
  into.root = joined(into.root, other.root)
  into.count += other.count
  if (other.max > into.max) into.max = other.max
  if (other.min < into.min) into.min = other.min
  compress(into)
}

function joined(a: Node | undefined, b: Node | undefined): Node | undefined {
  if (a === undefined || b === undefined) return a ?? b
  if (!inSubtree(a.bits, b.bits, Math.max(a.level, b.level))) return siblings(a, b)
  if (a.level < b.level) return joined(b, a)
  if (a.level > b.level) {
    const right = isRight(b.bits, a.level)
    setChild(a, right, joined(right ? a.right : a.left, b))
    return a
  }
  a.count += b.count
  a.left = joined(a.left, b.left)
  a.right = joined(a.right, b.right)
  return a
}

const upperBound = ({ bits, level }: Node): bigint => (bits | ((1n << BigInt(level)) - 1n)) - SIGN

/** The least value that so large a share of the weight does not exceed, at most `maxError` of it too high. */
export function valueAtQuantile({ root, count, max }: QuantileDigest, quantile: number): bigint {
  let sum = 0
  for (const node of postOrder(root)) {
    sum += node.count
    if (sum > quantile * count) {
      const bound = upperBound(node)
      return bound < max ? bound : max
    }
  }
  return max
}

/** The share of the weight below the value; undefined outside of what was added. */
export function quantileAtValue(
  { root, count, min, max }: QuantileDigest,
  value: bigint,
): number | undefined {
  if (value < min || value > max) return undefined
  let sum = 0
  for (const node of postOrder(root)) {
    if (value <= upperBound(node)) break
    sum += node.count
  }
  return sum / count
}

/** Level above 0 is stored one less, so that it takes six bits. */
const HAS_LEFT = 1
const HAS_RIGHT = 2

export function writeQuantileDigest(digest: QuantileDigest): Uint8Array {
  compress(digest)
  const nodes = [...postOrder(digest.root)]
  const writer = new Writer().byte(FORMAT).double(digest.maxError)
  // No decay, so no landmark in time either.
  writer.double(0).long(0n).long(digest.min).long(digest.max).int(nodes.length)
  for (const { bits, level, count, left, right } of nodes) {
    writer.byte(
      (Math.max(level - 1, 0) << 2) |
        (left === undefined ? 0 : HAS_LEFT) |
        (right === undefined ? 0 : HAS_RIGHT),
    )
    writer.double(count).long(bits)
  }
  return writer.end()
}

/** @throws RangeError for bytes that are none. */
export function readQuantileDigest(bytes: Uint8Array): QuantileDigest {
  const reader = new Reader(bytes)
  if (reader.byte() !== FORMAT) throw new RangeError('Invalid format')
  const maxError = reader.double()
  reader.double()
  reader.long()
  const digest: QuantileDigest = { ...emptyQuantileDigest(maxError), min: reader.long(), max: reader.long() }
  const waiting: Node[] = []
  const nodes = reader.int()
  for (let i = 0; i < nodes; i++) {
    const structure = reader.byte()
    const right = (structure & HAS_RIGHT) === 0 ? undefined : waiting.pop()
    const left = (structure & HAS_LEFT) === 0 ? undefined : waiting.pop()
    const level = (structure >> 2) + (left === undefined && right === undefined ? 0 : 1)
    const count = reader.double()
    digest.count += count
    waiting.push({ bits: BigInt.asUintN(64, reader.long()), level, count, left, right })
  }
  digest.root = waiting.pop()
  if (waiting.length > 0) throw new RangeError('Tree is corrupted. Expected a single root node')
  return digest
}

/** Doubles as whole numbers of the same order, and back. */
const view = new DataView(new ArrayBuffer(8))

export function sortableOfDouble(value: number): bigint {
  view.setFloat64(0, value)
  const bits = view.getBigInt64(0)
  return bits ^ ((bits >> 63n) & LONG_MAX)
}

export function doubleOfSortable(sortable: bigint): number {
  view.setBigInt64(0, sortable ^ ((sortable >> 63n) & LONG_MAX))
  return view.getFloat64(0)
}

const INT_MAX = 0x7fffffff

export function sortableOfReal(value: number): bigint {
  view.setFloat32(0, value)
  const bits = view.getInt32(0)
  return BigInt(bits ^ ((bits >> 31) & INT_MAX))
}

export function realOfSortable(sortable: bigint): number {
  const bits = Number(BigInt.asIntN(32, sortable))
  view.setInt32(0, bits ^ ((bits >> 31) & INT_MAX))
  return view.getFloat32(0)
}
