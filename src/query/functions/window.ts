import { aggregateSql, type Call, type FunctionDefinition, fail, windowed } from './define.ts'
import { raise } from './duck-type.ts'

/** Window functions; aggregates over windows are in aggregate.ts. */

const plain = (call: Call): string => aggregateSql(call, call.name, call.args)

/** The number checked before the engine sees it, which has errors of its own. */
const checked = (index: number, message: string) => (call: Call) => {
  const error = raise('INVALID_FUNCTION_ARGUMENT', message, call.types[index]!)
  const args = call.args.map((arg, i) =>
    i === index ? `CASE WHEN ${arg} <= 0 THEN ${error} ELSE ${arg} END` : arg,
  )
  return aggregateSql(call, call.name, args)
}

const offset = (name: string) =>
  windowed([`${name}(T) -> T`, `${name}(T, bigint) -> T`, `${name}(T, bigint, T) -> T`], (call) => {
    const [, distance] = call.args
    if (distance === undefined) return plain(call)
    if (typeof call.constants[1] === 'bigint' && call.constants[1] >= 0n) return plain(call)
    const invalid = (message: string): string => fail(call, 'INVALID_FUNCTION_ARGUMENT', message)
    return `CASE WHEN ${distance} IS NULL THEN ${invalid('Offset must not be null')} WHEN ${distance} < 0 THEN ${invalid('Offset must be at least 0')} ELSE ${plain(call)} END`
  })

export const definitions: FunctionDefinition[] = [
  ...windowed('row_number() -> bigint', plain),
  ...windowed('rank() -> bigint', plain),
  ...windowed('dense_rank() -> bigint', plain),
  ...windowed('percent_rank() -> double', plain),
  ...windowed('cume_dist() -> double', plain),
  ...windowed('ntile(bigint) -> bigint', checked(0, 'Buckets must be greater than 0')),
  ...windowed('first_value(T) -> T', plain),
  ...windowed('last_value(T) -> T', plain),
  ...windowed('nth_value(T, bigint) -> T', checked(1, 'Offset must be at least 1')),
  ...offset('lag'),
  ...offset('lead'),
]
