import { type Call, type FunctionDefinition, scalar } from './define.ts'

/** greatest and least. The special forms (if, coalesce, nullif, try, case) are the analyzer's. */

/** NULL when any argument is NULL, unlike DuckDB's own, which skip it. */
function extreme(name: 'greatest' | 'least') {
  return ({ args }: Call): string =>
    args.length === 1
      ? args[0]!
      : `CASE WHEN ${args.map((arg) => `${arg} IS NULL`).join(' OR ')} THEN NULL ELSE ${name}(${args.join(', ')}) END`
}

export const definitions: FunctionDefinition[] = [
  ...scalar('greatest(E, E...) -> E', extreme('greatest'), { orderable: ['E'] }),
  ...scalar('least(E, E...) -> E', extreme('least'), { orderable: ['E'] }),
]
