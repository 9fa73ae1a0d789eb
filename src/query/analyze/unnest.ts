import { type Position, QueryError } from '../errors.ts'
import type { Relation } from '../parse/ast.ts'
import { type PrestoType, typeText } from '../presto-type.ts'
import { type Environment, nextRelation } from './analyzer.ts'
import { rowExpression } from './clauses.ts'
import { BIGINT } from './coerce.ts'
import type { RelationPlan } from './plan.ts'
import type { Field } from './scope.ts'

/** An array gives a column, a map two, an array of rows one for each field; ORDINALITY one more behind all. */
export function unnest(
  env: Environment,
  node: Extract<Relation, { kind: 'unnest' }>,
): { plan: RelationPlan; fields: Field[] } {
  const items = node.items.map((item) => rowExpression(env, item))
  const columns = items.flatMap((item) => unnestedColumns(item.type, item.at))
  if (node.ordinality) columns.push({ name: undefined, type: BIGINT })
  const id = nextRelation(env.analyzer)
  const fields = columns.map(
    ({ name, type }, i): Field => ({
      name,
      qualifier: undefined,
      value: { kind: 'column', relation: id, column: i + 1, type, at: node.at },
    }),
  )
  return { plan: { kind: 'unnest', id, items, ordinality: node.ordinality }, fields }
}

function unnestedColumns(type: PrestoType, at: Position): { name: string | undefined; type: PrestoType }[] {
  if (type.kind === 'map') {
    return [type.key, type.value].map((column) => ({ name: undefined, type: column }))
  }
  if (type.kind !== 'array') {
    throw new QueryError('INVALID_FUNCTION_ARGUMENT', `Cannot unnest type: ${typeText(type)}`, at)
  }
  if (type.element.kind !== 'row') return [{ name: undefined, type: type.element }]
  return type.element.fields.map((field) => ({ name: field.name, type: field.type }))
}
