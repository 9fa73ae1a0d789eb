import type { CompiledQuery } from './compiled.ts'
import { duckType, textLiteral } from './functions/index.ts'
import type { PrestoType } from './presto-type.ts'

export type ConstantValue = string | boolean | bigint | number | null

/** A query that answers the given rows: SHOW and EXPLAIN, whose answers are known when they are compiled. */
export function constantQuery(columns: CompiledQuery['columns'], rows: ConstantValue[][]): CompiledQuery {
  const names = columns.map((_, i) => `c${i + 1}`)
  const texts = rows.map((row) => `(${row.map((value, i) => valueSql(value, columns[i]!.type)).join(', ')})`)
  const empty = columns.map(({ type }, i) => `CAST(NULL AS ${duckType(type)}) AS c${i + 1}`)
  const sql =
    rows.length === 0
      ? `SELECT ${empty.join(', ')} WHERE false`
      : `SELECT * FROM (VALUES ${texts.join(', ')}) AS v(${names.join(', ')})`
  return { kind: 'query', sql, columns, references: [] }
}

function valueSql(value: ConstantValue, type: PrestoType): string {
  if (typeof value === 'string') return textLiteral(value)
  if (typeof value === 'boolean') return String(value)
  return `CAST(${value === null ? 'NULL' : value} AS ${duckType(type)})`
}
