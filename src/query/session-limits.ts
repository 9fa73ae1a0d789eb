import type { EngineLimits } from './engine/index.ts'
import { QueryError } from './errors.ts'
import type { Statement } from './parse/ast.ts'
import { parseScript } from './parse/index.ts'
import { durationMs } from './session-properties.ts'

/**
 * The limits of a job, narrowed by what its script sets: `query_max_run_time`, `query_max_execution_time` and `query_max_cpu_time`. They
 * hold for each of its statements. What is wrong in the text is found when it is compiled.
 */
export function narrowedLimits(limits: EngineLimits, text: string): EngineLimits {
  const set = new Map<string, number>()
  for (const statement of statementsOf(text)) {
    if (statement.kind === 'reset-session') set.delete(nameOf(statement))
    if (statement.kind !== 'set-session' || statement.value.kind !== 'string') continue
    const ms = durationMs(statement.value.value)
    if (ms !== undefined) set.set(nameOf(statement), ms / 1000)
  }
  const least = (limit: number, ...names: string[]) =>
    Math.min(limit, ...names.map((name) => set.get(name) ?? limit))
  return {
    ...limits,
    wallSeconds: least(limits.wallSeconds, 'query_max_run_time', 'query_max_execution_time'),
    cpuSeconds: least(limits.cpuSeconds, 'query_max_cpu_time'),
  }
}

function statementsOf(text: string): readonly Statement[] {
  // Nearly no text has one: then it is not parsed once more.
  if (!/\bset\s+session\b/i.test(text)) return []
  try {
    return parseScript(text).statements
  } catch (error) {
    if (error instanceof QueryError) return []
    throw error
  }
}

const nameOf = ({ name }: Extract<Statement, { kind: 'set-session' | 'reset-session' }>) =>
  name.parts.map(({ text }) => text.toLowerCase()).join('.')
