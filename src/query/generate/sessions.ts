import type { RelationPlan, SelectPlan, Typed, TypedOf, WindowPlan } from '../analyze/plan.ts'
import { children } from '../analyze/walk.ts'
import { sessionText } from '../functions/td-misc.ts'
import { windowSql } from './expression.ts'
import type { Generator } from './generator.ts'

/**
 * TD_SESSIONIZE_WINDOW is a window over a window: the start of a row's session is the last row before it, in its partition, that
 * came after a gap. So an inner select marks those rows, and hands on each relation of FROM as one value under its own name, by
 * which the outer select reads its columns as before.
 */
export type Sessions = { from: string; bound: ReadonlyMap<Typed, string> }

const NAMES = ['td_sessionize_window', 'td_sessionize']

/** Undefined when the select has no sessions, or groups its rows: then each call finds its session by itself. */
export function sessionsOf(
  g: Generator,
  select: SelectPlan,
  orderBy: readonly Typed[],
  from: readonly string[],
): Sessions | undefined {
  if (from.length === 0 || select.groupBy !== undefined || select.having !== undefined) return undefined
  const calls = [...select.items, ...orderBy].flatMap(sessionCalls)
  if (calls.length === 0) return undefined
  const marks = calls.map((call, i) => `${markSql(g, call)} AS s${i + 1}`)
  const relations = select.from.flatMap(relationNames)
  const where = select.where === undefined ? '' : ` WHERE ${g.expression(g, select.where)}`
  return {
    from: `(SELECT ${[...relations, ...marks].join(', ')} FROM ${from.join(', ')}${where}) AS sessions`,
    bound: new Map([
      ...(g.bound ?? []),
      ...calls.map((call, i): [Typed, string] => [call, textSql(g, call, i + 1)]),
    ]),
  }
}

type SessionCall = TypedOf<'call'>

function sessionCalls(typed: Typed): SessionCall[] {
  if (typed.kind === 'call' && NAMES.includes(typed.name)) return [typed]
  return children(typed).flatMap(sessionCalls)
}

function relationNames(relation: RelationPlan): string[] {
  if (relation.kind === 'join') return [...relationNames(relation.left), ...relationNames(relation.right)]
  return relation.kind === 'sample' ? relationNames(relation.relation) : [`r${relation.id}`]
}

/** The time of a row that begins a session, NULL for the others. */
function markSql(g: Generator, call: SessionCall): string {
  const [t, timeout] = argumentsOf(g, call)
  const { partitionBy, orderBy } = windowOf(call)
  return `CASE WHEN ${t} - lag(${t}) ${windowSql(g, { partitionBy, orderBy })} <= ${timeout} THEN NULL ELSE ${t} END`
}

function textSql(g: Generator, call: SessionCall, index: number): string {
  const [t] = argumentsOf(g, call)
  const { partitionBy, orderBy } = windowOf(call)
  const frame = {
    unit: 'rows',
    start: { kind: 'unbounded preceding' },
    end: { kind: 'current row' },
  } as const
  const start = `last_value(sessions.s${index} IGNORE NULLS) ${windowSql(g, { partitionBy, orderBy, frame })}`
  return sessionText(
    partitionBy.map((key) => g.expression(g, key)),
    t!,
    start,
  )
}

const argumentsOf = (g: Generator, call: SessionCall): string[] =>
  call.args.map((arg) => g.expression(g, arg))

/** The analyzer lets no such call pass without OVER. */
const windowOf = (call: SessionCall): WindowPlan => call.clauses.over ?? { partitionBy: [], orderBy: [] }
