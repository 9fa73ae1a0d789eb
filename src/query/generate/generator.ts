import type { QueryPlan, TableReference, Typed } from '../analyze/plan.ts'
import type { CallContext } from '../functions/types.ts'

/** What the rules of generation share; those that need each other are handed in. */
export type Generator = {
  context: CallContext
  /** Relation ids that are tables, filled as FROM is written, and read as their columns are. */
  tables: Map<number, TableReference>
  /** Expressions that are computed elsewhere, by the name of their value. */
  bound?: ReadonlyMap<Typed, string>
  /** By `keyOf`: the values of GROUP BY keys that are not grouped by themselves (`grouped.ts`). */
  groupKeys?: Readonly<Record<string, string>>
  expression(g: Generator, typed: Typed): string
  query(g: Generator, plan: QueryPlan): string
}

/** Stands in generated SQL where a table's rows will be named. No generated text contains NUL otherwise. */
export function tablePlaceholder(index: number): string {
  return `\0${index}\0`
}
