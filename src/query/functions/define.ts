import type { QueryErrorName } from '../errors.ts'
import { type PrestoType, typeText } from '../presto-type.ts'
import { duckType, raise } from './duck-type.ts'
import { parseSignature, type Signature } from './signature.ts'
import type { AggregateClauses, CallContext, FunctionKind } from './types.ts'
import type { Bindings } from './unify.ts'

export type ConstantValue = null | boolean | bigint | number | string

/** A lambda argument taken apart: its parameters as DuckDB names, its body cast to the type the function wants. */
export type LambdaSql = { parameters: string[]; body: string; result: PrestoType }

/** One resolved call, as an emitter sees it. */
export type Call = {
  name: string
  /** SQL of each argument; for a lambda the whole `lambda x: body`, its body cast to the wanted type. */
  args: string[]
  /** Type of each argument after coercion; `unknown` for lambdas. */
  types: PrestoType[]
  /** undefined where the argument is not a constant. */
  constants: (ConstantValue | undefined)[]
  result: PrestoType
  bindings: Bindings
  context: CallContext
  lambda(index: number): LambdaSql
  clauses: AggregateClauses
  /** SQL of the name of the zone of each argument whose values have one each; the argument itself is the instant. */
  zones?: (string | undefined)[]
  /** Of each argument that came with more than six digits of a second: SQL of the picoseconds cut off, and how many digits they are. */
  finer?: ({ picos: string; digits: number } | undefined)[]
}

/** What is known before emission: enough to decide types and to fold. */
export type TypedCall = Omit<Call, 'args' | 'lambda' | 'clauses' | 'zones'>

export type Options = {
  /** Overrides the result of the signature. May throw QueryError. */
  result?(call: TypedCall): PrestoType
  /** The call's value when its arguments are all constants. undefined = cannot say, evaluate it in the engine. */
  fold?(values: ConstantValue[], call: TypedCall): ConstantValue | undefined
  /** Unix seconds for which a predicate over its first argument is true; undefined when bounds are not constant. */
  timeRange?(call: TypedCall): { from: bigint | null; to: bigint | null } | undefined
  /** Type variables that must be ordered or compared. */
  orderable?: string[]
  comparable?: string[]
  volatile?: boolean
  /** The argument, a moment, of which the digits finer than a microsecond are to be in the result unchanged. */
  keepsFractionOf?: number
  /** Takes and gives moments as they are held (`held-moments.ts`); else they come as TIME, TIMESTAMP or TIMESTAMPTZ and go so. */
  holdsMoments?: boolean
}

export type FunctionDefinition = Options & {
  kind: FunctionKind
  signature: Signature
  emit(call: Call): string
}

export type Emit = ((call: Call) => string) | string

/**
 * A template of SQL: `$1` is the first argument, `$result` the DuckDB type of the result, `$args` all of them with commas.
 */
export function fill(template: string, call: Call): string {
  return template.replace(/\$(\d+|result|args)/g, (_, key: string) => {
    if (key === 'result') return duckType(call.result)
    if (key === 'args') return call.args.join(', ')
    return call.args[Number(key) - 1]!
  })
}

const defineAs =
  (kind: FunctionKind) =>
  (signatures: string | string[], emit: Emit, options: Options = {}): FunctionDefinition[] =>
    [signatures].flat().map((text) => ({
      ...options,
      kind,
      signature: parseSignature(text),
      emit: typeof emit === 'string' ? (call) => fill(emit, call) : emit,
    }))

export const scalar = defineAs('scalar')
export const aggregate = defineAs('aggregate')
export const windowed = defineAs('window')

/** The DuckDB function of that name, same arguments. */
export const native =
  (name: string) =>
  (call: Call): string =>
    `${name}(${call.args.join(', ')})`

/** The same definition under another name. */
export function alias(name: string, definitions: FunctionDefinition[]): FunctionDefinition[] {
  return definitions.map((definition) => {
    const { signature } = definition
    const text = name + signature.text.slice(signature.name.length)
    return { ...definition, signature: { ...signature, name, text } }
  })
}

/** An error inside the engine, of the call's result type. */
export const fail = (call: Call, error: QueryErrorName, message: string): string =>
  raise(error, message, call.result)

/**
 * An aggregate with the clauses of the call around it: DISTINCT, ORDER BY, FILTER, OVER. `filter` is a further condition of ours.
 */
export function aggregateSql(call: Call, name: string, args: string[], filter?: string): string {
  const { distinct, orderBy, nullTreatment } = call.clauses
  const inside = [`${distinct ? 'DISTINCT ' : ''}${args.join(', ')}`, orderBy, nullTreatment]
    .filter(Boolean)
    .join(' ')
  return [`${name}(${inside})`, filterClause(call.clauses.filter, filter), call.clauses.over]
    .filter(Boolean)
    .join(' ')
}

function filterClause(given: string, ours: string | undefined): string {
  if (ours === undefined) return given
  const condition = /^FILTER \(WHERE (.*)\)$/s.exec(given)?.[1]
  return condition === undefined ? `FILTER (WHERE ${ours})` : `FILTER (WHERE (${condition}) AND ${ours})`
}

/** Names for lambda parameters of ours that occur in none of the given texts, so that nothing is captured. */
export function freshNames(count: number, texts: string[]): string[] {
  const all = texts.join(' ')
  const names: string[] = []
  for (let i = 0; names.length < count; i++) if (!all.includes(`"$${i}"`)) names.push(`"$${i}"`)
  return names
}

/** varchar of a length computed from the arguments' lengths, unbounded where they are or the length would be beyond 2^31. */
export function boundedText(length: number | undefined, grown: (length: number) => number): PrestoType {
  const result = length === undefined ? undefined : grown(length)
  return result === undefined || result > 2_147_483_646
    ? { kind: 'varchar' }
    : { kind: 'varchar', length: result }
}

export const typeList = (types: PrestoType[]): string => types.map(typeText).join(', ')
