import { type Position, QueryError } from '../errors.ts'
import type { TypeName } from '../parse/ast.ts'
import { MAX_CHAR_LENGTH, type PrestoType, type SimpleKind, typeText } from '../presto-type.ts'

const SIMPLE: Record<string, SimpleKind> = {
  boolean: 'boolean',
  tinyint: 'tinyint',
  smallint: 'smallint',
  integer: 'integer',
  int: 'integer',
  bigint: 'bigint',
  real: 'real',
  double: 'double',
  varbinary: 'varbinary',
  date: 'date',
  json: 'json',
  unknown: 'unknown',
  ipaddress: 'ipaddress',
  uuid: 'uuid',
  hyperloglog: 'hyperloglog',
  p4hyperloglog: 'p4hyperloglog',
  setdigest: 'setdigest',
  tdigest: 'tdigest',
}

/** Picoseconds. */
const MAX_TIME_PRECISION = 12

/** The type a type name means. Throws TYPE_MISMATCH for one that does not exist. */
export function resolveType(name: TypeName): PrestoType {
  switch (name.kind) {
    case 'row':
      return {
        kind: 'row',
        fields: name.fields.map((f) => ({
          ...(f.name === undefined ? {} : { name: f.name }),
          type: resolveType(f.type),
        })),
      }
    case 'date-time':
      return dateTimeType(name.base, name.precision, name.zoned, name.at)
    case 'interval':
      return intervalType(name.from)
    case 'generic':
      return genericType(name)
  }
}

/** The type of a CAST: one that does not exist is the fault of the cast. */
export function castType(name: TypeName, at: Position): PrestoType {
  try {
    return resolveType(name)
  } catch (error) {
    if (!(error instanceof QueryError) || error.errorName !== 'TYPE_MISMATCH') throw error
    throw new QueryError('TYPE_MISMATCH', error.message.replace(/^line \d+:\d+: /, ''), at, error)
  }
}

export function intervalType(from: string): PrestoType {
  return { kind: from === 'year' || from === 'month' ? 'interval year to month' : 'interval day to second' }
}

function dateTimeType(base: string, given: number | undefined, zoned: boolean, at: Position): PrestoType {
  const precision = given ?? 3
  if (precision > MAX_TIME_PRECISION) {
    throw new QueryError(
      'TYPE_MISMATCH',
      `Unknown type: ${base}(${precision})${zoned ? ' with time zone' : ''}`,
      at,
    )
  }
  if (base === 'timestamp') return { kind: zoned ? 'timestamp with time zone' : 'timestamp', precision }
  return { kind: zoned ? 'time with time zone' : 'time', precision }
}

function genericType(name: Extract<TypeName, { kind: 'generic' }>): PrestoType {
  const { parameters, at } = name
  const numbers = parameters.filter((p): p is number => typeof p === 'number')
  const simple = Object.hasOwn(SIMPLE, name.name) ? SIMPLE[name.name] : undefined
  if (simple !== undefined && parameters.length === 0) return { kind: simple }
  const types = (): PrestoType[] =>
    parameters.map((p) => (typeof p === 'number' ? fail(name) : resolveType(p)))
  switch (name.name) {
    case 'varchar':
      if (parameters.length === 0) return { kind: 'varchar' }
      return numbers.length === 1 && parameters.length === 1
        ? { kind: 'varchar', length: numbers[0]! }
        : fail(name)
    case 'char':
      return numbers.length === parameters.length && (numbers[0] ?? 1) <= MAX_CHAR_LENGTH
        ? { kind: 'char', length: numbers[0] ?? 1 }
        : fail(name)
    case 'decimal':
    case 'dec':
    case 'numeric':
      return numbers.length === parameters.length
        ? decimalType(numbers[0] ?? 38, numbers[1] ?? 0, at)
        : fail(name)
    case 'timestamp':
    case 'time':
      return dateTimeType(name.name, numbers[0], false, at)
    case 'array':
      return parameters.length === 1 ? { kind: 'array', element: types()[0]! } : fail(name)
    case 'qdigest':
      return parameters.length === 1 ? { kind: 'qdigest', value: types()[0]! } : fail(name)
    case 'map':
      return parameters.length === 2 ? { kind: 'map', key: types()[0]!, value: types()[1]! } : fail(name)
    default:
      return fail(name)
  }
}

function decimalType(precision: number, scale: number, at: Position): PrestoType {
  if (precision < 1 || precision > 38) {
    throw new QueryError(
      'INVALID_FUNCTION_ARGUMENT',
      `DECIMAL precision must be in range [1, 38]: ${precision}`,
      at,
    )
  }
  if (scale > precision) {
    throw new QueryError(
      'INVALID_FUNCTION_ARGUMENT',
      `DECIMAL scale must be in range [0, precision (${precision})]: ${scale}`,
      at,
    )
  }
  return { kind: 'decimal', precision, scale }
}

function fail(name: Extract<TypeName, { kind: 'generic' }>): never {
  const text = name.parameters
    .map((p) => (typeof p === 'number' ? String(p) : typeText(resolveType(p))))
    .join(', ')
  throw new QueryError(
    'TYPE_MISMATCH',
    `Unknown type: ${name.name}${text === '' ? '' : `(${text})`}`,
    name.at,
  )
}

/** Type of a stored column by the name the REST API gives it; what is not known reads as varchar. */
export function columnType(restType: string): PrestoType {
  const text = restType.trim().toLowerCase()
  const simple: Record<string, PrestoType> = {
    int: { kind: 'bigint' },
    long: { kind: 'bigint' },
    float: { kind: 'double' },
    double: { kind: 'double' },
    string: { kind: 'varchar' },
  }
  const known = Object.hasOwn(simple, text) ? simple[text] : undefined
  if (known !== undefined) return known
  const array = /^array<(.*)>$/.exec(text)
  if (array !== null) return { kind: 'array', element: columnType(array[1]!) }
  const map = /^map<(.*)>$/.exec(text)
  const comma = map === null ? -1 : outerComma(map[1]!)
  if (map !== null && comma > 0) {
    return {
      kind: 'map',
      key: columnType(map[1]!.slice(0, comma)),
      value: columnType(map[1]!.slice(comma + 1)),
    }
  }
  return { kind: 'varchar' }
}

function outerComma(text: string): number {
  let depth = 0
  for (const [index, character] of [...text].entries()) {
    if (character === '<') depth += 1
    if (character === '>') depth -= 1
    if (character === ',' && depth === 0) return index
  }
  return -1
}
