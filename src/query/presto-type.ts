/** A Presto type as the analyzer computes it and the client protocol reports it. */
export type PrestoType =
  | { kind: SimpleKind }
  | { kind: 'decimal'; precision: number; scale: number }
  /** `length` undefined = unbounded. */
  | { kind: 'varchar'; length?: number }
  | { kind: 'char'; length: number }
  | { kind: 'time'; precision: number }
  | { kind: 'timestamp'; precision: number }
  /** The engine keeps the instant only (TIMESTAMPTZ); the zone is tracked here. Absent = the session's zone. */
  | { kind: 'timestamp with time zone'; precision: number; zone?: string }
  | { kind: 'array'; element: PrestoType }
  | { kind: 'map'; key: PrestoType; value: PrestoType }
  | { kind: 'row'; fields: { name?: string; type: PrestoType }[] }

export type SimpleKind =
  | 'unknown'
  | 'boolean'
  | 'tinyint'
  | 'smallint'
  | 'integer'
  | 'bigint'
  | 'real'
  | 'double'
  | 'varbinary'
  | 'date'
  | 'interval year to month'
  | 'interval day to second'
  | 'json'
  | 'hyperloglog'

/** The text clients see: `varchar(3)`, `decimal(10,2)`, `array(row(x bigint))`, `timestamp(3) with time zone`. */
export function typeText(type: PrestoType): string {
  switch (type.kind) {
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`
    case 'varchar':
      return type.length === undefined ? 'varchar' : `varchar(${type.length})`
    case 'char':
      return `char(${type.length})`
    case 'time':
      return `time(${type.precision})`
    case 'timestamp':
      return `timestamp(${type.precision})`
    case 'timestamp with time zone':
      return `timestamp(${type.precision}) with time zone`
    case 'array':
      return `array(${typeText(type.element)})`
    case 'map':
      return `map(${typeText(type.key)}, ${typeText(type.value)})`
    case 'row':
      return `row(${type.fields.map((f) => (f.name === undefined ? '' : `${f.name} `) + typeText(f.type)).join(', ')})`
    default:
      return type.kind
  }
}
