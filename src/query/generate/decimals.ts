import { QueryError } from '../errors.ts'

/** Exact decimal arithmetic on texts such as `-12.50`; the results round half up to `scale` digits. */

type Exact = { unscaled: bigint; scale: number }

function read(text: string): Exact {
  const point = text.indexOf('.')
  if (point === -1) return { unscaled: BigInt(text), scale: 0 }
  return { unscaled: BigInt(text.slice(0, point) + text.slice(point + 1)), scale: text.length - point - 1 }
}

function write(unscaled: bigint, precision: number, scale: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString()
  if (digits.length > precision) throw overflow()
  const padded = digits.padStart(scale + 1, '0')
  const text = scale === 0 ? padded : `${padded.slice(0, -scale)}.${padded.slice(-scale)}`
  return unscaled < 0n ? `-${text}` : text
}

const MAX_DIGITS = 38
const overflow = (): QueryError => new QueryError('NUMERIC_VALUE_OUT_OF_RANGE', 'Decimal overflow')

/** Presto brings both sides to one scale in 38 digits, whatever the result would need. */
function rescaled({ unscaled, scale }: Exact, wanted: number): bigint {
  const result = unscaled * power(wanted - scale)
  if ((result < 0n ? -result : result) >= power(MAX_DIGITS)) throw overflow()
  return result
}

const power = (exponent: number): bigint => 10n ** BigInt(exponent)

function requireDivisor({ unscaled }: Exact): void {
  if (unscaled === 0n) throw new QueryError('DIVISION_BY_ZERO', 'Division by zero')
}

function roundedQuotient(dividend: bigint, divisor: bigint): bigint {
  const negative = dividend < 0n !== divisor < 0n
  const [a, b] = [dividend < 0n ? -dividend : dividend, divisor < 0n ? -divisor : divisor]
  const quotient = (2n * a + b) / (2n * b)
  return negative ? -quotient : quotient
}

/** Of a text that may have an exponent, as `1.5E-3`. */
export function readDecimal(text: string, precision: number, scale: number): string {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e')
  const { unscaled, scale: places } = read(
    mantissa
      .replace(/^\+/, '')
      .replace(/^(-?)\./, '$10.')
      .replace(/\.$/, ''),
  )
  const shift = scale - places + Number(exponent)
  // Further than this everything is nothing, or too much.
  if (shift < -400) return write(0n, precision, scale)
  const digits =
    shift >= 0 ? unscaled * power(Math.min(shift, 400)) : roundedQuotient(unscaled, power(-shift))
  try {
    return write(digits, precision, scale)
  } catch (error) {
    const message = `Cannot cast '${text}' to DECIMAL(${precision}, ${scale})`
    throw new QueryError('INVALID_CAST_ARGUMENT', message, undefined, error)
  }
}

export function divide(left: string, right: string, precision: number, scale: number): string {
  const [a, b] = [read(left), read(right)]
  requireDivisor(b)
  const shift = scale + b.scale - a.scale
  if (shift > MAX_DIGITS) throw overflow()
  const dividend = shift >= 0 ? a.unscaled * power(shift) : a.unscaled
  const divisor = shift >= 0 ? b.unscaled : b.unscaled * power(-shift)
  return write(roundedQuotient(dividend, divisor), precision, scale)
}

export function modulo(left: string, right: string, precision: number, scale: number): string {
  const [a, b] = [read(left), read(right)]
  requireDivisor(b)
  return write(rescaled(a, scale) % rescaled(b, scale), precision, scale)
}

export function multiply(left: string, right: string, precision: number, scale: number): string {
  const [a, b] = [read(left), read(right)]
  return write(a.unscaled * b.unscaled, precision, scale)
}
