import { QueryError } from '../errors.ts'
import { commonType } from '../functions/coercion.ts'
import type { Expression, Identifier, Relation } from '../parse/ast.ts'
import { typeText } from '../presto-type.ts'
import { type Analyzer, type Around, environment, mismatch } from './analyzer.ts'
import { rowExpression } from './clauses.ts'
import { BOOLEAN, requireBoolean, widen } from './coerce.ts'
import { comparison } from './operators.ts'
import type { RelationPlan, Typed } from './plan.ts'
import { type Field, newScope } from './scope.ts'
import { children } from './walk.ts'

type JoinNode = Extract<Relation, { kind: 'join' }>
type Source = { plan: RelationPlan; fields: Field[] }
type RelationRule = (analyzer: Analyzer, node: Relation, around: Around, left: Field[]) => Source

export function join(
  analyzer: Analyzer,
  node: JoinNode,
  around: Around,
  outer: Field[],
  relation: RelationRule,
): Source {
  const left = relation(analyzer, node.left, around, outer)
  const { criteria, type } = node
  const right = relation(analyzer, node.right, around, [...outer, ...lateral(type, left.fields)])
  const plan = (on: Typed | undefined): RelationPlan => ({
    kind: 'join',
    type,
    left: left.plan,
    right: right.plan,
    ...(on === undefined ? {} : { on }),
  })
  if (criteria.kind === 'none') return { plan: plan(undefined), fields: [...left.fields, ...right.fields] }
  if (criteria.kind === 'on') {
    const fields = [...left.fields, ...right.fields]
    const env = environment(analyzer, newScope(fields, around.scope), around, 'JOIN clause')
    requireTrueForUnnest(node, criteria.condition)
    const on = requireBoolean(rowExpression(env, criteria.condition), 'JOIN ON clause')
    if (type !== 'inner') refuseCorrelated(on)
    return { plan: plan(on), fields }
  }
  const columns =
    criteria.kind === 'using' ? criteria.columns : sharedColumns(left.fields, right.fields, node)
  return using(plan, type, left.fields, right.fields, columns)
}

/** The right side of a RIGHT or FULL JOIN cannot use the left one's columns. */
function lateral(type: JoinNode['type'], fields: Field[]): Field[] {
  if (type !== 'right' && type !== 'full') return fields
  const message = `LATERAL reference not allowed in ${type.toUpperCase()} JOIN`
  return fields.map((field) => ({ ...field, refused: { error: 'INVALID_COLUMN_REFERENCE', message } }))
}

function requireTrueForUnnest({ type, right }: JoinNode, { at, ...condition }: Expression): void {
  const relation = right.kind === 'aliased' ? right.relation : right
  if (relation.kind !== 'unnest' || (condition.kind === 'boolean' && condition.value)) return
  throw new QueryError(
    'NOT_SUPPORTED',
    `${type.toUpperCase()} JOIN involving UNNEST is only supported with condition ON TRUE`,
    at,
  )
}

/** Outer joins have to know their condition without asking a subquery for each pair of rows. */
function refuseCorrelated(on: Typed): void {
  const free = 'free' in on ? on.free : []
  const [column] = free
  if (column !== undefined) {
    throw new QueryError(
      'NOT_SUPPORTED',
      'Reference to a column from outer scope not allowed in this context',
      column.at,
    )
  }
  for (const child of children(on)) refuseCorrelated(child)
}

/** NATURAL joins on every name both sides have, in the order of the left side. */
function sharedColumns(left: Field[], right: Field[], node: JoinNode): Identifier[] {
  const names = new Set(right.map(({ name }) => name?.toLowerCase()))
  return left.flatMap(({ name }) =>
    name !== undefined && names.has(name.toLowerCase()) ? [{ text: name, quoted: true, at: node.at }] : [],
  )
}

/** Each key appears once, first, without a qualifier; then what is left of either side. */
function using(
  plan: (on: Typed | undefined) => RelationPlan,
  type: JoinNode['type'],
  left: Field[],
  right: Field[],
  columns: Identifier[],
): Source {
  refuseRepeated(columns)
  const pairs = columns.map((column) => {
    const l = keyField(left, column, 'left')
    const r = keyField(right, column, 'right')
    if (commonType(l.value.type, r.value.type) === undefined) {
      throw mismatch(
        `Cannot apply operator: ${typeText(l.value.type)} = ${typeText(r.value.type)}`,
        column.at,
      )
    }
    return { l, r, at: column.at }
  })
  const conditions = pairs.map(({ l, r, at }) => comparison('=', l.value, r.value, at))
  const [first] = conditions
  const on: Typed | undefined =
    first === undefined || conditions.length === 1
      ? first
      : { kind: 'and', terms: conditions, type: BOOLEAN, at: first.at }
  const keys = pairs.map(
    ({ l, r }): Field => ({ name: l.name, qualifier: undefined, value: keyValue(type, l.value, r.value) }),
  )
  const rest = (fields: Field[], used: Field[]): Field[] => fields.filter((field) => !used.includes(field))
  return {
    plan: plan(
      on ??
        (type === 'cross'
          ? undefined
          : { kind: 'constant', value: true, type: BOOLEAN, at: { line: 1, column: 1 } }),
    ),
    fields: [
      ...keys,
      ...rest(
        left,
        pairs.map(({ l }) => l),
      ),
      ...rest(
        right,
        pairs.map(({ r }) => r),
      ),
    ],
  }
}

function refuseRepeated(columns: Identifier[]): void {
  const known = new Set<string>()
  for (const { text, at } of columns) {
    const name = text.toLowerCase()
    if (known.has(name)) {
      throw new QueryError(
        'DUPLICATE_COLUMN_NAME',
        `Column '${text}' appears multiple times in USING clause`,
        at,
      )
    }
    known.add(name)
  }
}

function keyField(fields: Field[], column: Identifier, side: 'left' | 'right'): Field {
  const found = fields.filter(({ name }) => name?.toLowerCase() === column.text.toLowerCase())
  if (found.length > 1)
    throw new QueryError('AMBIGUOUS_NAME', `Column '${column.text}' is ambiguous`, column.at)
  if (found.length === 0) {
    throw new QueryError(
      'COLUMN_NOT_FOUND',
      `Column '${column.text}' is missing from ${side} side of join`,
      column.at,
    )
  }
  return found[0]!
}

function keyValue(type: JoinNode['type'], left: Typed, right: Typed): Typed {
  const common = commonType(left.type, right.type)!
  const [l, r] = [widen(left, common), widen(right, common)]
  if (type === 'right') return r
  return type === 'full' ? { kind: 'coalesce', items: [l, r], type: common, at: left.at } : l
}
