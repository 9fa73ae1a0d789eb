import { fault } from './errors-in-engine.ts'
import { doubleText } from './text.ts'

/**
 * Presto's format(): Java's Formatter over values given as text with the kind of each. Conversions: % n b B s S d x X o c e E f g G h
 * and the date conversions tF tT tY tm td tH tM tS ty tB tb tA ta tj tp tL.
 */
export function formatText(
  pattern: string,
  values: readonly (string | null)[],
  kinds: readonly string[],
): string {
  let next = 0
  return pattern.replace(
    /%(?:(\d+)\$)?([-#+ 0,(<]*)(\d+)?(?:\.(\d+))?([tT]?[a-zA-Z%])/g,
    (whole, index, flags, width, precision, conversion) => {
      if (conversion === 'n') return '\n'
      if (conversion === '%') return pad('%', flags, width)
      const at = index !== undefined ? Number(index) - 1 : flags.includes('<') ? next - 1 : next++
      if (at >= values.length || at < 0) throw invalid(pattern, `Format specifier '${whole}'`)
      const text = one(conversion, flags, precision, values[at]!, kinds[at]!, pattern)
      const sized =
        flags.includes('0') && /[dfegx]/i.test(conversion) ? zeroPad(text, width) : pad(text, flags, width)
      return /^[A-SU-Z]$/.test(conversion) ? sized.toUpperCase() : sized
    },
  )
}

const invalid = (pattern: string, why: string): Error =>
  fault('INVALID_FUNCTION_ARGUMENT', `Invalid format string: ${pattern} (${why})`)

function pad(text: string, flags: string, width: string | undefined): string {
  if (width === undefined) return text
  return flags.includes('-') ? text.padEnd(Number(width)) : text.padStart(Number(width))
}

function zeroPad(text: string, width: string | undefined): string {
  const sign = /^[-+ (]/.exec(text)?.[0] ?? ''
  return sign + text.slice(sign.length).padStart(Number(width ?? 0) - sign.length, '0')
}

function one(
  conversion: string,
  flags: string,
  precision: string | undefined,
  value: string | null,
  kind: string,
  pattern: string,
): string {
  const letter = conversion[0] === 't' || conversion[0] === 'T' ? 't' : conversion.toLowerCase()
  if (letter === 'b') return value === null ? 'false' : kind === 'boolean' ? value : 'true'
  if (value === null) return cut('null', precision)
  switch (letter) {
    case 's':
      return cut(plain(value, kind), precision)
    case 'd':
      if (!/int$|integer/.test(kind)) throw invalid(pattern, `d != ${kind}`)
      return signed(value, flags, (digits) => (flags.includes(',') ? grouped(digits) : digits))
    case 'x':
    case 'o': {
      const bits = kind === 'integer' ? 32 : kind === 'smallint' ? 16 : kind === 'tinyint' ? 8 : 64
      return BigInt.asUintN(bits, BigInt(value)).toString(letter === 'x' ? 16 : 8)
    }
    case 'c':
      return kind === 'text' ? value : String.fromCodePoint(Number(value))
    case 'f':
      return fixed(value, flags, Number(precision ?? 6))
    case 'e':
      return signed(value, flags, (digits) => exponential(Number(digits), Number(precision ?? 6)))
    case 'g':
      return signed(value, flags, (digits) => general(Number(digits), Number(precision ?? 6)))
    case 't':
      return dateConversion(conversion[1]!, value, pattern)
    default:
      throw invalid(pattern, `Conversion = '${conversion}'`)
  }
}

const cut = (text: string, precision: string | undefined): string =>
  precision === undefined ? text : text.slice(0, Number(precision))

const plain = (value: string, kind: string): string =>
  kind === 'double' ? doubleText(Number(value)) : kind === 'date' ? value.slice(0, 10) : value

const grouped = (digits: string): string => {
  const [whole, fraction] = digits.split('.')
  const groups = whole!.replace(/\B(?=(\d{3})+$)/g, ',')
  return fraction === undefined ? groups : `${groups}.${fraction}`
}

function signed(value: string, flags: string, body: (digits: string) => string): string {
  const negative = value.startsWith('-')
  const text = body(negative ? value.slice(1) : value)
  if (negative) return flags.includes('(') ? `(${text})` : `-${text}`
  return flags.includes('+') ? `+${text}` : flags.includes(' ') ? ` ${text}` : text
}

/** Half-up on the decimal digits, as Java does, not on the binary value. */
function fixed(value: string, flags: string, precision: number): string {
  if (/nan|inf/i.test(value))
    return plain(
      value
        .replace(/^inf$/i, 'Infinity')
        .replace(/^-inf$/i, '-Infinity')
        .replace(/nan/i, 'NaN'),
      'text',
    )
  return signed(decimalDigits(value), flags, (digits) => {
    const rounded = roundHalfUp(digits, precision)
    return flags.includes(',') ? grouped(rounded) : rounded
  })
}

/** A number's text without an exponent. */
function decimalDigits(value: string): string {
  const [mantissa, exponent] = value.toLowerCase().split('e')
  if (exponent === undefined) return value
  const sign = mantissa!.startsWith('-') ? '-' : ''
  const [whole, fraction = ''] = mantissa!.replace(/^[-+]/, '').split('.')
  const point = whole!.length + Number(exponent)
  const digits = whole! + fraction
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`
  return point >= digits.length
    ? sign + digits.padEnd(point, '0')
    : `${sign}${digits.slice(0, point)}.${digits.slice(point)}`
}

function roundHalfUp(digits: string, precision: number): string {
  const [whole, fraction = ''] = digits.split('.')
  const kept =
    BigInt(whole + fraction.slice(0, precision).padEnd(precision, '0')) +
    (fraction[precision] !== undefined && fraction[precision]! >= '5' ? 1n : 0n)
  const text = kept.toString().padStart(precision + 1, '0')
  return precision === 0 ? text : `${text.slice(0, -precision)}.${text.slice(-precision)}`
}

const exponential = (value: number, precision: number): string =>
  value.toExponential(precision).replace(/e([+-])(\d)$/, 'e$10$2')

function general(value: number, precision: number): string {
  const places = Math.max(1, precision)
  if (value !== 0 && (value < 1e-4 || value >= 10 ** places)) return exponential(value, places - 1)
  const magnitude = value === 0 ? 0 : Math.floor(Math.log10(value))
  return value.toFixed(Math.max(0, places - 1 - magnitude))
}

const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

function dateConversion(letter: string, value: string, pattern: string): string {
  const [date = '', time = '00:00:00'] = value.split(' ')
  const [year, month, day] = date.split('-')
  const [hour, minute, seconds = '00'] = time.split(':')
  const at = new Date(`${date}T00:00:00Z`)
  const parts: Record<string, () => string> = {
    F: () => date,
    T: () => `${hour}:${minute}:${seconds.slice(0, 2)}`,
    R: () => `${hour}:${minute}`,
    D: () => `${month}/${day}/${year!.slice(-2)}`,
    Y: () => year!,
    y: () => year!.slice(-2),
    m: () => month!,
    d: () => day!,
    e: () => String(Number(day)),
    H: () => hour!,
    M: () => minute!,
    S: () => seconds.slice(0, 2),
    L: () => (seconds.split('.')[1] ?? '').slice(0, 3).padEnd(3, '0'),
    I: () => String(Number(hour) % 12 || 12).padStart(2, '0'),
    p: () => (Number(hour) < 12 ? 'am' : 'pm'),
    B: () => MONTHS[Number(month) - 1]!,
    b: () => MONTHS[Number(month) - 1]!.slice(0, 3),
    A: () => DAYS[at.getUTCDay()]!,
    a: () => DAYS[at.getUTCDay()]!.slice(0, 3),
    j: () => String((at.getTime() - Date.UTC(Number(year), 0, 1)) / 86_400_000 + 1).padStart(3, '0'),
  }
  const part = parts[letter]
  if (part === undefined) throw invalid(pattern, `Conversion = 't${letter}'`)
  return part()
}
