import { type FunctionDefinition, scalar } from './define.ts'
import { fault } from './errors-in-engine.ts'
import { pureFunction } from './javascript-helpers.ts'
import type { JavaScriptFunction } from './types.ts'

/** Bits of two's complement numbers. */

const SIZES = { tinyint: 8, smallint: 16, integer: 32, bigint: 64 } as const

const shifts = (name: string) =>
  Object.entries(SIZES).flatMap(([type, bits]) =>
    scalar(
      `${name}(${type}, integer) -> ${type}`,
      `CAST(p_${name}(CAST($1 AS BIGINT), CAST($2 AS BIGINT), ${bits}) AS $result)`,
    ),
  )

export const definitions: FunctionDefinition[] = [
  ...scalar('bitwise_and(bigint, bigint) -> bigint', '($1 & $2)'),
  ...scalar('bitwise_or(bigint, bigint) -> bigint', '($1 | $2)'),
  ...scalar('bitwise_xor(bigint, bigint) -> bigint', 'xor($1, $2)'),
  ...scalar('bitwise_not(bigint) -> bigint', '(~$1)'),
  ...shifts('bitwise_left_shift'),
  ...shifts('bitwise_right_shift'),
  ...shifts('bitwise_right_shift_arithmetic'),
  ...scalar('bit_count(bigint, bigint) -> bigint', 'p_bit_count($1, $2)'),
]

/** From the width on nothing is left; a count below zero is beyond it. */
const shiftBy = (count: bigint, bits: bigint): bigint => (count < 0n || count > bits ? bits : count)

export const javascript: JavaScriptFunction[] = [
  pureFunction(
    'p_bitwise_left_shift(BIGINT, BIGINT, BIGINT) -> BIGINT',
    (value: bigint, count: bigint, bits: bigint) =>
      BigInt.asIntN(Number(bits), value << shiftBy(count, bits)),
  ),
  pureFunction(
    'p_bitwise_right_shift(BIGINT, BIGINT, BIGINT) -> BIGINT',
    (value: bigint, count: bigint, bits: bigint) =>
      BigInt.asIntN(Number(bits), BigInt.asUintN(Number(bits), value) >> shiftBy(count, bits)),
  ),
  pureFunction(
    'p_bitwise_right_shift_arithmetic(BIGINT, BIGINT, BIGINT) -> BIGINT',
    (value: bigint, count: bigint, bits: bigint) => value >> shiftBy(count, bits),
  ),
  pureFunction('p_bit_count(BIGINT, BIGINT) -> BIGINT', bitCount),
]

function bitCount(value: bigint, bits: bigint): bigint {
  if (bits < 2n || bits > 64n)
    throw fault(
      'INVALID_FUNCTION_ARGUMENT',
      `Bits specified in bit_count must be between 2 and 64, got ${bits}`,
    )
  if (BigInt.asIntN(Number(bits), value) !== value) {
    throw fault(
      'INVALID_FUNCTION_ARGUMENT',
      `Number must be representable with the bits specified. ${value} cannot be represented with ${bits} bits`,
    )
  }
  const binary = BigInt.asUintN(Number(bits), value).toString(2)
  return BigInt(binary.replaceAll('0', '').length)
}
