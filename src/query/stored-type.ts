import type { PrestoType } from './presto-type.ts'

/**
 * The type as which tables keep values of `type`; a value that is of another one is cast to it before it is written. Whole
 * numbers become bigint, booleans 1 and 0, other numbers double, arrays and maps of such are kept as such, everything else as text.
 */
export function keptType(type: PrestoType): PrestoType {
  switch (type.kind) {
    case 'boolean':
    case 'tinyint':
    case 'smallint':
    case 'integer':
    case 'bigint':
      return { kind: 'bigint' }
    case 'real':
    case 'double':
    case 'decimal':
      return { kind: 'double' }
    case 'array':
      return { kind: 'array', element: keptType(type.element) }
    case 'map':
      // The catalog knows maps by simple keys only.
      return isNested(type.key)
        ? { kind: 'varchar' }
        : { kind: 'map', key: keptType(type.key), value: keptType(type.value) }
    default:
      return { kind: 'varchar' }
  }
}

/** What the catalog (and the REST API) calls a column that keeps values of `type`. */
export function catalogType(type: PrestoType): string {
  const kept = keptType(type)
  switch (kept.kind) {
    case 'bigint':
      return 'long'
    case 'double':
      return 'double'
    case 'array':
      return `array<${catalogType(kept.element)}>`
    case 'map':
      return `map<${catalogType(kept.key)},${catalogType(kept.value)}>`
    default:
      return 'string'
  }
}

const isNested = ({ kind }: PrestoType) => kind === 'array' || kind === 'map' || kind === 'row'
