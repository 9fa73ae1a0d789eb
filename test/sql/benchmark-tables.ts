/**
 * Tables of the TPC benchmarks as this project makes them: DuckDB text that computes each row from its number, so that the same scale
 * gives the same rows everywhere. The schemas, the domains of values and the ratios of the tables are the specifications'; the
 * rows are not dsdgen's or dbgen's.
 */
export type BenchmarkTable = {
  name: string
  /** Presto types by column. */
  columns: Record<string, string>
  /** A query for the columns by name, in any order. `rows` is a count that grew with the scale. */
  sql: string
}

/** Macros that the tables' texts use. `draw(i, salt, n)` is a number from 0 below n that follows from row and salt. */
export const BENCHMARK_MACROS = [
  `CREATE OR REPLACE TEMP MACRO draw(i, salt, n) AS CAST(hash(hash(i, salt)) % CAST(n AS UBIGINT) AS BIGINT)`,
  `CREATE OR REPLACE TEMP MACRO one_of(i, salt, items) AS items[1 + draw(i, salt, len(items))]`,
  `CREATE OR REPLACE TEMP MACRO cents(i, salt, low, high) AS CAST(low * 100 + draw(i, salt, (high - low) * 100 + 1) AS DECIMAL(18,2)) / 100`,
  `CREATE OR REPLACE TEMP MACRO unless(i, salt, n, value) AS CASE WHEN draw(i, salt, n) = 0 THEN NULL ELSE value END`,
]

/** What a table of ours keeps of a type: whole numbers as long, other numbers as double, the rest as text. */
export function keptAs(type: string): {
  stored: 'BIGINT' | 'DOUBLE' | 'VARCHAR'
  rest: string
  physical: string
} {
  if (type === 'bigint' || type === 'integer') return { stored: 'BIGINT', rest: 'long', physical: 'INT64' }
  if (type === 'double' || type.startsWith('decimal'))
    return { stored: 'DOUBLE', rest: 'double', physical: 'DOUBLE' }
  return { stored: 'VARCHAR', rest: 'string', physical: 'BYTE_ARRAY' }
}

/** The table's rows as a chunk of ours holds them. */
export function storedSql({ columns, sql }: BenchmarkTable): string {
  const stored = Object.entries(columns).map(
    ([name, type]) => `CAST(${name} AS ${keptAs(type).stored}) AS ${name}`,
  )
  return `SELECT ${stored.join(', ')}, 1704067200::BIGINT AS time FROM (${sql})`
}

/** The table with the types of the specification again, as a WITH query of the same name in front of a text. */
export function typedWith({ name, columns }: BenchmarkTable): string {
  const typed = Object.entries(columns).map(([column, type]) => {
    const { stored } = keptAs(type)
    const kept = { BIGINT: 'bigint', DOUBLE: 'double', VARCHAR: 'varchar' }[stored]
    return type === kept ? column : `CAST(${column} AS ${type}) AS ${column}`
  })
  return `${name} AS (SELECT ${typed.join(', ')} FROM db.${name})`
}

/** The text behind WITH queries for those tables it names. */
export function withTypedTables(text: string, tables: BenchmarkTable[]): string {
  const named = tables.filter(({ name }) => new RegExp(`\\b${name}\\b`).test(text)).map(typedWith)
  const own = /^\s*WITH\s/i.exec(text)
  return own === null
    ? `WITH ${named.join(', ')} ${text}`
    : `WITH ${named.join(', ')}, ${text.slice(own[0].length)}`
}
