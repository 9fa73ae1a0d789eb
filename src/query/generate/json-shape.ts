import { QueryError } from '../errors.ts'
import { doubleText } from '../functions/index.ts'
import type { Shape } from './json-casts.ts'

/**
 * The scalar text, or the JSON text, that DuckDB reads as the wanted type; null for JSON null. Integers keep all their digits.
 * Rules: trinodb/trino core/trino-main io/trino/util/JsonUtil.java.
 */
export function jsonShape(json: string, typeText: string, shape: Shape): string | null {
  const fail = (): never => {
    throw new QueryError('INVALID_CAST_ARGUMENT', `Cannot cast to ${typeText}.\n${json}`)
  }
  const value = parse(json, fail)
  if (value === null) return null
  if (typeof shape === 'string') return scalar(value, shape, fail)
  return nested(value, shape, fail)
}

type Fail = () => never
/** A number keeps its source text, so that 64-bit integers and decimals stay exact. */
type NumberText = { number: string }
type Json = null | boolean | string | NumberText | Json[] | Map<string, Json>

function parse(json: string, fail: Fail): Json {
  try {
    return JSON.parse(json, (_key, value: unknown, context?: { source?: string }) => {
      if (typeof value === 'number') return new Exact(context?.source ?? String(value))
      return value
    }) as Json
  } catch (error) {
    if (error instanceof SyntaxError) return fail()
    throw error
  }
}

class Exact {
  readonly number: string
  constructor(number: string) {
    this.number = number
  }
}

function scalar(value: Json, kind: string, fail: Fail): string {
  if (kind === 'json') return write(value)
  if (Array.isArray(value) || (typeof value === 'object' && !(value instanceof Exact))) return fail()
  switch (kind) {
    case 'varchar':
      return value instanceof Exact ? numberText(value.number) : String(value)
    case 'boolean':
      return booleanText(value, fail)
    case 'real':
    case 'double':
      return value instanceof Exact
        ? value.number
        : typeof value === 'boolean'
          ? value
            ? '1'
            : '0'
          : matching(value, /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^-?(NaN|Infinity)$/, fail)
    case 'decimal':
      return value instanceof Exact
        ? value.number
        : typeof value === 'boolean'
          ? value
            ? '1'
            : '0'
          : matching(value, /^[+-]?(\d+\.?\d*|\.\d+)$/, fail)
    case 'date':
    case 'timestamp':
      return typeof value === 'string' ? value : fail()
    default:
      return integerText(value, fail)
  }
}

function matching(value: Json, pattern: RegExp, fail: Fail): string {
  return typeof value === 'string' && pattern.test(value) ? value : fail()
}

/** JSON numbers with a fraction or exponent are doubles and print as such. */
function numberText(text: string): string {
  return /^-?\d+$/.test(text) ? text : doubleText(Number(text))
}

function booleanText(value: Json, fail: Fail): string {
  if (typeof value === 'boolean') return String(value)
  if (value instanceof Exact) return String(Number(value.number) !== 0)
  const text = String(value).toLowerCase()
  if (['t', 'true', '1'].includes(text)) return 'true'
  return ['f', 'false', '0'].includes(text) ? 'false' : fail()
}

function integerText(value: Json, fail: Fail): string {
  if (typeof value === 'boolean') return value ? '1' : '0'
  if (typeof value === 'string') return /^[+-]?\d+$/.test(value.trim()) ? value.trim() : fail()
  const { number } = value as Exact
  if (/^-?\d+$/.test(number)) return number
  const parsed = Number(number)
  return Number.isFinite(parsed)
    ? BigInt(Math.sign(parsed) * Math.round(Math.abs(parsed))).toString()
    : fail()
}

/** JSON text in the shape DuckDB reads: rows as objects f1, f2, …; from arrays by place, from objects by name. */
function nested(value: Json, shape: Exclude<Shape, string>, fail: Fail): string {
  if ('array' in shape) {
    return Array.isArray(value)
      ? `[${value.map((item) => member(item, shape.array, fail)).join(',')}]`
      : fail()
  }
  if ('map' in shape) {
    if (!isObject(value)) return fail()
    const entries = Object.entries(value).map(
      ([key, item]) => `${JSON.stringify(key)}:${member(item, shape.map, fail)}`,
    )
    return `{${entries.join(',')}}`
  }
  return `{${shape.row.map(([name, field], i) => `"f${i + 1}":${member(rowItem(value, name, i, shape.row.length, fail), field, fail)}`).join(',')}}`
}

function isObject(value: Json): value is Map<string, Json> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Exact)
}

function rowItem(value: Json, name: string | null, index: number, width: number, fail: Fail): Json {
  if (Array.isArray(value)) return value.length === width ? value[index]! : fail()
  if (!isObject(value) || name === null) return fail()
  const found = Object.entries(value).find(([key]) => key.toLowerCase() === name.toLowerCase())
  return (found?.[1] as Json | undefined) ?? null
}

const NUMBERS = new Set(['tinyint', 'smallint', 'integer', 'bigint'])

function member(value: Json, shape: Shape, fail: Fail): string {
  if (typeof shape !== 'string') return value === null ? 'null' : nested(value, shape, fail)
  if (value === null) return shape === 'json' ? '"null"' : 'null'
  const text = scalar(value, shape, fail)
  return NUMBERS.has(shape) || shape === 'boolean' ? text.replace(/^\+/, '') : JSON.stringify(text)
}

function write(value: Json): string {
  if (value instanceof Exact) return value.number
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`
  if (isObject(value)) {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${write(item as Json)}`).join(',')}}`
  }
  return JSON.stringify(value)
}
