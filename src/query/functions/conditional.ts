import { type Call, type FunctionDefinition, scalar } from './define.ts'

/** greatest and least. The special forms (if, coalesce, nullif, try, case) are the analyzer's. */

/** NULL when any argument is NULL, unlike DuckDB's own, which skip it. */
function extreme(name: 'greatest' | 'least') {
  return ({ args, result }: Call): string =>
    args.length === 1
      ? args[0]!
      : isFloat(result)
        ? ofNumbers(name, args)
        : `CASE WHEN ${args.map((arg) => `${arg} IS NULL`).join(' OR ')} THEN NULL ELSE ${name}(${args.join(', ')}) END`
}

const isFloat = ({ kind }: Call['result']): boolean => kind === 'double' || kind === 'real'

/** NaN counts only where there is nothing else. */
function ofNumbers(name: 'greatest' | 'least', args: string[]): string {
  const pick = name === 'greatest' ? 'list_max' : 'list_min'
  const numbers = `list_filter([${args.join(', ')}], lambda "$n": NOT isnan("$n"))`
  return `CASE WHEN ${args.map((arg) => `${arg} IS NULL`).join(' OR ')} THEN NULL ELSE coalesce(${pick}(${numbers}), 'NaN') END`
}

export const definitions: FunctionDefinition[] = [
  ...scalar('greatest(E, E...) -> E', extreme('greatest'), { orderable: ['E'] }),
  ...scalar('least(E, E...) -> E', extreme('least'), { orderable: ['E'] }),
]
