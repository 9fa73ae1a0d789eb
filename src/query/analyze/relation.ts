import { type Position, QueryError, type QueryErrorName } from '../errors.ts'
import { isNumeric } from '../functions/coercion.ts'
import type { Expression, QualifiedName, Relation } from '../parse/ast.ts'
import type { PrestoType } from '../presto-type.ts'
import { type Analyzer, type Around, constantEnvironment, environment, nextRelation } from './analyzer.ts'
import { nameParts } from './columns.ts'
import { join } from './join.ts'
import type { RelationPlan } from './plan.ts'
import { type Field, newScope } from './scope.ts'
import { tableRelation } from './tables.ts'
import { unnest } from './unnest.ts'

/** A source of rows and the names of its columns. */
export type Source = { plan: RelationPlan; fields: Field[] }

/** `left` are the columns that stand before it in FROM: what LATERAL and UNNEST may use. */
export function relation(analyzer: Analyzer, node: Relation, around: Around, left: Field[]): Source {
  switch (node.kind) {
    case 'table':
      return named(analyzer, node.name, around)
    case 'subquery':
      return subquery(analyzer, node, around)
    case 'lateral': {
      const scope = newScope(left, around.scope)
      const plan = analyzer.query(analyzer, node.query, { ...around, scope })
      const id = nextRelation(analyzer)
      return {
        plan: { kind: 'subquery', id, plan, lateral: true },
        fields: fieldsOf(id, plan.columns, undefined, node.at),
      }
    }
    case 'unnest': {
      const env = environment(analyzer, newScope(left, around.scope), around, 'UNNEST')
      return unnest(env, node)
    }
    case 'aliased':
      return aliased(relation(analyzer, node.relation, around, left), node)
    case 'sample':
      return sample(analyzer, node, relation(analyzer, node.relation, around, left))
    case 'join':
      return join(analyzer, node, around, left, relation)
  }
}

function subquery(analyzer: Analyzer, node: Extract<Relation, { kind: 'subquery' }>, around: Around): Source {
  const plan = analyzer.query(analyzer, node.query, around)
  const id = nextRelation(analyzer)
  return {
    plan: { kind: 'subquery', id, plan, lateral: false },
    fields: fieldsOf(id, plan.columns, undefined, node.at),
  }
}

/** A WITH query of that name, else a table. */
function named(analyzer: Analyzer, name: QualifiedName, around: Around): Source {
  const single = name.parts.length === 1 ? name.parts[0]!.text.toLowerCase() : undefined
  const cte = single === undefined ? undefined : around.ctes.get(single)
  if (cte === undefined || single === undefined) return tableRelation(analyzer, name)
  const id = nextRelation(analyzer)
  return { plan: { kind: 'cte', id, cte: cte.id }, fields: fieldsOf(id, cte.columns, [single], name.at) }
}

export function fieldsOf(
  relation: number,
  columns: readonly { name: string | undefined; type: PrestoType }[],
  qualifier: readonly string[] | undefined,
  at: Position,
): Field[] {
  return columns.map(({ name, type }, i) => ({
    name,
    qualifier,
    value: { kind: 'column', relation, column: i + 1, type, at },
  }))
}

/** `AS t(a, b)`: the alias replaces every qualifier, the list every name. */
function aliased(source: Source, { alias, columns, at }: Extract<Relation, { kind: 'aliased' }>): Source {
  if (columns !== undefined && columns.length !== source.fields.length) {
    throw new QueryError(
      'MISMATCHED_COLUMN_ALIASES',
      `Column alias list has ${columns.length} entries but '${alias.text}' has ${source.fields.length} columns available`,
      at,
    )
  }
  const qualifier = [alias.text.toLowerCase()]
  const fields = source.fields.map((field, i) => ({
    ...field,
    qualifier,
    name: columns?.[i]?.text ?? field.name,
  }))
  return { plan: source.plan, fields }
}

function sample(analyzer: Analyzer, node: Extract<Relation, { kind: 'sample' }>, source: Source): Source {
  const percentage = samplePercentage(analyzer, node.percentage)
  return {
    plan: { kind: 'sample', relation: source.plan, method: node.method, percentage },
    fields: source.fields,
  }
}

function samplePercentage(analyzer: Analyzer, node: Expression): number {
  const fail = (error: QueryErrorName, what: string): never => {
    throw new QueryError(error, `Sample percentage ${what}`, node.at)
  }
  if (nameParts(node) !== undefined) fail('EXPRESSION_NOT_CONSTANT', 'cannot contain column references')
  const typed = analyzer.expression(constantEnvironment(analyzer, 'TABLESAMPLE'), node)
  if (typed.type.kind !== 'unknown' && !isNumeric(typed.type)) {
    fail('TYPE_MISMATCH', 'should be a numeric expression')
  }
  if (typed.kind !== 'constant') return fail('EXPRESSION_NOT_CONSTANT', 'must be a constant')
  if (typed.value === null) fail('INVALID_ARGUMENTS', 'cannot be NULL')
  const value = Number(typed.value)
  if (value < 0) fail('NUMERIC_VALUE_OUT_OF_RANGE', 'must be greater than or equal to 0')
  if (value > 100) fail('NUMERIC_VALUE_OUT_OF_RANGE', 'must be less than or equal to 100')
  return value
}

/** Ids of the relations whose columns a source offers. */
export function relationIds(plan: RelationPlan): number[] {
  if (plan.kind === 'join') return [...relationIds(plan.left), ...relationIds(plan.right)]
  return plan.kind === 'sample' ? relationIds(plan.relation) : [plan.id]
}
