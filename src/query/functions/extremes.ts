import { aggregate, aggregateSql, type Call, type FunctionDefinition } from './define.ts'
import { raise, raiseSql } from './duck-type.ts'

/** max, min and their like. */

/** NaN counts only where there is nothing else. */
const withoutNaN = (call: Call, key: number, name: string): string => {
  const all = aggregateSql(call, name, call.args)
  if (!['double', 'real'].includes(call.types[key]!.kind)) return all
  return `coalesce(${aggregateSql(call, name, call.args, `NOT isnan(${call.args[key]})`)}, ${all})`
}

const MOST_EXTREMES = 10_000n

/** The last argument says how many, the same in all rows. A constant is checked here, what is not, where it runs. */
function several(call: Call, what: string, aggregateOf: (checked: Call) => string): string {
  const at = call.args.length - 1
  const count = call.args[at]!
  const constant = call.constants[at]
  if (typeof constant === 'bigint' && constant > 0n && constant <= MOST_EXTREMES) return aggregateOf(call)
  const invalid = (message: string): string => raise('INVALID_FUNCTION_ARGUMENT', message, call.types[at]!)
  const tooMany = raiseSql(
    'INVALID_FUNCTION_ARGUMENT',
    `'${what} must be less than or equal to ${MOST_EXTREMES}; found ' || ${count}`,
    call.types[at]!,
  )
  const positive = what.startsWith('third') ? 'a positive integer' : 'positive'
  const checked = `CASE WHEN ${count} IS NULL THEN 1 WHEN ${count} <= 0 THEN ${invalid(`${what} must be ${positive}`)} WHEN ${count} > ${MOST_EXTREMES} THEN ${tooMany} ELSE ${count} END`
  const args = call.args.map((arg, i) => (i === at ? checked : arg))
  return `CASE WHEN ${aggregateSql(call, 'count', [count])} > 0 THEN ${aggregateOf({ ...call, args })} END`
}

const extremes = (name: 'max' | 'min') => [
  ...aggregate(`${name}(E) -> E`, (call) => withoutNaN(call, 0, name), { orderable: ['E'] }),
  ...aggregate(
    `${name}(E, bigint) -> array(E)`,
    (call) => several(call, `second argument of ${name}_n`, (checked) => withoutNaN(checked, 0, name)),
    { orderable: ['E'] },
  ),
  ...aggregate(
    `${name}_by(V, K) -> V`,
    (call) => withoutNaN(call, 1, name === 'max' ? 'arg_max_null' : 'arg_min_null'),
    { orderable: ['K'] },
  ),
  ...aggregate(
    `${name}_by(V, K, bigint) -> array(V)`,
    (call) => several(call, `third argument of ${name}_by`, (checked) => severalBy(checked, name)),
    { orderable: ['K'] },
  ),
]

/** Wrapped, so that values that are NULL are not passed over. */
function severalBy(call: Call, name: 'max' | 'min'): string {
  const [value, ...rest] = call.args
  const found = withoutNaN({ ...call, args: [`{'v': ${value}}`, ...rest] }, 1, `arg_${name}`)
  return `list_transform(${found}, lambda "$v": "$v".v)`
}

export const definitions: FunctionDefinition[] = [...extremes('max'), ...extremes('min')]
