import type { Position } from '../errors.ts'
import { canCoerce, commonTypeOf, sameType } from '../functions/coercion.ts'
import { duckType } from '../functions/index.ts'
import { type PrestoType, typeText } from '../presto-type.ts'
import { mismatch } from './analyzer.ts'
import { constant, fits } from './literals.ts'
import type { Typed } from './plan.ts'

export const BOOLEAN: PrestoType = { kind: 'boolean' }
export const BIGINT: PrestoType = { kind: 'bigint' }
export const VARCHAR: PrestoType = { kind: 'varchar' }

/** The value widened to a type it can be coerced to; the caller has checked that it can. */
export function widen(value: Typed, type: PrestoType): Typed {
  if (sameType(value.type, type) && duckType(value.type) === duckType(type)) return value
  if (value.kind === 'constant') {
    if (value.value === null) return { ...value, type }
    if (typeof value.value === 'bigint' && fits(type.kind, value.value)) return { ...value, type }
    if (type.kind === 'varchar' && value.type.kind === 'varchar') return { ...value, type }
    if (type.kind === 'decimal' && typeof value.value === 'bigint') {
      return constant(type, `${value.value}${type.scale === 0 ? '' : `.${'0'.repeat(type.scale)}`}`, value.at)
    }
  }
  return { kind: 'cast', value, type, safe: false, implicit: true, at: value.at }
}

/** Widens the values to the type common to all; `what` begins the message when there is none. */
export function unifyAll(
  values: Typed[],
  what: (types: PrestoType[]) => string,
  at: Position,
): { type: PrestoType; values: Typed[] } {
  const types = values.map((value) => value.type)
  const type = commonTypeOf(types)
  if (type === undefined) throw mismatch(what(types), at)
  return { type, values: values.map((value) => widen(value, type)) }
}

/** A value where a type is wanted: widened, or TYPE_MISMATCH with the given text before the type it has. */
export function requireType(value: Typed, type: PrestoType, what: string): Typed {
  if (!canCoerce(value.type, type)) {
    throw mismatch(
      `${what} must evaluate to a ${typeText(type)}: actual type ${typeText(value.type)}`,
      value.at,
    )
  }
  return widen(value, type)
}

export function requireBoolean(value: Typed, what: string): Typed {
  return requireType(value, BOOLEAN, what)
}
