import { type Position, QueryError } from '../errors.ts'
import { isAggregate, isOrderable, resolveFunction } from '../functions/index.ts'
import type { Argument, ResolvedCall } from '../functions/types.ts'
import type { Expression, ExpressionOf, FunctionCall, SortItem } from '../parse/ast.ts'
import { type PrestoType, typeText } from '../presto-type.ts'
import { type Environment, mismatch } from './analyzer.ts'
import { checkClauses } from './call-clauses.ts'
import { notScalar, rowExpression } from './clauses.ts'
import { requireBoolean, widen } from './coerce.ts'
import { expressionText } from './expression-text.ts'
import { specialForm } from './forms.ts'
import { constant } from './literals.ts'
import type { CallClauses, Typed, TypedOf } from './plan.ts'
import { dotted, ownFields, type Scope } from './scope.ts'
import { LAMBDA } from './subqueries.ts'
import { columnsOf, keyOf, some } from './walk.ts'
import { windowPlan } from './windows.ts'

const NO_CLAUSES: CallClauses = { distinct: false, orderBy: [], nullTreatment: '' }

const MAX_ARGUMENTS = 127

/** A function call by name: a special form, a scalar, an aggregate or a window function. */
export function call(env: Environment, given: ExpressionOf<'call'>): Typed {
  const name = dotted(given.call.name.parts).toLowerCase()
  const node = name === 'td_sessionize' ? withItsWindow(given) : given
  const form = specialForm(env, name, node)
  if (form !== undefined) return form
  if (node.call.args.length > MAX_ARGUMENTS) {
    throw new QueryError('TOO_MANY_ARGUMENTS', `Too many arguments for function call ${name}()`, node.at)
  }
  const before = { aggregates: env.met.aggregates.length, windows: env.met.windows.length }
  const inner = argumentEnvironment(env, name, node.call)
  const args = node.call.args.map((arg) => argumentOf(inner, arg))
  if (name === 'listagg') requireText(args[0]!, node)
  const resolved = resolve(
    env,
    name,
    args.map((arg) => arg.argument),
    node.at,
  )
  checkClauses(env, name, node.call, resolved, node.at)
  const clauses = clausesOf(env, node, name)
  const typedArgs = args.map((arg, i) => arg.typed(resolved, i))
  if (node.call.distinct) checkDistinctOrder(node.call, typedArgs, clauses)
  const typed = build(name, resolved, typedArgs, clauses, node.at)
  if (typed.kind === 'call') recordUse(env, typed, node, before)
  return typed
}

/** TD_SESSIONIZE(t, timeout, by), older than windows: its arguments say what TD_SESSIONIZE_WINDOW is told by OVER. */
function withItsWindow(node: ExpressionOf<'call'>): ExpressionOf<'call'> {
  const [t, , by] = node.call.args
  if (node.call.over !== undefined || t === undefined || by === undefined) return node
  const orderBy = [{ value: t, descending: false, at: t.at }]
  return { ...node, call: { ...node.call, over: { partitionBy: [by], orderBy, at: node.at } } }
}

function requireText({ argument }: PreparedArgument, { call: { args }, at }: ExpressionOf<'call'>): void {
  if (!('type' in argument) || ['varchar', 'unknown'].includes(argument.type.kind)) return
  const text = expressionText(args[0]!)
  throw mismatch(`Expected expression of varchar, but '${text}' has ${typeText(argument.type)} type`, at)
}

function argumentEnvironment(env: Environment, name: string, { over }: FunctionCall): Environment {
  if (over !== undefined) return { ...env, inWindow: 'window function arguments' }
  return isAggregate(name) ? { ...env, inAggregate: true } : env
}

/** A call that the analyzer itself makes, of plain arguments. */
export function plainCall(env: Environment, name: string, args: Typed[], at: Position): Typed {
  const resolved = resolve(env, name, args.map(argumentFor), at)
  return build(
    name,
    resolved,
    args.map((arg, i) => widenArgument(arg, resolved, i)),
    NO_CLAUSES,
    at,
  )
}

function build(
  name: string,
  resolved: ResolvedCall,
  args: Typed[],
  clauses: CallClauses,
  at: Position,
): Typed {
  if (resolved.constant !== undefined) return constant(resolved.result, resolved.constant.value, at)
  return { kind: 'call', name, call: resolved, args, clauses, type: resolved.result, at }
}

/** Asks the registry; an error it throws without a place gets the call's. */
function resolve(env: Environment, name: string, args: Argument[], at: Position): ResolvedCall {
  try {
    return resolveFunction(name, args, env.analyzer.context)
  } catch (error) {
    if (!(error instanceof QueryError) || error.position !== undefined) throw error
    throw new QueryError(error.errorName, error.message, at, error)
  }
}

type PreparedArgument = { argument: Argument; typed(resolved: ResolvedCall, index: number): Typed }

function argumentOf(env: Environment, node: Expression): PreparedArgument {
  if (node.kind === 'lambda') return lambdaArgument(env, node)
  const typed = env.analyzer.expression(env, node)
  return { argument: argumentFor(typed), typed: (resolved, index) => widenArgument(typed, resolved, index) }
}

function argumentFor(typed: Typed): Argument {
  if (typed.kind !== 'constant') return { type: typed.type }
  return { type: typed.type, constant: { value: typed.value } }
}

function widenArgument(typed: Typed, resolved: ResolvedCall, index: number): Typed {
  const wanted = resolved.argumentTypes[index]
  return wanted === undefined || wanted === null ? typed : widen(typed, wanted)
}

/** A lambda is analyzed once per combination of parameter types: the registry may ask again while it resolves. */
function lambdaArgument(env: Environment, node: ExpressionOf<'lambda'>): PreparedArgument {
  const bodies = new Map<string, Typed>()
  const names = node.parameters.map(() => {
    env.analyzer.parameters += 1
    return `p${env.analyzer.parameters}`
  })
  const body = (types: PrestoType[]): Typed => {
    const key = types.map(typeText).join(';')
    const known = bodies.get(key)
    if (known !== undefined) return known
    const parameters = new Map(env.parameters)
    for (const [i, parameter] of node.parameters.entries()) {
      const type: PrestoType = types[i] ?? { kind: 'unknown' }
      parameters.set(parameter.text.toLowerCase(), {
        kind: 'parameter',
        name: names[i]!,
        type,
        at: parameter.at,
      })
    }
    const inner: Environment = {
      ...env,
      parameters,
      clause: LAMBDA,
      allowAggregates: false,
      allowWindows: false,
    }
    const typed = rowExpression(inner, node.body)
    if (some(typed, (within) => 'plan' in within))
      throw new QueryError('NOT_SUPPORTED', 'Lambda expression cannot contain subqueries', node.body.at)
    bodies.set(key, typed)
    return typed
  }
  return {
    argument: { lambda: { arity: names.length, resultType: (types) => body(types).type } },
    typed: (resolved, index) => {
      const typed = body(resolved.lambdaParameters?.[index] ?? [])
      return { kind: 'lambda', parameters: names, body: typed, type: typed.type, at: node.at }
    },
  }
}

function clausesOf(env: Environment, { call: node, at }: ExpressionOf<'call'>, name: string): CallClauses {
  const inner: Environment = { ...env, allowWindows: false, clause: `Clause of ${name}` }
  const filter =
    node.filter === undefined
      ? undefined
      : requireBoolean(
          env.analyzer.expression({ ...inner, allowAggregates: false }, node.filter),
          'Filter expression',
        )
  return {
    distinct: node.distinct,
    orderBy: aggregateOrder({ ...inner, inAggregate: true }, node.orderBy, at),
    ...(filter === undefined ? {} : { filter }),
    ...(node.over === undefined ? {} : { over: windowPlan(env, node.over, name) }),
    nullTreatment:
      node.nullTreatment === undefined
        ? ''
        : node.nullTreatment === 'ignore'
          ? 'IGNORE NULLS'
          : 'RESPECT NULLS',
  }
}

function subqueryAt({ scope }: Environment): Position | undefined {
  for (let level: Scope | undefined = scope; level !== undefined; level = level.parent) {
    if (level.at !== undefined) return level.at
  }
  return undefined
}

function aggregateOrder(env: Environment, items: SortItem[], at: Position): CallClauses['orderBy'] {
  return items.map((item) => {
    const value = env.analyzer.expression(env, item.value)
    if (!isOrderable(value.type)) {
      throw mismatch(`ORDER BY can only be applied to orderable types (actual: ${typeText(value.type)})`, at)
    }
    return { value, descending: item.descending, nullsFirst: item.nulls === 'first' }
  })
}

/** DISTINCT leaves nothing to sort by but the arguments. */
function checkDistinctOrder({ orderBy }: FunctionCall, args: Typed[], clauses: CallClauses): void {
  const keys = new Set(args.map((arg) => keyOf(arg.kind === 'cast' && arg.implicit ? arg.value : arg)))
  const wrong = clauses.orderBy.findIndex(({ value }) => !keys.has(keyOf(value)))
  if (wrong === -1) return
  throw new QueryError(
    'EXPRESSION_NOT_IN_DISTINCT',
    'For aggregate function with DISTINCT, ORDER BY expressions must appear in arguments',
    orderBy[wrong]!.at,
  )
}

/** Checks that an aggregate or window call may stand here and notes it for the select around it. */
function recordUse(
  env: Environment,
  typed: TypedOf<'call'>,
  node: ExpressionOf<'call'>,
  before: { aggregates: number; windows: number },
): void {
  const { name, at } = typed
  const windowed = typed.clauses.over !== undefined
  if (typed.call.kind === 'scalar') return
  if (windowed && env.inWindow !== undefined) {
    throw new QueryError(
      'NESTED_WINDOW',
      `Cannot nest window functions or row pattern measures inside ${env.inWindow}`,
      at,
    )
  }
  if (windowed ? !env.allowWindows : !env.allowAggregates) throw notScalar(env.clause, [{ node }], node)
  if (env.met.windows.length > before.windows) {
    const what = windowed ? 'window function' : 'aggregation'
    throw new QueryError('NESTED_WINDOW', `Cannot nest window functions inside ${what} '${name}'`, at)
  }
  if (!windowed && env.met.aggregates.length > before.aggregates) {
    throw new QueryError('NESTED_AGGREGATION', `Cannot nest aggregations inside aggregation '${name}'`, at)
  }
  if (windowed) env.met.windows.push({ node, typed })
  else {
    refuseOuterAggregate(env, typed)
    env.met.aggregates.push({ node, typed })
  }
}

/** An aggregate of nothing but columns from outside: the engine would take it for one of the query around. */
function refuseOuterAggregate(env: Environment, { args, at }: TypedOf<'call'>): void {
  const { scope } = env
  const around = scope.kind === 'outputs' ? scope.parent?.parent : scope.parent
  if (around === undefined) return
  const columns = args.flatMap(columnsOf)
  if (columns.length === 0) return
  const own = new Set(
    ownFields(scope).flatMap(({ value }) => columnsOf(value).map(({ relation }) => relation)),
  )
  if (columns.some(({ relation }) => own.has(relation))) return
  throw new QueryError('NOT_SUPPORTED', 'Given correlated subquery is not supported', subqueryAt(env) ?? at)
}
