import { aggregateSql, type Call } from './define.ts'
import { duckType } from './duck-type.ts'

/** The commonest ways in which an aggregate is emitted. */

export const cast = (call: Call, sql: string): string => `CAST(${sql} AS ${duckType(call.result)})`

/** One DuckDB aggregate over the call's arguments, cast to the Presto type. */
export const by =
  (name: string) =>
  (call: Call): string =>
    cast(call, aggregateSql(call, name, call.args))

/** One DuckDB aggregate as it is: its type is Presto's already. */
export const plain =
  (name: string) =>
  (call: Call): string =>
    aggregateSql(call, name, call.args)
