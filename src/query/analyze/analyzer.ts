import { type Position, QueryError } from '../errors.ts'
import type { CallContext } from '../functions/types.ts'
import type { Expression, Query, WindowSpecification } from '../parse/ast.ts'
import type { KnownTable } from './lookup.ts'
import type { CtePlan, QueryPlan, TableReference, Typed } from './plan.ts'
import { newScope, type Scope } from './scope.ts'

/** What one statement's analysis knows and counts. The rules that need each other are handed in, so no two files import one another. */
export type Analyzer = {
  context: CallContext
  defaultDatabase: string
  /** Answers of the lookup by `database.table`, lower case: fetched before analysis, which is synchronous. */
  tables: ReadonlyMap<string, KnownTable>
  references: TableReference[]
  relations: number
  ctes: number
  parameters: number
  /** How many subqueries in expressions are around the present place. */
  subqueryDepth: number
  /** What keys of windows were written as, for messages. */
  written: WeakMap<Typed, Expression>
  expression(env: Environment, node: Expression): Typed
  query(analyzer: Analyzer, node: Query, around: Around): QueryPlan
}

/** The names a query sees from outside: columns of enclosing queries and WITH queries. */
export type Around = { scope: Scope | undefined; ctes: ReadonlyMap<string, CtePlan> }

/** Where an expression stands. */
export type Environment = {
  analyzer: Analyzer
  scope: Scope
  ctes: ReadonlyMap<string, CtePlan>
  /** Lambda parameters by lower-case name. */
  parameters: ReadonlyMap<string, Typed>
  /** Named windows of the select. */
  windows: ReadonlyMap<string, WindowSpecification>
  /** Where the select stands whose expression this is: some errors name that place. */
  selectAt?: Position
  /** Named in the message when an aggregate or window call is not allowed here. */
  clause: string
  allowAggregates: boolean
  allowWindows: boolean
  /** The part of a window call that this belongs to: no window call may be inside it. */
  inWindow?: string
  /** Among the arguments of an aggregate: names of outputs mean nothing there. */
  inAggregate: boolean
  /** What was met; tells a grouped select from a plain one. */
  met: { aggregates: Met[]; windows: Met[] }
}

/** An aggregate, window or grouping call as it was written and as it is understood. */
export type Met = { node: Expression; typed: Typed }

export function environment(
  analyzer: Analyzer,
  scope: Scope,
  around: Pick<Around, 'ctes'>,
  clause: string,
): Environment {
  return {
    analyzer,
    scope,
    ctes: around.ctes,
    parameters: new Map(),
    windows: new Map(),
    clause,
    allowAggregates: false,
    allowWindows: false,
    inAggregate: false,
    met: { aggregates: [], windows: [] },
  }
}

/** For an expression that may name nothing: LIMIT, TABLESAMPLE, SET SESSION. */
export function constantEnvironment(analyzer: Analyzer, clause: string): Environment {
  return environment(analyzer, newScope([], undefined), { ctes: new Map() }, clause)
}

export function nextRelation(analyzer: Analyzer): number {
  analyzer.relations += 1
  return analyzer.relations
}

export function mismatch(message: string, at: Position): QueryError {
  return new QueryError('TYPE_MISMATCH', message, at)
}
