import type { PrestoType } from '../presto-type.ts'
import { asDecimal, canCoerce, commonType, isNumeric, numericRank, sameType } from './coercion.ts'
import type { Pattern } from './signature.ts'

/** What the variables of a signature stand for in one call. */
export type Bindings = { types: Map<string, PrestoType>; numbers: Map<string, number | undefined> }

export const noBindings = (): Bindings => ({ types: new Map(), numbers: new Map() })

/** The variable that takes any type, another one each time, and changes nothing. */
export const ANY = 'ANY'

const UNKNOWN: PrestoType = { kind: 'unknown' }
// A coercion that is possible at all is dearer than none, and a nearer one is preferred to a farther one.
const COERCION_COST = 10

/**
 * Fits an argument's type to a pattern, binding variables (a variable met twice gets the common type).
 * Answers what the coercion costs, 0 for none, or undefined when it does not fit.
 */
export function unify(pattern: Pattern, type: PrestoType, bindings: Bindings): number | undefined {
  switch (pattern.kind) {
    case 'variable':
      return unifyVariable(pattern.name, type, bindings)
    case 'decimal':
      return unifyDecimal(pattern, type, bindings)
    case 'varchar':
      return 'reads' in pattern ? unifyReadText(type) : unifyVarchar(pattern.length, type, bindings)
    case 'char':
      return unifyChar(pattern.length, type, bindings)
    case 'time':
    case 'timestamp':
    case 'time with time zone':
    case 'timestamp with time zone':
      return unifyMoment(pattern, type, bindings)
    case 'array':
      if (type.kind === 'unknown') return bindUnknown([pattern.element], bindings)
      return type.kind === 'array' ? unify(pattern.element, type.element, bindings) : undefined
    case 'qdigest':
      if (type.kind === 'unknown') return bindUnknown([pattern.value], bindings)
      return type.kind === 'qdigest' ? unify(pattern.value, type.value, bindings) : undefined
    case 'map':
      if (type.kind === 'unknown') return bindUnknown([pattern.key, pattern.value], bindings)
      return type.kind === 'map'
        ? sum([unify(pattern.key, type.key, bindings), unify(pattern.value, type.value, bindings)])
        : undefined
    case 'row':
      if (type.kind === 'unknown') return bindUnknown(pattern.fields, bindings)
      if (type.kind !== 'row' || type.fields.length !== pattern.fields.length) return undefined
      return sum(pattern.fields.map((field, i) => unify(field, type.fields[i]!.type, bindings)))
    case 'function':
      return undefined
    case 'concrete':
      return coercionCost(type, pattern.type)
  }
}

function sum(costs: (number | undefined)[]): number | undefined {
  let total = 0
  for (const cost of costs) {
    if (cost === undefined) return undefined
    total += cost
  }
  return total
}

/** NULL where a collection is wanted: its variables are unknown unless bound by another argument. */
function bindUnknown(patterns: Pattern[], bindings: Bindings): number {
  for (const pattern of patterns) unify(pattern, UNKNOWN, bindings)
  return COERCION_COST
}

function coercionCost(from: PrestoType, to: PrestoType): number | undefined {
  if (sameType(from, to)) return 0
  if (!canCoerce(from, to)) return undefined
  return COERCION_COST + Math.abs((numericRank(to) ?? 0) - (numericRank(from) ?? 0))
}

function unifyVariable(name: string, type: PrestoType, { types }: Bindings): number | undefined {
  if (name === ANY) return 1
  const bound = types.get(name)
  if (bound === undefined) {
    types.set(name, type)
    // An exact match of a concrete signature is preferred to a generic one.
    return 1
  }
  const common = commonType(bound, type)
  if (common === undefined) return undefined
  types.set(name, common)
  return sameType(bound, common) && sameType(type, common) ? 1 : COERCION_COST
}

type DecimalPattern = Extract<Pattern, { kind: 'decimal' }>

function unifyDecimal(pattern: DecimalPattern, type: PrestoType, bindings: Bindings): number | undefined {
  const known = type.kind === 'unknown' ? { kind: 'decimal' as const, precision: 1, scale: 0 } : type
  if (!isNumeric(known) || known.kind === 'real' || known.kind === 'double') return undefined
  const { precision, scale } = asDecimal(known)
  if (typeof pattern.precision === 'number') {
    return coercionCost(type, { kind: 'decimal', precision: pattern.precision, scale: Number(pattern.scale) })
  }
  const bound = bindings.numbers.get(pattern.precision)
  const wanted =
    bound === undefined
      ? { precision, scale }
      : asDecimal(
          commonType(
            { kind: 'decimal', precision: bound, scale: bindings.numbers.get(String(pattern.scale)) ?? 0 },
            { kind: 'decimal', precision, scale },
          )!,
        )
  bindings.numbers.set(pattern.precision, wanted.precision)
  bindings.numbers.set(String(pattern.scale), wanted.scale)
  if (type.kind === 'decimal') return 0
  return COERCION_COST + Math.abs(4 - (numericRank(type) ?? 0))
}

function unifyVarchar(
  variable: string | undefined,
  type: PrestoType,
  bindings: Bindings,
): number | undefined {
  if (type.kind !== 'varchar' && type.kind !== 'unknown') return undefined
  const length = 'length' in type ? type.length : type.kind === 'unknown' ? 0 : undefined
  if (variable !== undefined && /^\d/.test(variable)) {
    if (length === undefined || length > Number(variable)) return undefined
  } else if (variable !== undefined) {
    const bound = bindings.numbers.get(variable)
    const widest =
      length === undefined || (bindings.numbers.has(variable) && bound === undefined)
        ? undefined
        : Math.max(length, bound ?? 0)
    bindings.numbers.set(variable, widest)
  }
  return type.kind === 'varchar' ? 0 : COERCION_COST
}

const LONGEST_CHAR = 65_536

/** A varchar is widened to char, never the other way round. */
function unifyChar(variable: string | undefined, type: PrestoType, bindings: Bindings): number | undefined {
  if (type.kind !== 'char' && type.kind !== 'varchar' && type.kind !== 'unknown') return undefined
  const length = 'length' in type ? (type.length ?? LONGEST_CHAR) : type.kind === 'varchar' ? LONGEST_CHAR : 0
  if (length > LONGEST_CHAR) return undefined
  if (variable !== undefined) bindings.numbers.set(variable, length)
  return type.kind === 'char' ? 0 : COERCION_COST + 1
}

/** A pattern or path is read from any text. */
const unifyReadText = (type: PrestoType): number | undefined =>
  type.kind === 'varchar' || type.kind === 'char' || type.kind === 'unknown' ? COERCION_COST : undefined

type MomentPattern = Extract<
  Pattern,
  { kind: 'time' | 'time with time zone' | 'timestamp' | 'timestamp with time zone' }
>

function unifyMoment(pattern: MomentPattern, type: PrestoType, bindings: Bindings): number | undefined {
  if (type.kind !== 'unknown' && !reachesMoment(type, pattern.kind)) return undefined
  const precision = 'precision' in type ? type.precision : type.kind === 'unknown' ? 3 : 0
  if (typeof pattern.precision === 'string') {
    bindings.numbers.set(pattern.precision, Math.max(precision, bindings.numbers.get(pattern.precision) ?? 0))
  }
  if (isZoned(type)) bindings.types.set(zoneVariable(pattern), type)
  if (type.kind === pattern.kind) return 0
  return COERCION_COST + (type.kind === 'date' && pattern.kind === 'timestamp with time zone' ? 2 : 1)
}

const isZoned = (type: PrestoType): boolean =>
  type.kind === 'timestamp with time zone' || type.kind === 'time with time zone'

const zoneVariable = (pattern: MomentPattern): string => `zone of ${pattern.precision}`

function reachesMoment(type: PrestoType, wanted: MomentPattern['kind']): boolean {
  if (type.kind === wanted) return true
  if (wanted === 'time') return false
  if (wanted === 'time with time zone') return type.kind === 'time'
  return type.kind === 'date' || (type.kind === 'timestamp' && wanted === 'timestamp with time zone')
}

/** The type a pattern stands for under the bindings; an unbound variable is `unknown`. */
export function substitute(pattern: Pattern, bindings: Bindings): PrestoType {
  const number = (value: number | string): number =>
    typeof value === 'number' ? value : (bindings.numbers.get(value) ?? 0)
  switch (pattern.kind) {
    case 'variable':
      return bindings.types.get(pattern.name) ?? UNKNOWN
    case 'decimal':
      return { kind: 'decimal', precision: number(pattern.precision), scale: number(pattern.scale) }
    case 'varchar': {
      const length = /^\d/.test(pattern.length ?? '')
        ? Number(pattern.length)
        : bindings.numbers.get(pattern.length ?? '')
      return length === undefined ? { kind: 'varchar' } : { kind: 'varchar', length }
    }
    case 'char':
      return { kind: 'char', length: number(pattern.length ?? 1) }
    case 'time':
    case 'timestamp':
      return { kind: pattern.kind, precision: number(pattern.precision) }
    case 'time with time zone':
    case 'timestamp with time zone': {
      const zoned = bindings.types.get(zoneVariable(pattern))
      const zone = zoned !== undefined && 'zone' in zoned ? zoned.zone : undefined
      const precision = number(pattern.precision)
      return zone === undefined ? { kind: pattern.kind, precision } : { kind: pattern.kind, precision, zone }
    }
    case 'qdigest':
      return { kind: 'qdigest', value: substitute(pattern.value, bindings) }
    case 'array':
      return { kind: 'array', element: substitute(pattern.element, bindings) }
    case 'map':
      return {
        kind: 'map',
        key: substitute(pattern.key, bindings),
        value: substitute(pattern.value, bindings),
      }
    case 'row':
      return { kind: 'row', fields: pattern.fields.map((field) => ({ type: substitute(field, bindings) })) }
    case 'concrete':
      return pattern.type
    case 'function':
      throw new TypeError('a lambda has no type of its own')
  }
}
