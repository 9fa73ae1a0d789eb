/** Numbers of paths: they have the types of SQL, and compute as SQL does. */

export type PathNumber =
  | { kind: 'number'; type: 'tinyint' | 'smallint' | 'integer' | 'bigint'; whole: bigint }
  /** A whole number of JSON beyond bigint: it can be shown and stored, not computed with. */
  | { kind: 'number'; type: 'huge'; whole: bigint }
  | { kind: 'number'; type: 'decimal'; unscaled: bigint; precision: number; scale: number }
  | { kind: 'number'; type: 'real' | 'double'; value: number }

const BITS = { tinyint: 8, smallint: 16, integer: 32, bigint: 64 } as const
const RANK = ['tinyint', 'smallint', 'integer', 'bigint', 'decimal', 'real', 'double']

/** Says that a computation has no answer; the reason is not told, as in Presto. */
export class NumberFault extends Error {}

export const double = (value: number): PathNumber => ({ kind: 'number', type: 'double', value })

/** A whole number of JSON text or of a path in the narrowest of integer, bigint and what is beyond. */
export function wholeNumber(whole: bigint): PathNumber {
  if (BigInt.asIntN(32, whole) === whole) return { kind: 'number', type: 'integer', whole }
  const type = BigInt.asIntN(64, whole) === whole ? 'bigint' : 'huge'
  return { kind: 'number', type, whole }
}

/** `-12.50` as decimal(4,2). */
export function decimalNumber(text: string): PathNumber {
  const [, sign, whole = '', fraction = ''] = /^([+-]?)(\d*)\.?(\d*)$/.exec(text)!
  const digits = `${whole}${fraction}`.replace(/^0+(?=\d)/, '')
  const precision = Math.max(digits.length, fraction.length, 1)
  const unscaled = BigInt(digits || '0') * (sign === '-' ? -1n : 1n)
  return { kind: 'number', type: 'decimal', unscaled, precision, scale: fraction.length }
}

export function toDouble(number: PathNumber): number {
  if ('value' in number) return number.value
  return 'whole' in number ? Number(number.whole) : Number(decimalText(number.unscaled, number.scale))
}

export function decimalText(unscaled: bigint, scale: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0')
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
  return unscaled < 0n ? `-${text}` : text
}

/** Below zero, zero or above, as the first number is to the second. */
export function compareNumbers(a: PathNumber, b: PathNumber): number {
  if ('value' in a || 'value' in b) return Math.sign(toDouble(a) - toDouble(b))
  const left = asDecimal(a)
  const right = asDecimal(b)
  const scale = Math.max(left.scale, right.scale)
  const difference = scaled(left, scale) - scaled(right, scale)
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

type Decimal = { unscaled: bigint; precision: number; scale: number }
const DIGITS: Record<string, number> = { tinyint: 3, smallint: 5, integer: 10, bigint: 19, huge: 38 }

function asDecimal(number: PathNumber): Decimal {
  if ('unscaled' in number) return number
  if ('whole' in number) return { unscaled: number.whole, precision: DIGITS[number.type]!, scale: 0 }
  throw new NumberFault()
}

const scaled = ({ unscaled, scale }: Decimal, to: number): bigint => unscaled * 10n ** BigInt(to - scale)

/** Half away from zero. */
export function divideRounded(dividend: bigint, divisor: bigint): bigint {
  const size = (x: bigint) => (x < 0n ? -x : x)
  const quotient = (size(dividend) * 2n + size(divisor)) / (size(divisor) * 2n)
  return dividend < 0n === divisor < 0n ? quotient : -quotient
}

/** @throws NumberFault on overflow, division by zero and numbers beyond bigint. */
export function compute(operator: string, a: PathNumber, b: PathNumber): PathNumber {
  if (a.type === 'huge' || b.type === 'huge') throw new NumberFault()
  const type = RANK[Math.max(RANK.indexOf(a.type), RANK.indexOf(b.type))]!
  if (type === 'double' || type === 'real') return computeDoubles(operator, toDouble(a), toDouble(b), type)
  if (type === 'decimal') return computeDecimals(operator, asDecimal(a), asDecimal(b))
  return computeWholes(operator, a, b, type as keyof typeof BITS)
}

function computeDoubles(operator: string, a: number, b: number, type: 'real' | 'double'): PathNumber {
  const results: Record<string, number> = { '+': a + b, '-': a - b, '*': a * b, '/': a / b, '%': a % b }
  const value = results[operator]!
  return { kind: 'number', type, value: type === 'real' ? Math.fround(value) : value }
}

function computeWholes(operator: string, a: PathNumber, b: PathNumber, type: keyof typeof BITS): PathNumber {
  const x = (a as { whole: bigint }).whole
  const y = (b as { whole: bigint }).whole
  if (y === 0n && (operator === '/' || operator === '%')) throw new NumberFault()
  const whole =
    operator === '+'
      ? x + y
      : operator === '-'
        ? x - y
        : operator === '*'
          ? x * y
          : operator === '/'
            ? x / y
            : x % y
  if (BigInt.asIntN(BITS[type], whole) !== whole) throw new NumberFault()
  return { kind: 'number', type, whole }
}

function computeDecimals(operator: string, a: Decimal, b: Decimal): PathNumber {
  const scale = operator === '*' ? a.scale + b.scale : Math.max(a.scale, b.scale)
  const precision = decimalPrecision(operator, a, b, scale)
  if (b.unscaled === 0n && (operator === '/' || operator === '%')) throw new NumberFault()
  const x = operator === '*' ? a.unscaled : scaled(a, scale)
  const y = operator === '*' ? b.unscaled : scaled(b, scale)
  const unscaled =
    operator === '+'
      ? x + y
      : operator === '-'
        ? x - y
        : operator === '*'
          ? x * y
          : operator === '/'
            ? divideRounded(x * 10n ** BigInt(scale), y)
            : x % y
  if (scale > 38 || unscaled >= 10n ** 38n || unscaled <= -(10n ** 38n)) throw new NumberFault()
  return { kind: 'number', type: 'decimal', unscaled, precision, scale }
}

function decimalPrecision(operator: string, a: Decimal, b: Decimal, scale: number): number {
  const whole = Math.max(a.precision - a.scale, b.precision - b.scale)
  if (operator === '*') return Math.min(38, a.precision + b.precision)
  if (operator === '/') return Math.min(38, a.precision + b.scale + Math.max(0, b.scale - a.scale))
  if (operator === '%') return Math.max(1, Math.min(a.precision - a.scale, b.precision - b.scale) + scale)
  return Math.min(38, 1 + scale + whole)
}

export function negate(number: PathNumber): PathNumber {
  if ('value' in number) return { ...number, value: -number.value }
  if ('unscaled' in number) return { ...number, unscaled: -number.unscaled }
  return compute('-', { ...number, whole: 0n } as PathNumber, number)
}

export function absolute(number: PathNumber): PathNumber {
  if ('value' in number) return { ...number, value: Math.abs(number.value) }
  if ('unscaled' in number) return number.unscaled < 0n ? negate(number) : number
  return number.whole < 0n ? negate(number) : number
}

/** The next whole number below, or above. A decimal loses its fraction, another type stays what it is. */
export function rounded(number: PathNumber, up: boolean): PathNumber {
  if ('value' in number) return { ...number, value: up ? Math.ceil(number.value) : Math.floor(number.value) }
  if ('whole' in number) return number
  const unit = 10n ** BigInt(number.scale)
  const rest = ((number.unscaled % unit) + unit) % unit
  const below = (number.unscaled - rest) / unit
  const unscaled = rest > 0n && up ? below + 1n : below
  const precision = Math.max(1, number.precision - number.scale + Math.min(number.scale, 1))
  return { kind: 'number', type: 'decimal', unscaled, precision, scale: 0 }
}

/** As SQL casts to integer: half away from zero. */
export function asIndex(number: PathNumber): number {
  const value = toDouble(number)
  return Math.sign(value) * Math.round(Math.abs(value))
}
