import { QueryError } from '../errors.ts'
import { isOpaque, type PrestoType, typeText } from '../presto-type.ts'
import { castText } from './cast-text.ts'
import { type Call, type FunctionDefinition, scalar, type TypedCall } from './define.ts'
import { fault } from './errors-in-engine.ts'
import { formatText } from './format-text.ts'
import { pureFunction } from './javascript-helpers.ts'
import type { JavaScriptFunction } from './types.ts'

/** Values to text for people and back: format, short numbers, sizes of data. */

function formatCall({ args, types, context }: Call): string {
  const [pattern, ...values] = args
  const kinds = types.slice(1).map(formatKind)
  const texts = values.map((value, i) =>
    types[i + 1]!.kind === 'json'
      ? value
      : kinds[i] === 'text' || MOMENTS.has(kinds[i]!)
        ? castText(value, types[i + 1]!, context)
        : `CAST(${value} AS VARCHAR)`,
  )
  return `p_format(${pattern}, [${texts.join(', ')}]::VARCHAR[], '${kinds.join(',')}')`
}

const MOMENTS = new Set(['date', 'time', 'timestamp', 'zoned'])
const FORMATTED: Partial<Record<PrestoType['kind'], string>> = {
  tinyint: 'long',
  smallint: 'long',
  integer: 'long',
  bigint: 'long',
  real: 'float',
  double: 'double',
  decimal: 'decimal',
  boolean: 'boolean',
  date: 'date',
  time: 'time',
  timestamp: 'timestamp',
  'timestamp with time zone': 'zoned',
}

/** What Java has of the value; a type that is not written as text cannot be formatted. */
function formatKind(type: PrestoType): string {
  const kind = FORMATTED[type.kind]
  if (kind !== undefined) return kind
  if (['array', 'map', 'row', 'varbinary'].includes(type.kind) || isOpaque(type)) {
    throw new QueryError('NOT_SUPPORTED', `Type not supported for formatting: ${typeText(type)}`)
  }
  return 'text'
}

/** Checked before the query runs: `format` is a form of the language in the original. */
function formatResult({ types }: TypedCall): PrestoType {
  if (types.length < 2) {
    throw new QueryError('SYNTAX_ERROR', "The 'format' function must have at least two arguments")
  }
  for (const type of types.slice(1)) formatKind(type)
  return { kind: 'varchar' }
}

const sizes = (name: string) =>
  scalar(`${name}(varchar(x)) -> decimal(38,0)`, 'CAST(p_parse_data_size($1) AS DECIMAL(38,0))')

export const definitions: FunctionDefinition[] = [
  ...scalar('format(varchar, ANY...) -> varchar', formatCall, { result: formatResult }),
  ...scalar('format_number(bigint) -> varchar', 'p_format_number($1)'),
  ...scalar('format_number(double) -> varchar', 'p_format_number(p_saturated($1))'),
  ...sizes('parse_data_size'),
  ...sizes('parse_presto_data_size'),
]

type List = { items: (string | null)[] }

export const javascript: JavaScriptFunction[] = [
  pureFunction(
    'p_format(VARCHAR, VARCHAR[], VARCHAR) -> VARCHAR',
    (pattern: string, values: List, kinds: string) => formatText(pattern, values.items, kinds.split(',')),
  ),
  pureFunction('p_format_number(BIGINT) -> VARCHAR', shortNumber),
  pureFunction('p_saturated(DOUBLE) -> BIGINT', saturated),
  pureFunction('p_parse_data_size(VARCHAR) -> VARCHAR', dataSize),
]

/** The whole part of a double as Java casts it: 0 for NaN, the ends of bigint beyond them. */
function saturated(value: number): bigint {
  if (Number.isNaN(value)) return 0n
  if (value >= 2 ** 63) return 2n ** 63n - 1n
  return value <= -(2 ** 63) ? -(2n ** 63n) : BigInt(Math.trunc(value))
}

const UNITS = ['', 'K', 'M', 'B', 'T', 'Q']

/** At most three digits of meaning and a unit. Negative numbers keep two decimals whatever their size, as in Presto. */
function shortNumber(value: bigint): string {
  let whole = value
  let last = 0n
  let unit = 0
  while ((whole > 999n || whole < -999n) && unit < UNITS.length - 1) {
    last = whole
    whole /= 1000n
    unit++
  }
  if (unit === 0) return String(value)
  const decimals = whole < 10n ? 2 : whole < 100n ? 1 : 0
  const text = (Number(last) / 1000).toFixed(decimals)
  return `${decimals === 0 ? text : text.replace(/\.?0+$/, '')}${UNITS[unit]}`
}

const DATA_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB']

/** Bytes of `2.3MB`, whole ones only; units are powers of 1024. */
function dataSize(text: string): string {
  const found = /^(?=\.?\d)(\d*)(?:\.(\d*))?([a-zA-Z]+)$/.exec(text)
  const unit = DATA_UNITS.indexOf(found?.[3] ?? '')
  if (found === null || unit < 0) throw fault('INVALID_FUNCTION_ARGUMENT', `Invalid data size: '${text}'`)
  const [, whole = '', fraction = ''] = found
  const size = (BigInt(whole + fraction) * 1024n ** BigInt(unit)) / 10n ** BigInt(fraction.length)
  if (size >= 10n ** 38n) {
    throw fault('NUMERIC_VALUE_OUT_OF_RANGE', `Value out of range: '${text}' ('${size}B')`)
  }
  return size.toString()
}
