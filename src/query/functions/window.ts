import { aggregateSql, type Call, type FunctionDefinition, fail, windowed } from './define.ts'

/** Window functions; aggregates over windows are in aggregate.ts. */

const plain = (call: Call): string => aggregateSql(call, call.name, call.args)

const checked = (index: number, message: string) => (call: Call) =>
  `CASE WHEN ${call.args[index]} <= 0 THEN ${fail(call, 'INVALID_FUNCTION_ARGUMENT', message)} ELSE ${plain(call)} END`

const offset = (name: string) =>
  windowed([`${name}(T) -> T`, `${name}(T, bigint) -> T`, `${name}(T, bigint, T) -> T`], (call) => {
    const [, distance] = call.args
    if (distance === undefined) return plain(call)
    return `CASE WHEN ${distance} < 0 THEN ${fail(call, 'INVALID_FUNCTION_ARGUMENT', 'Offset must be at least 0')} ELSE ${plain(call)} END`
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
