import { QueryError } from '../errors.ts'
import { commonType } from '../functions/coercion.ts'
import type { Identifier, Relation } from '../parse/ast.ts'
import { typeText } from '../presto-type.ts'
import { type Analyzer, type Around, environment, mismatch } from './analyzer.ts'
import { BOOLEAN, requireBoolean, widen } from './coerce.ts'
import { comparison } from './operators.ts'
import type { RelationPlan, Typed } from './plan.ts'
import { type Field, newScope } from './scope.ts'

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
  const right = relation(analyzer, node.right, around, [...outer, ...left.fields])
  const { criteria, type } = node
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
    const on = requireBoolean(analyzer.expression(env, criteria.condition), 'JOIN ON clause')
    return { plan: plan(on), fields }
  }
  const columns =
    criteria.kind === 'using' ? criteria.columns : sharedColumns(left.fields, right.fields, node)
  return using(plan, type, left.fields, right.fields, columns)
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
  const pairs = columns.map((column) => {
    const l = keyField(left, column, 'left')
    const r = keyField(right, column, 'right')
    if (commonType(l.value.type, r.value.type) === undefined) {
      throw mismatch(
        `Column '${column.text}' has no common type: ${typeText(l.value.type)} and ${typeText(r.value.type)}`,
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
