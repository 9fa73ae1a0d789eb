import type { Position } from '../errors.ts'
import type { ResolvedCall } from '../functions/types.ts'
import type { ArithmeticOperator, ComparisonOperator } from '../parse/ast.ts'
import type { PrestoType } from '../presto-type.ts'

/**
 * A statement after analysis: every name is a number, every expression has its type, every coercion is written out. Columns of
 * a relation are counted from 1 and called c1, c2, … in the engine; relations r1, r2, … are unique in the whole statement,
 * so that nothing the user named ever reaches the engine.
 */
export type Value = null | boolean | bigint | number | string

/**
 * Value of a constant by type: boolean; integers bigint; real and double number; decimal its digits; varchar, char and json the
 * text; varbinary hex; date `2024-01-31`; time and timestamp `2024-01-31 10:00:00.000`; timestamp with time zone the local text
 * in the zone of its type; intervals a bigint of months or milliseconds.
 */
export type Typed = { type: PrestoType; at: Position } & (
  | { kind: 'constant'; value: Value }
  | { kind: 'column'; relation: number; column: number }
  | { kind: 'parameter'; name: string }
  | { kind: 'call'; name: string; call: ResolvedCall; args: Typed[]; clauses: CallClauses }
  | { kind: 'arithmetic'; operator: ArithmeticOperator; left: Typed; right: Typed }
  | { kind: 'negate'; value: Typed }
  | { kind: 'comparison'; operator: ComparisonOperator; left: Typed; right: Typed }
  | { kind: 'distinct-from'; left: Typed; right: Typed }
  | { kind: 'and' | 'or'; terms: Typed[] }
  | { kind: 'not'; value: Typed }
  | { kind: 'is-null'; value: Typed }
  | { kind: 'between'; value: Typed; low: Typed; high: Typed }
  | { kind: 'in'; value: Typed; items: Typed[] }
  | { kind: 'like'; value: Typed; pattern: Typed; escape?: Typed }
  | { kind: 'concat'; parts: Typed[] }
  | { kind: 'case'; whens: { when: Typed; result: Typed }[]; otherwise?: Typed }
  /** `implicit`: a widening of ours, which never truncates or fails. */
  | { kind: 'cast'; value: Typed; safe: boolean; implicit: boolean }
  | { kind: 'coalesce'; items: Typed[] }
  | { kind: 'try'; value: Typed }
  | { kind: 'row'; items: Typed[] }
  | { kind: 'array'; items: Typed[] }
  | { kind: 'subscript'; base: Typed; index: Typed }
  | { kind: 'field'; base: Typed; index: number }
  | { kind: 'lambda'; parameters: string[]; body: Typed }
  | { kind: 'subquery'; plan: QueryPlan; free: ColumnValue[] }
  | { kind: 'exists'; plan: QueryPlan; free: ColumnValue[] }
  | { kind: 'in-query'; value: Typed; plan: QueryPlan; free: ColumnValue[] }
  | {
      kind: 'quantified'
      operator: ComparisonOperator
      quantifier: 'all' | 'any'
      value: Typed
      plan: QueryPlan
      free: ColumnValue[]
    }
  | { kind: 'grouping'; keys: Typed[] }
)
export type TypedOf<K extends Typed['kind']> = Extract<Typed, { kind: K }>
export type ColumnValue = TypedOf<'column'>

export type CallClauses = {
  distinct: boolean
  orderBy: SortKey[]
  filter?: Typed
  over?: WindowPlan
  nullTreatment: '' | 'IGNORE NULLS' | 'RESPECT NULLS'
}
export type SortKey = { value: Typed; descending: boolean; nullsFirst: boolean }
export type WindowPlan = { partitionBy: Typed[]; orderBy: SortKey[]; frame?: FramePlan }
export type FramePlan = { unit: 'rows' | 'range' | 'groups'; start: BoundPlan; end?: BoundPlan }
export type BoundPlan =
  | { kind: 'unbounded preceding' | 'unbounded following' | 'current row' }
  | { kind: 'preceding' | 'following'; value: Typed }

export type OutputColumn = { name: string | undefined; type: PrestoType }

export type QueryPlan = {
  ctes: CtePlan[]
  body: BodyPlan
  columns: OutputColumn[]
  /** Of a select: over its outputs and its sources. Of any other body: over the output, which is then relation `wrapper`. */
  orderBy: OrderKey[]
  wrapper?: number
  offset?: bigint
  limit?: { count: bigint; withTies: boolean }
}
export type OrderKey = { descending: boolean; nullsFirst: boolean } & ({ output: number } | { value: Typed })

export type CtePlan = {
  id: number
  columns: OutputColumn[]
  plan: QueryPlan
  /** The step of a recursive query, to be added to `plan` until it gives no more rows. */
  step?: { plan: QueryPlan; all: boolean }
}

export type BodyPlan =
  | { kind: 'select'; select: SelectPlan }
  | { kind: 'values'; rows: Typed[][] }
  | { kind: 'relation'; relation: RelationPlan; outputs: Typed[] }
  | { kind: 'nested'; plan: QueryPlan }
  | { kind: 'set'; operation: 'union' | 'intersect' | 'except'; all: boolean; inputs: BodyInput[] }
/** An input of a set operation; `types` is what its columns are widened to. */
export type BodyInput = { body: BodyPlan; from: PrestoType[]; types: PrestoType[] }

export type SelectPlan = {
  distinct: boolean
  items: Typed[]
  from: RelationPlan[]
  where?: Typed
  /** Absent without GROUP BY; more than one set came from GROUPING SETS, ROLLUP, CUBE. */
  groupBy?: { sets: Typed[][] }
  having?: Typed
}

export type RelationPlan =
  | { kind: 'table'; id: number; reference: TableReference }
  | { kind: 'subquery'; id: number; plan: QueryPlan; lateral: boolean }
  | { kind: 'cte'; id: number; cte: number }
  | { kind: 'unnest'; id: number; items: Typed[]; ordinality: boolean }
  | { kind: 'sample'; relation: RelationPlan; method: 'bernoulli' | 'system'; percentage: number }
  | {
      kind: 'join'
      type: 'inner' | 'left' | 'right' | 'full' | 'cross'
      left: RelationPlan
      right: RelationPlan
      on?: Typed
    }

/** One mention of a table. `columns` lists, in the order of c1, c2, …, all columns it has; `used` those the statement reads. */
export type TableReference = {
  index: number
  /** Null: a system table. */
  tableId: bigint | null
  database: string
  table: string
  columns: { name: string; key: string; type: PrestoType; comment?: string }[]
  used: Set<number>
}
