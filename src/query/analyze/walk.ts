import type { CallClauses, ColumnValue, Typed } from './plan.ts'

/** The expressions directly inside one; of a subquery only the value compared and the outer columns it uses. */
export function children(typed: Typed): Typed[] {
  switch (typed.kind) {
    case 'constant':
    case 'column':
    case 'parameter':
      return []
    case 'call':
      return [...typed.args, ...clauseChildren(typed.clauses)]
    case 'arithmetic':
    case 'comparison':
    case 'distinct-from':
      return [typed.left, typed.right]
    case 'negate':
    case 'not':
    case 'is-null':
    case 'cast':
    case 'try':
      return [typed.value]
    case 'and':
    case 'or':
      return typed.terms
    case 'between':
      return [typed.value, typed.low, typed.high]
    case 'in':
      return [typed.value, ...typed.items]
    case 'like':
      return [typed.value, typed.pattern, ...present(typed.escape)]
    case 'concat':
      return typed.parts
    case 'case':
      return [...typed.whens.flatMap(({ when, result }) => [when, result]), ...present(typed.otherwise)]
    case 'coalesce':
    case 'row':
    case 'array':
      return typed.items
    case 'subscript':
      return [typed.base, typed.index]
    case 'field':
      return [typed.base]
    case 'lambda':
      return [typed.body]
    case 'subquery':
    case 'exists':
      return typed.free
    case 'in-query':
    case 'quantified':
      return [typed.value, ...typed.free]
    case 'grouping':
      return typed.keys
  }
}

function present(typed: Typed | undefined): Typed[] {
  return typed === undefined ? [] : [typed]
}

function clauseChildren(clauses: CallClauses): Typed[] {
  const { over } = clauses
  const window = over === undefined ? [] : [...over.partitionBy, ...over.orderBy.map(({ value }) => value)]
  const bounds = [over?.frame?.start, over?.frame?.end].flatMap((b) =>
    b !== undefined && 'value' in b ? [b.value] : [],
  )
  return [...clauses.orderBy.map(({ value }) => value), ...present(clauses.filter), ...window, ...bounds]
}

/** Equal for expressions that mean the same: what GROUP BY and DISTINCT compare. Places do not count. */
export function keyOf(typed: Typed): string {
  const known = keys.get(typed)
  if (known !== undefined) return known
  const parts: string[] = []
  addKey(typed, parts)
  const key = parts.join('')
  keys.set(typed, key)
  return key
}

/** Expressions never change, and are asked again for each clause they are looked for in. */
const keys = new WeakMap<Typed, string>()

const LEFT_OUT = new Set(['at', 'call', 'free'])

/** The value as text, part by part. It is asked for at every step down an expression, so it does without JSON.stringify. */
function addKey(value: unknown, parts: string[]): void {
  if (typeof value === 'bigint') parts.push(`${value}n`)
  else if (typeof value !== 'object' || value === null)
    parts.push(typeof value === 'string' ? JSON.stringify(value) : String(value))
  else if (Array.isArray(value)) {
    parts.push('[')
    for (const item of value) {
      addKey(item, parts)
      parts.push(',')
    }
    parts.push(']')
  } else if ((value as Typed).kind === 'column') {
    const { relation, column } = value as ColumnValue
    parts.push(`r${relation}.c${column}`)
  } else {
    parts.push('{')
    for (const key in value) {
      const part = (value as Record<string, unknown>)[key]
      if (part === undefined || LEFT_OUT.has(key)) continue
      parts.push(key, ':')
      addKey(part, parts)
      parts.push(',')
    }
    parts.push('}')
  }
}

/** True when the expression or anything in it satisfies the test. */
export function some(typed: Typed, test: (inner: Typed) => boolean): boolean {
  return test(typed) || children(typed).some((child) => some(child, test))
}

/** Every column used in an expression. */
export function columnsOf(typed: Typed): ColumnValue[] {
  return typed.kind === 'column' ? [typed] : children(typed).flatMap(columnsOf)
}
