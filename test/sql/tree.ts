/**
 * Generated texts as trees, so that a text on which two engines differ can be made smaller without becoming another kind of text: an
 * expression is replaced by one of its own type inside it or by a plain value, a clause falls away, a list loses an item.
 */
export type Node = {
  /** The type of an expression; `clause`: may fall away; `list`: its nodes are items, of which one must stay. */
  type: string
  parts: Part[]
}
/** Text that both dialects share, a node, or each dialect's own text. */
export type Part = string | Node | Spelled
type Spelled = { trino: string; postgres: string }
export type Dialect = keyof Spelled

/** `node('bigint')\`(${a} + ${b})\`` */
export const node =
  (type: string) =>
  (texts: TemplateStringsArray, ...values: Part[]): Node => ({
    type,
    parts: texts.flatMap((text, i) => (i < values.length ? [text, values[i]!] : [text])),
  })

export const list = (items: Node[]): Node => ({ type: 'list', parts: items })
export const spelled = (trino: string, postgres: string): Part => ({ trino, postgres })

export function render(tree: Node, dialect: Dialect): string {
  const texts = tree.parts.map((part) => {
    if (typeof part === 'string') return part
    return 'parts' in part ? render(part, dialect) : part[dialect]
  })
  return texts.join(tree.type === 'list' ? ', ' : '')
}

const isNode = (part: Part): part is Node => typeof part !== 'string' && 'parts' in part

export const sizeOf = (tree: Node): number =>
  1 + tree.parts.reduce((sum, part) => sum + (isNode(part) ? sizeOf(part) : 0), 0)

function* inside(tree: Node): Generator<Node> {
  for (const part of tree.parts) {
    if (!isNode(part)) continue
    yield part
    yield* inside(part)
  }
}

const PLAIN: Record<string, string> = {
  integer: '1',
  bigint: 'CAST(1 AS bigint)',
  double: '1e0',
  varchar: "'a'",
  boolean: 'true',
  date: "DATE '2024-01-01'",
}

/** Smaller trees of the same kind, the smallest first. */
export function* smaller(tree: Node): Generator<Node> {
  if (tree.type === 'clause' && tree.parts.length > 0) yield { type: 'clause', parts: [] }
  if (tree.type === 'list' && tree.parts.length > 1) {
    for (const part of tree.parts) yield { type: 'list', parts: tree.parts.filter((other) => other !== part) }
  }
  const plain = PLAIN[tree.type]
  if (plain !== undefined && sizeOf(tree) > 1) yield { type: tree.type, parts: [plain] }
  const within = [...inside(tree)].filter((other) => other.type === tree.type && other.type !== 'list')
  yield* within.sort((a, b) => sizeOf(a) - sizeOf(b))
  for (const [i, part] of tree.parts.entries()) {
    if (!isNode(part)) continue
    for (const less of smaller(part)) yield { type: tree.type, parts: tree.parts.with(i, less) }
  }
}

/** The smallest tree found for which `holds` is still true, after at most `tries` questions. */
export async function shrink(
  tree: Node,
  holds: (smaller: Node) => Promise<boolean>,
  tries = 300,
): Promise<Node> {
  let best = tree
  let left = tries
  for (let found = true; found; ) {
    found = false
    for (const candidate of smaller(best)) {
      if (left-- <= 0) return best
      if (!(await holds(candidate))) continue
      best = candidate
      found = true
      break
    }
  }
  return best
}
