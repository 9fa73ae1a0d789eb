/** A Presto type as the analyzer computes it and the client protocol reports it. */
export type PrestoType =
  | { kind: SimpleKind }
  | { kind: 'decimal'; precision: number; scale: number }
  /** `length` undefined = unbounded. */
  | { kind: 'varchar'; length?: number }
  | { kind: 'char'; length: number }
  | { kind: 'time'; precision: number }
  | { kind: 'timestamp'; precision: number }
  /** `zone` as of `timestamp with time zone`, but always a distance from UTC. */
  | { kind: 'time with time zone'; precision: number; zone?: string | null }
  /**
   * `zone` is that of every value where the statement says it; absent: the session's; null: each value carries its own. Two types that
   * differ in it only are one type to Presto, but the engine may hold their values differently (`duckType`).
   */
  | { kind: 'timestamp with time zone'; precision: number; zone?: string | null }
  | { kind: 'array'; element: PrestoType }
  | { kind: 'map'; key: PrestoType; value: PrestoType }
  | { kind: 'qdigest'; value: PrestoType }
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
  | 'ipaddress'
  | 'uuid'
  | 'color'
  | OpaqueKind

/** Sketches: bytes that only their own functions understand. */
export type OpaqueKind = (typeof OPAQUE_KINDS)[number]
const OPAQUE_KINDS = ['hyperloglog', 'p4hyperloglog', 'setdigest', 'tdigest'] as const

/** Of char(n); a varchar without length is widened to this. */
export const MAX_CHAR_LENGTH = 65_536

/** Whether values are sketches: they cannot be compared, ordered or written as text. */
export function isOpaque(type: PrestoType): boolean {
  return type.kind === 'qdigest' || (OPAQUE_KINDS as readonly string[]).includes(type.kind)
}

const SPELLED: Partial<Record<PrestoType['kind'], string>> = {
  hyperloglog: 'HyperLogLog',
  p4hyperloglog: 'P4HyperLogLog',
  setdigest: 'SetDigest',
}

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
    case 'time with time zone':
      return `time(${type.precision}) with time zone`
    case 'qdigest':
      return `qdigest(${typeText(type.value)})`
    case 'timestamp with time zone':
      return `timestamp(${type.precision}) with time zone`
    case 'array':
      return `array(${typeText(type.element)})`
    case 'map':
      return `map(${typeText(type.key)}, ${typeText(type.value)})`
    case 'row':
      return `row(${type.fields.map((f) => (f.name === undefined ? '' : `${f.name} `) + typeText(f.type)).join(', ')})`
    default:
      return SPELLED[type.kind] ?? type.kind
  }
}
