import type { CallClauses, Typed } from './plan.ts'

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
  return JSON.stringify(typed, (key, value: unknown) => {
    if (key === 'at' || key === 'call' || key === 'free') return undefined
    return typeof value === 'bigint' ? `${value}n` : value
  })
}

/** True when the expression or anything in it satisfies the test. */
export function some(typed: Typed, test: (inner: Typed) => boolean): boolean {
  return test(typed) || children(typed).some((child) => some(child, test))
}
