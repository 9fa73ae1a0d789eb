import type { PrestoType } from './presto-type.ts'

/**
 * The DuckDB type that holds values of a Presto type. Rows are structs whose fields are always f1, f2, …: Presto allows
 * fields without names and with equal ones. JSON is its text. CHAR is padded text. Both intervals are INTERVAL.
 */
export function duckdbType(type: PrestoType): string {
  switch (type.kind) {
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`
    case 'time':
      return 'TIME'
    case 'timestamp':
      return 'TIMESTAMP'
    case 'timestamp with time zone':
      return 'TIMESTAMPTZ'
    case 'array':
      return `${duckdbType(type.element)}[]`
    case 'map':
      return `MAP(${duckdbType(type.key)}, ${duckdbType(type.value)})`
    case 'row':
      return `STRUCT(${type.fields.map((f, i) => `f${i + 1} ${duckdbType(f.type)}`).join(', ')})`
    default:
      return SIMPLE[type.kind]
  }
}

const SIMPLE = {
  unknown: 'INTEGER',
  boolean: 'BOOLEAN',
  tinyint: 'TINYINT',
  smallint: 'SMALLINT',
  integer: 'INTEGER',
  bigint: 'BIGINT',
  real: 'FLOAT',
  double: 'DOUBLE',
  varchar: 'VARCHAR',
  char: 'VARCHAR',
  varbinary: 'BLOB',
  date: 'DATE',
  'interval year to month': 'INTERVAL',
  'interval day to second': 'INTERVAL',
  json: 'VARCHAR',
  hyperloglog: 'BLOB',
} as const
