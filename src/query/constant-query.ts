import type { CompiledQuery } from './compile.ts'
import { duckType, textLiteral } from './functions/index.ts'

/** A query that answers the given rows: SHOW and EXPLAIN, whose answers are known when they are compiled. */
export function constantQuery(
  columns: CompiledQuery['columns'],
  rows: (string | boolean)[][],
): CompiledQuery {
  const names = columns.map((_, i) => `c${i + 1}`)
  const texts = rows.map(
    (row) =>
      `(${row.map((value) => (typeof value === 'string' ? textLiteral(value) : String(value))).join(', ')})`,
  )
  const empty = columns.map(({ type }, i) => `CAST(NULL AS ${duckType(type)}) AS c${i + 1}`)
  const sql =
    rows.length === 0
      ? `SELECT ${empty.join(', ')} WHERE false`
      : `SELECT * FROM (VALUES ${texts.join(', ')}) AS v(${names.join(', ')})`
  return { kind: 'query', sql, columns, references: [], countsOnly: false }
}
