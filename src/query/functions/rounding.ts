import { fault } from './errors-in-engine.ts'

/** Rounding to a number of digits that the engine's own functions do not do, or not without overflowing. */

const BITS: Record<string, number> = { TINYINT: 8, SMALLINT: 16, INTEGER: 32, BIGINT: 64 }

/** Half away from zero to 10, 100 … for digits -1, -2 …; `type` is the engine's name of the number's type. */
export function roundWhole(value: bigint, digits: number, type: string): bigint {
  const rounded = roundTo(value, BigInt(Math.min(-digits, 20)))
  const bits = BITS[type]!
  if (BigInt.asIntN(bits, rounded) === rounded) return rounded
  throw fault(
    'NUMERIC_VALUE_OUT_OF_RANGE',
    bits === 64 ? `numerical overflow: ${value}` : `Out of range for ${type.toLowerCase()}: ${rounded}`,
  )
}

/** A decimal's text with so many digits behind the point, the further ones 0; negative: before it. */
export function decimalAt(text: string, digits: number, rounding: boolean): string {
  const [whole, fraction = ''] = text.split('.')
  const drop = fraction.length - digits
  if (drop <= 0) return text
  const unscaled = BigInt(whole! + fraction)
  const unit = 10n ** BigInt(Math.min(drop, 40))
  const kept = rounding ? roundTo(unscaled, BigInt(Math.min(drop, 40))) : unscaled - (unscaled % unit)
  return decimalText(kept, fraction.length)
}

function roundTo(value: bigint, places: bigint): bigint {
  const unit = 10n ** places
  const size = value < 0n ? -value : value
  const rounded = ((size + unit / 2n) / unit) * unit
  return value < 0n ? -rounded : rounded
}

function decimalText(unscaled: bigint, scale: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0')
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
  return unscaled < 0n ? `-${text}` : text
}
