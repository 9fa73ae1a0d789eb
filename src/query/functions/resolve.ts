import { QueryError } from '../errors.ts'
import { isOpaque, type PrestoType, typeText } from '../presto-type.ts'
import { canCoerce, isNumeric, sameType } from './coercion.ts'
import type { Call, ConstantValue, FunctionDefinition, LambdaSql, TypedCall } from './define.ts'
import { duckType } from './duck-type.ts'
import { hasOwnZones, isZoned } from './held-moments.ts'
import { emitWithPlainMoments } from './moment-arguments.ts'
import type { Pattern } from './signature.ts'
import { type Candidate, chooseForUntyped, holdsUnknown } from './specificity.ts'
import type { AggregateClauses, Argument, CallContext, ResolvedCall } from './types.ts'
import { ANY, type Bindings, noBindings, substitute, unify } from './unify.ts'

const UNKNOWN: PrestoType = { kind: 'unknown' }
const NO_CLAUSES: AggregateClauses = { distinct: false, orderBy: '', filter: '', over: '', nullTreatment: '' }

type FunctionPattern = Extract<Pattern, { kind: 'function' }>
type Match = {
  definition: FunctionDefinition
  bindings: Bindings
  patterns: Pattern[]
  /** Types the lambdas' bodies had when last asked, by argument index. */
  bodies: Map<number, PrestoType>
  cost: number
}

/**
 * Decides which of the definitions of one name a call means, as Presto does: the one that needs the least coercion.
 *
 * @throws QueryError FUNCTION_NOT_FOUND when none fits, AMBIGUOUS_FUNCTION_CALL when several fit alike, and whatever a lambda's body throws.
 */
export function resolveAmong(
  name: string,
  definitions: readonly FunctionDefinition[],
  args: Argument[],
  context: CallContext,
): ResolvedCall {
  const matches: Match[] = []
  for (const definition of definitions) {
    const match = matchDefinition(definition, args)
    if (match !== undefined) matches.push(match)
  }
  if (matches.length === 0)
    throw wrongLambda(definitions, args) ?? unexpectedParameters(name, definitions, args)
  return resolvedCall(name, chosen(matches, args), args, context)
}

/** Where an argument is a NULL without a type more than one may be meant; else what costs least. */
function chosen(matches: Match[], args: Argument[]): Match {
  const untyped = args.some((arg) => !('lambda' in arg) && holdsUnknown(arg.type))
  if (untyped && matches.length > 1)
    return chooseForUntyped(
      matches.map((match) => candidate(match, args)),
      args,
    )
  return matches.reduce((best, match) => (match.cost < best.cost ? match : best))
}

const candidate = (match: Match, args: Argument[]): Candidate<Match> => ({
  match,
  parameters: match.patterns.map((pattern, i) => {
    const arg = args[i]!
    return 'lambda' in arg ? undefined : coercedType(pattern, arg.type, match.bindings)
  }),
  result: substitute(match.definition.signature.result, match.bindings),
  takes: (types) =>
    matchDefinition(
      match.definition,
      args.map((arg, i) => ('lambda' in arg ? arg : { type: types[i] ?? arg.type })),
    ) !== undefined,
})

function matchDefinition(definition: FunctionDefinition, args: Argument[]): Match | undefined {
  const patterns = patternsFor(definition, args.length)
  if (patterns === undefined || !lambdasFit(patterns, args)) return undefined
  const bindings = noBindings()
  let cost = 0
  for (const [i, arg] of args.entries()) {
    if ('lambda' in arg) continue
    const own = unify(patterns[i]!, arg.type, bindings)
    if (own === undefined) return undefined
    cost += own
  }
  const bodies = unifyLambdas(patterns, args, bindings)
  if (bodies === undefined || !constraintsHold(definition, bindings)) return undefined
  return { definition, bindings, patterns, bodies, cost }
}

function patternsFor({ signature }: FunctionDefinition, count: number): Pattern[] | undefined {
  const { parameters, variadic } = signature
  if (!variadic) return parameters.length === count ? parameters : undefined
  const fixed = parameters.slice(0, -1)
  if (count < fixed.length) return undefined
  return [...fixed, ...new Array<Pattern>(count - fixed.length).fill(parameters.at(-1)!)]
}

function lambdasFit(patterns: Pattern[], args: Argument[]): boolean {
  return args.every((arg, i) => {
    const pattern = patterns[i]!
    if (pattern.kind !== 'function') return !('lambda' in arg)
    return 'lambda' in arg && arg.lambda.arity === pattern.parameters.length
  })
}

/**
 * Types the lambdas, left to right and again until nothing widens any more: in reduce(a, 0, (s, x) -> s + x, s -> s) the state
 * starts as integer and may end as bigint.
 */
function unifyLambdas(
  patterns: Pattern[],
  args: Argument[],
  bindings: Bindings,
): Map<number, PrestoType> | undefined {
  const bodies = new Map<number, PrestoType>()
  for (let round = 0; round < 6; round++) {
    let changed = false
    for (const [i, arg] of args.entries()) {
      if (!('lambda' in arg)) continue
      const pattern = patterns[i] as FunctionPattern
      const body = arg.lambda.resultType(
        pattern.parameters.map((parameter) => substitute(parameter, bindings)),
      )
      if (unify(pattern.result, body, bindings) === undefined) return undefined
      const before = bodies.get(i)
      changed ||=
        before === undefined ||
        !sameType(before, body) ||
        !sameType(substitute(pattern.result, bindings), body)
      bodies.set(i, body)
    }
    if (!changed) break
  }
  return bodies
}

function constraintsHold(
  { orderable = [], comparable = [] }: FunctionDefinition,
  { types }: Bindings,
): boolean {
  const of = (name: string) => types.get(name) ?? UNKNOWN
  return (
    orderable.every((name) => isOrderable(of(name))) && comparable.every((name) => isComparable(of(name)))
  )
}

/** Whether `<` exists for the type. */
export function isOrderable(type: PrestoType): boolean {
  if (type.kind === 'array') return isOrderable(type.element)
  if (type.kind === 'row') return type.fields.every((field) => isOrderable(field.type))
  return !['map', 'json'].includes(type.kind) && !isOpaque(type)
}

/** Whether `=` exists for the type. */
export function isComparable(type: PrestoType): boolean {
  switch (type.kind) {
    case 'array':
      return isComparable(type.element)
    case 'map':
      return isComparable(type.key) && isComparable(type.value)
    case 'row':
      return type.fields.every((field) => isComparable(field.type))
    default:
      return !isOpaque(type)
  }
}

/** The error of a lambda that takes more or fewer parameters than any definition would give it. */
function wrongLambda(definitions: readonly FunctionDefinition[], args: Argument[]): QueryError | undefined {
  for (const definition of definitions) {
    for (const [i, pattern] of (patternsFor(definition, args.length) ?? []).entries()) {
      const arg = args[i]!
      if (pattern.kind !== 'function' || !('lambda' in arg)) continue
      const [wanted, given] = [pattern.parameters.length, arg.lambda.arity]
      if (wanted === given) continue
      return new QueryError(
        'INVALID_PARAMETER_USAGE',
        `Expected a lambda that takes ${wanted} argument(s) but got ${given}`,
      )
    }
  }
  return undefined
}

function unexpectedParameters(
  name: string,
  definitions: readonly FunctionDefinition[],
  args: Argument[],
): QueryError {
  const given = args.map((arg) => ('lambda' in arg ? '<function>' : typeText(arg.type))).join(', ')
  const expected = [...new Set(definitions.map(expectedText))].sort().join(', ')
  return new QueryError(
    'FUNCTION_NOT_FOUND',
    `Unexpected parameters (${given}) for function ${name}. Expected: ${expected}`,
  )
}

/** A signature as Presto lists it among the expected: `contains(array(t), t) T:comparable`. */
function expectedText({ signature, orderable = [], comparable = [] }: FunctionDefinition): string {
  const text = signature.text.replace('...', '')
  const variables = [...new Set(text.match(/\b(?!ANY\b)[A-Z]\w*/g))].sort()
  const head = text
    .replace(/\((.*)\)$/s, (_, inner: string) => `(${innerCommasClosed(inner)})`)
    .replace(/\b(?!ANY\b)[A-Z]\w*/g, (name) => (text.includes('function(') ? name : name.toLowerCase()))
  if (variables.length === 0) return head
  const constraints = variables.map((name) => {
    if (orderable.includes(name)) return `${name}:orderable`
    return comparable.includes(name) ? `${name}:comparable` : name
  })
  return `${head} ${constraints.join(', ')}`
}

/** Blanks follow the commas between parameters only. */
function innerCommasClosed(parameters: string): string {
  let depth = 0
  return parameters.replace(/[()]|, /g, (token) => {
    depth += token === '(' ? 1 : token === ')' ? -1 : 0
    return token === ', ' && depth > 0 ? ',' : token
  })
}

function resolvedCall(name: string, match: Match, args: Argument[], context: CallContext): ResolvedCall {
  const { definition, bindings, patterns, bodies } = match
  const types = args.map((arg, i) =>
    'lambda' in arg ? UNKNOWN : coercedType(patterns[i]!, arg.type, bindings),
  )
  const constants = args.map((arg) => ('lambda' in arg ? undefined : arg.constant?.value))
  const typed: TypedCall = {
    name,
    types,
    constants,
    result: substitute(definition.signature.result, bindings),
    bindings,
    context,
  }
  if (definition.result !== undefined) typed.result = definition.result(typed)

  const lambdaParameters: Record<number, PrestoType[]> = {}
  for (const [i, pattern] of patterns.entries()) {
    if (pattern.kind === 'function')
      lambdaParameters[i] = pattern.parameters.map((p) => substitute(p, bindings))
  }
  const resolved: ResolvedCall = {
    kind: definition.kind,
    result: typed.result,
    argumentTypes: args.map((arg, i) => ('lambda' in arg ? null : types[i]!)),
    emit: (sqls, clauses = NO_CLAUSES) =>
      emitWithPlainMoments(definition, patterns, callFor(typed, patterns, bodies, sqls, clauses)),
  }
  if (bodies.size > 0) resolved.lambdaParameters = lambdaParameters
  if (definition.volatile === true) resolved.volatile = true
  addConstant(resolved, definition, typed)
  const range = definition.timeRange?.(typed)
  if (range !== undefined) resolved.timeRange = { argument: 0, ...range }
  return resolved
}

/** What the analyzer has to make of the argument: the pattern's type, but a zone already known is kept. */
function coercedType(pattern: Pattern, given: PrestoType, bindings: Bindings): PrestoType {
  if (pattern.kind === 'variable' && pattern.name === ANY) return given
  const wanted = substitute(pattern, bindings)
  if (isZoned(given) && wanted.kind === given.kind && !hasOwnZones(wanted)) return given
  return wanted
}

function addConstant(resolved: ResolvedCall, definition: FunctionDefinition, typed: TypedCall): void {
  if (definition.fold === undefined || typed.constants.some((constant) => constant === undefined)) return
  const value = definition.fold(typed.constants as ConstantValue[], typed)
  if (value !== undefined) resolved.constant = { value }
}

function callFor(
  typed: TypedCall,
  patterns: Pattern[],
  bodies: Map<number, PrestoType>,
  sqls: string[],
  clauses: AggregateClauses,
): Call {
  const lambda = (i: number): LambdaSql => {
    const { parameters, body } = splitLambda(sqls[i]!)
    const wanted = substitute((patterns[i] as FunctionPattern).result, typed.bindings)
    return { parameters, body: castBody(body, bodies.get(i) ?? wanted, wanted), result: wanted }
  }
  const args = sqls.map((sql, i) => {
    if (patterns[i]?.kind !== 'function') return sql
    const { parameters, body } = lambda(i)
    return `lambda ${parameters.join(', ')}: ${body}`
  })
  return { ...typed, args, lambda, clauses }
}

function castBody(body: string, from: PrestoType, to: PrestoType): string {
  if (duckType(from) === duckType(to) || !(isNumeric(to) || canCoerce(from, to))) return body
  return `CAST(${body} AS ${duckType(to)})`
}

/** Takes `lambda a, "b": body` apart; quoted names may contain anything. */
export function splitLambda(text: string): { parameters: string[]; body: string } {
  const head = /^\(?\s*lambda\s+((?:"(?:[^"]|"")*"|\w+)(?:\s*,\s*(?:"(?:[^"]|"")*"|\w+))*)\s*:\s*/s.exec(text)
  if (head === null) throw new TypeError(`not a lambda: ${text}`)
  const wrapped = text.startsWith('(')
  return {
    parameters: head[1]!.match(/"(?:[^"]|"")*"|\w+/g) ?? [],
    body: text.slice(head[0].length, wrapped ? text.lastIndexOf(')') : undefined),
  }
}
