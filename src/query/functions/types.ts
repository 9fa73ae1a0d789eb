import type { PrestoType } from '../presto-type.ts'
import type { ReferenceFiles } from './reference-files.ts'

export type { ReferenceFiles } from './reference-files.ts'

/** What the session contributes to a call: constants folded at analysis. */
export type CallContext = {
  /** IANA name; `UTC` by default. */
  zone: string
  /** Unix seconds: TD_SCHEDULED_TIME() and the reference of TD_INTERVAL. */
  scheduledTime: bigint
  /** Milliseconds since 1970 when the query started: now(), current_date. */
  startedAtMs: number
  user: string
  /** How often the step of a recursive query is added at most; 10 by default. */
  maxRecursionDepth?: number
  /** Files of the operator's that functions look things up in. */
  files?: ReferenceFiles
  /** Told what the owner of the query should know, possibly more than once. */
  warn?(text: string): void
}

/** One argument as the analyzer knows it before the call is resolved. */
export type Argument =
  | {
      type: PrestoType
      /** Present when the argument is a constant: null, boolean, bigint, number, string. */
      constant?: { value: null | boolean | bigint | number | string }
    }
  | {
      /** A lambda: its type is found by giving it its parameters' types (once or more, while resolving). */
      lambda: { arity: number; resultType(parameters: PrestoType[]): PrestoType }
    }

export type FunctionKind = 'scalar' | 'aggregate' | 'window'

/** A call whose meaning is decided. */
export type ResolvedCall = {
  kind: FunctionKind
  result: PrestoType
  /** What the analyzer must coerce each argument to before emitting; null = leave as is (lambdas). */
  argumentTypes: (PrestoType | null)[]
  /** Parameter types of each lambda argument, by argument index. */
  lambdaParameters?: Record<number, PrestoType[]>
  /**
   * DuckDB SQL for the call. Each argument is already generated, coerced and safe to use once or more;
   * a lambda argument comes as `lambda a, b: body`. For aggregates `aggregate` wraps the emitted call with what
   * belongs to it.
   */
  emit(args: string[], aggregate?: AggregateClauses): string
  /** Folded at analysis: the call is this constant (used for pruning on time). */
  constant?: { value: null | boolean | bigint | number | string }
  /** For predicates over the column `time`: the half-open range of unix seconds for which it is true. */
  timeRange?: { argument: number; from: bigint | null; to: bigint | null }
  /** Must not be repeated or put under TRY: random(), uuid() … */
  volatile?: boolean
}

/**
 * Text of the clauses of an aggregate or window call, already generated, keywords included; empty strings when absent.
 */
export type AggregateClauses = {
  distinct: boolean
  /** `ORDER BY x DESC NULLS LAST`: goes inside the parentheses. */
  orderBy: string
  /** `FILTER (WHERE condition)` */
  filter: string
  /** `OVER (PARTITION BY … ORDER BY …)` or `OVER name` */
  over: string
  nullTreatment: '' | 'IGNORE NULLS' | 'RESPECT NULLS'
}

/** A function that runs in JavaScript inside the engine process. Types are DuckDB's, as text. */
export type JavaScriptFunction = {
  name: string
  parameters: string[]
  returns: string
  /** Gets NULL arguments as null only when true; otherwise NULL in, NULL out. */
  handlesNull?: boolean
  /** False for random ones. Pure functions may be used under TRY. */
  pure?: boolean
  /** Values as DuckDB's node API gives them (bigint for BIGINT …). Throwing fails the query with the text. */
  run(...args: unknown[]): unknown
}
