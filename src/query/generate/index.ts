import type { QueryPlan, TableReference, Typed } from '../analyze/plan.ts'
import { duckType } from '../functions/index.ts'
import type { CallContext } from '../functions/types.ts'
import { expressionSql } from './expression.ts'
import type { Generator } from './generator.ts'
import { querySql } from './query.ts'

/** One SELECT for the engine, with a placeholder for each table reference; notes in those which columns are read. */
export function generateSql(plan: QueryPlan, context: CallContext, references: TableReference[]): string {
  for (const reference of references) reference.used.clear()
  const g: Generator = { context, tables: new Map(), expression: expressionSql, query: querySql }
  return exactTypes(g, plan)
}

/** What the engine may give another type than ours: operations on a NULL it knows are INTEGER to it. */
const UNSURE: readonly Typed['kind'][] = ['call', 'negate', 'concat', 'field', 'arithmetic']

/** Such outputs of the outermost select are cast to exactly the type that is promised for them. */
function exactTypes(g: Generator, plan: QueryPlan): string {
  if (plan.body.kind !== 'select') return g.query(g, plan)
  const outputs = new Set(plan.body.select.items.filter(({ kind }) => UNSURE.includes(kind)))
  const expression: Generator['expression'] = (inner, typed) => {
    const sql = expressionSql(inner, typed)
    return outputs.has(typed) ? `CAST(${sql} AS ${duckType(typed.type)})` : sql
  }
  return g.query({ ...g, expression }, plan)
}

export { generatorFunctions } from './javascript.ts'
export { systemSql, type TableFiles, tableSql } from './tables.ts'
