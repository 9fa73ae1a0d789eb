import type { PrestoType } from '../../presto-type.ts'
import { doubleText, realText } from '../text.ts'
import type { Item } from './items.ts'
import { decimalText, divideRounded, type PathNumber } from './numbers.ts'

/**
 * The text that the engine reads as the item's value in that type, as CAST of SQL would give; undefined where the cast fails.
 * JSON null never comes here.
 */
export function castItem(item: Item, type: PrestoType): string | undefined {
  switch (type.kind) {
    case 'varchar':
      return cut(itemText(item), type.length, item)
    case 'char':
      return cut(itemText(item), type.length, item)?.padEnd(type.length)
    case 'boolean':
      return booleanText(item)
    case 'tinyint':
    case 'smallint':
    case 'integer':
    case 'bigint':
      return wholeText(item, BITS[type.kind])
    case 'real':
    case 'double':
      return floatText(item, type.kind)
    case 'decimal':
      return decimalOf(item, type.precision, type.scale)
    case 'date':
    case 'time':
    case 'timestamp':
      return momentText(item, type.kind)
    default:
      return undefined
  }
}

const BITS = { tinyint: 8, smallint: 16, integer: 32, bigint: 64 } as const

function itemText(item: Item): string | undefined {
  switch (item.kind) {
    case 'text':
      return item.value
    case 'boolean':
      return String(item.value)
    case 'moment':
      return item.text
    case 'number':
      return numberText(item)
    default:
      return undefined
  }
}

function numberText(number: PathNumber): string | undefined {
  if ('unscaled' in number) return decimalText(number.unscaled, number.scale)
  if ('value' in number) return number.type === 'real' ? realText(number.value) : doubleText(number.value)
  return number.type === 'huge' ? undefined : String(number.whole)
}

/** A text is cut to the length, anything else must fit. */
function cut(text: string | undefined, length: number | undefined, item: Item): string | undefined {
  if (text === undefined || length === undefined) return text
  const characters = [...text]
  if (characters.length <= length) return text
  return item.kind === 'text' ? characters.slice(0, length).join('') : undefined
}

function booleanText(item: Item): string | undefined {
  if (item.kind === 'boolean') return String(item.value)
  if (item.kind === 'number') return numberText(item) === undefined ? undefined : String(!isZero(item))
  if (item.kind !== 'text') return undefined
  const text = item.value.toLowerCase()
  if (['t', 'true', '1'].includes(text)) return 'true'
  return ['f', 'false', '0'].includes(text) ? 'false' : undefined
}

const isZero = (number: PathNumber): boolean =>
  'value' in number ? number.value === 0 : ('whole' in number ? number.whole : number.unscaled) === 0n

function wholeText(item: Item, bits: number): string | undefined {
  const whole = wholeOf(item)
  return whole !== undefined && BigInt.asIntN(bits, whole) === whole ? String(whole) : undefined
}

function wholeOf(item: Item): bigint | undefined {
  if (item.kind === 'boolean') return item.value ? 1n : 0n
  if (item.kind === 'text')
    return /^[+-]?\d+$/.test(item.value) ? BigInt(item.value.replace('+', '')) : undefined
  if (item.kind !== 'number') return undefined
  if ('whole' in item) return item.type === 'huge' ? undefined : item.whole
  if ('unscaled' in item) return divideRounded(item.unscaled, 10n ** BigInt(item.scale))
  if (!Number.isFinite(item.value)) return undefined
  return BigInt(Math.sign(item.value) * Math.round(Math.abs(item.value)))
}

function floatText(item: Item, kind: 'real' | 'double'): string | undefined {
  if (item.kind === 'boolean') return item.value ? '1' : '0'
  const text = itemText(item)?.trim()
  if (text === undefined || (item.kind !== 'text' && item.kind !== 'number')) return undefined
  if (!/^[+-]?(?:NaN|Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)$/.test(text)) return undefined
  const value = kind === 'real' ? Math.fround(Number(text)) : Number(text)
  return String(value)
}

/** With so many decimals, half away from zero; undefined when it has too many digits. */
function decimalOf(item: Item, precision: number, scale: number): string | undefined {
  const text = item.kind === 'boolean' ? String(Number(item.value)) : itemText(item)?.trim()
  if (text === undefined || item.kind === 'moment') return undefined
  const found = /^([+-]?)(?=\.?\d)(\d*)\.?(\d*)(?:[eE]([+-]?\d{1,3}))?$/.exec(text)
  if (found === null) return undefined
  const [, sign, whole = '', fraction = '', exponent = '0'] = found
  const shift = scale + Number(exponent) - fraction.length
  const digits = BigInt(whole + fraction)
  const unscaled = shift >= 0 ? digits * 10n ** BigInt(shift) : divideRounded(digits, 10n ** BigInt(-shift))
  return unscaled < 10n ** BigInt(precision)
    ? decimalText(sign === '-' ? -unscaled : unscaled, scale)
    : undefined
}

const DATE = /^\d{4}-\d{1,2}-\d{1,2}$/
const CLOCK = /^\d{1,2}:\d{1,2}(?::\d{1,2}(?:\.\d{1,12})?)?$/

function momentText(item: Item, kind: 'date' | 'time' | 'timestamp'): string | undefined {
  if (item.kind !== 'text' && item.kind !== 'moment') return undefined
  const text = (item.kind === 'text' ? item.value : item.text).trim()
  const [day = '', clock] = kind === 'time' ? ['', text] : text.split(' ')
  if (kind !== 'time' && !(DATE.test(day) && isDay(day))) return undefined
  if (kind === 'date') return clock === undefined || item.kind === 'moment' ? day : undefined
  if (clock !== undefined && !CLOCK.test(clock)) return undefined
  return text
}

function isDay(text: string): boolean {
  const [year, month, day] = text.split('-').map(Number) as [number, number, number]
  const date = new Date(Date.UTC(year, month - 1, day))
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day
}
