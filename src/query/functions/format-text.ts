import { fault } from './errors-in-engine.ts'
import { doubleText, realText } from './text.ts'
import { zoneOf } from './zone-sql.ts'
import { instantOf } from './zones.ts'

/**
 * Presto's format(): Java's Formatter over values given as text with the kind of each: long, double, float, decimal, boolean, text,
 * date, time, timestamp, zoned.
 */
export function formatText(
  pattern: string,
  values: readonly (string | null)[],
  kinds: readonly string[],
): string {
  const invalid = (name: string, what: string): Error =>
    fault('INVALID_FUNCTION_ARGUMENT', `Invalid format string: ${pattern} (${name}: ${what})`)
  let next = 0
  let last = -1
  return pattern.replace(SPECIFIER, (whole, index, flags, width, precision, conversion) => {
    if (conversion === undefined) throw invalid('UnknownFormatConversion', `Conversion = '${whole.at(-1)}'`)
    if (/[-0]/.test(flags) && width === undefined) throw invalid('MissingFormatWidth', whole)
    if (conversion === 'n') return '\n'
    if (conversion === '%') return pad('%', flags, width)
    last = index !== undefined ? Number(index) - 1 : flags.includes('<') ? last : next++
    if (last >= values.length || last < 0)
      throw invalid('MissingFormatArgument', `Format specifier '${whole}'`)
    const asked = { conversion, flags, width, precision, invalid } as Asked
    const text = one(asked, values[last]!, kinds[last]!)
    const zeros = flags.includes('0') && /[dfegxo]/i.test(conversion)
    const sized = zeros ? zeroPad(text, width) : pad(text, flags, width)
    return /^[A-SU-Z]|^T/.test(conversion) ? sized.toUpperCase() : sized
  })
}

const SPECIFIER =
  /%(?:(\d+)\$)?([-#+ 0,(<]*)(\d+)?(?:\.(\d+))?(?:([tT][a-zA-Z]|[bBhHsScCdoxXeEfgGaA%n])|[\s\S]|$)/g

type Asked = {
  conversion: string
  flags: string
  width: string | undefined
  precision: string | undefined
  invalid(name: string, what: string): Error
}

function pad(text: string, flags: string, width: string | undefined): string {
  if (width === undefined) return text
  return flags.includes('-') ? text.padEnd(Number(width)) : text.padStart(Number(width))
}

function zeroPad(text: string, width: string | undefined): string {
  const sign = /^[-+ (]/.exec(text)?.[0] ?? ''
  return sign + text.slice(sign.length).padStart(Number(width ?? 0) - sign.length, '0')
}

const CLASSES: Record<string, string> = {
  long: 'java.lang.Long',
  double: 'java.lang.Double',
  float: 'java.lang.Float',
  decimal: 'java.math.BigDecimal',
  boolean: 'java.lang.Boolean',
  text: 'java.lang.String',
  date: 'java.time.LocalDate',
  time: 'java.time.LocalTime',
  timestamp: 'java.time.LocalDateTime',
  zoned: 'java.time.ZonedDateTime',
}
const TAKES: Record<string, string[]> = {
  d: ['long'],
  o: ['long'],
  x: ['long'],
  f: ['double', 'float', 'decimal'],
  e: ['double', 'float', 'decimal'],
  g: ['double', 'float', 'decimal'],
  a: ['double', 'float'],
  c: [],
  t: ['date', 'time', 'timestamp', 'zoned'],
}

function one(asked: Asked, value: string | null, kind: string): string {
  const { flags, precision, invalid } = asked
  const letter = /^[tT]/.test(asked.conversion) ? 't' : asked.conversion.toLowerCase()
  if (letter === 'b') return cut(value === null ? 'false' : kind === 'boolean' ? value : 'true', precision)
  if (value === null) return cut('null', precision)
  if (letter === 's') return cut(plain(value, kind), precision)
  if (letter === 'h') return hashCode(value).toString(16)
  if (!TAKES[letter]!.includes(kind)) {
    throw invalid('IllegalFormatConversion', `${asked.conversion.at(-1)} != ${CLASSES[kind]}`)
  }
  if (precision !== undefined && 'dox'.includes(letter)) throw invalid('IllegalFormatPrecision', precision)
  switch (letter) {
    case 'd':
      return signed(value, flags, (digits) => (flags.includes(',') ? grouped(digits) : digits))
    case 'x':
    case 'o':
      return unsigned(asked, letter, value)
    case 'f':
      return fixed(value, flags, Number(precision ?? 6))
    case 'e':
      return signed(value, flags, (digits) => exponential(Number(digits), Number(precision ?? 6)))
    case 'g':
      return signed(value, flags, (digits) => general(Number(digits), Number(precision ?? 6)))
    case 'a':
      return signed(value, flags, (digits) => hexadecimal(Number(digits)))
    default:
      return momentPart(asked, value, kind)
  }
}

function unsigned({ flags, invalid, conversion }: Asked, letter: string, value: string): string {
  const wrong = /[+ ,(]/.exec(flags)?.[0]
  if (wrong !== undefined)
    throw invalid('FormatFlagsConversionMismatch', `Conversion = ${conversion}, Flags = ${wrong}`)
  const digits = BigInt.asUintN(64, BigInt(value)).toString(letter === 'x' ? 16 : 8)
  return `${flags.includes('#') ? (letter === 'x' ? '0x' : '0') : ''}${digits}`
}

const cut = (text: string, precision: string | undefined): string =>
  precision === undefined ? text : text.slice(0, Number(precision))

/** As String.hashCode of Java. */
function hashCode(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (hash * 31 + text.charCodeAt(i)) | 0
  return hash >>> 0
}

/** As Java's toString: a time without seconds when they are 0, fractions in threes. */
function plain(value: string, kind: string): string {
  switch (kind) {
    case 'double':
      return doubleText(javaNumber(value))
    case 'float':
      return realText(javaNumber(value))
    case 'time':
      return clockText(value)
    case 'timestamp': {
      const [day, clock] = value.split(' ')
      return `${day}T${clockText(clock!)}`
    }
    case 'zoned': {
      const [day, clock, zone] = value.split(' ') as [string, string, string]
      return `${day}T${clockText(clock)}${/^[+-]/.test(zone) ? zone : zone === 'UTC' ? 'Z[UTC]' : `[${zone}]`}`
    }
    default:
      return value
  }
}

const clockText = (clock: string): string =>
  clock
    .replace(/\.(\d*?)0*$/, (_, digits: string) =>
      digits === '' ? '' : `.${digits.padEnd(Math.ceil(digits.length / 3) * 3, '0')}`,
    )
    .replace(/^(\d\d:\d\d):00$/, '$1')

const javaNumber = (value: string): number =>
  Number(value.replace(/inf$/i, 'Infinity').replace(/nan/i, 'NaN'))

/** `0x1.8p1`, as Double.toHexString. */
function hexadecimal(value: number): string {
  if (value === 0) return '0x0.0p0'
  const exponent = Math.floor(Math.log2(value))
  let fraction = value / 2 ** exponent - 1
  let digits = ''
  for (; fraction > 0; fraction -= Math.floor(fraction)) {
    fraction *= 16
    digits += Math.floor(fraction).toString(16)
  }
  return `0x1.${digits || '0'}p${exponent}`
}

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
  if (/nan|inf/i.test(value)) return doubleText(javaNumber(value))
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

const two = (n: number): string => String(n).padStart(2, '0')

/** One part of a date or time; `value` is `[date] [time] [zone]`. */
function momentPart({ conversion, invalid }: Asked, value: string, kind: string): string {
  const letter = conversion[1]!
  const words = value.split(' ')
  const date = kind === 'time' ? '' : words.shift()!
  const clock = kind === 'date' ? '' : words.shift()!
  const [zone] = words
  const part =
    (zone === undefined ? undefined : zonedPart(letter, date, clock, zone)) ??
    (clock === '' ? undefined : clockPart(letter, clock)) ??
    (date === '' ? undefined : datePart(letter, date))
  if (part !== undefined) return part
  if (letter === 'c' && zone !== undefined) {
    return `${datePart('a', date)} ${datePart('b', date)} ${datePart('d', date)} ${clockPart('T', clock)} ${zone} ${datePart('Y', date)}`
  }
  if (/[FDYCymdeBbhAajHIklMSLNpTRrZzsQc]/.test(letter)) {
    throw invalid('IllegalFormatConversion', `${letter === 'c' ? 'Z' : letter} != ${CLASSES[kind]}`)
  }
  throw invalid('UnknownFormatConversion', `Conversion = '${conversion}'`)
}

function clockPart(letter: string, clock: string): string | undefined {
  const [hour, minute, rest = '00'] = clock.split(':') as [string, string, string?]
  const [second, fraction = ''] = rest.split('.') as [string, string?]
  const twelve = Number(hour) % 12 || 12
  const half = Number(hour) < 12 ? 'am' : 'pm'
  const parts: Record<string, string> = {
    H: hour,
    k: String(Number(hour)),
    I: two(twelve),
    l: String(twelve),
    M: minute,
    S: second,
    L: fraction.slice(0, 3).padEnd(3, '0'),
    N: fraction.slice(0, 9).padEnd(9, '0'),
    p: half,
    T: `${hour}:${minute}:${second}`,
    R: `${hour}:${minute}`,
    r: `${two(twelve)}:${minute}:${second} ${half.toUpperCase()}`,
  }
  return parts[letter]
}

function datePart(letter: string, date: string): string | undefined {
  const [year, month, day] = date.split('-') as [string, string, string]
  const at = new Date(`${date}T00:00:00Z`)
  const monthName = MONTHS[Number(month) - 1]!
  const dayName = DAYS[at.getUTCDay()]!
  const parts: Record<string, string> = {
    F: date,
    D: `${month}/${day}/${year.slice(-2)}`,
    Y: year,
    C: two(Math.floor(Number(year) / 100)),
    y: year.slice(-2),
    m: month,
    d: day,
    e: String(Number(day)),
    B: monthName,
    b: monthName.slice(0, 3),
    h: monthName.slice(0, 3),
    A: dayName,
    a: dayName.slice(0, 3),
    j: String((at.getTime() - Date.UTC(Number(year), 0, 1)) / 86_400_000 + 1).padStart(3, '0'),
  }
  return parts[letter]
}

function zonedPart(letter: string, date: string, clock: string, name: string): string | undefined {
  if (letter === 'Z') return name
  if (!['s', 'Q', 'z'].includes(letter)) return undefined
  const local = Date.parse(`${date}T${clock.slice(0, 12)}Z`)
  const zone = zoneOf(name)
  const seconds = instantOf(zone, Math.floor(local / 1000))
  const offset = Math.floor(local / 1000) - seconds
  if (letter === 'z') {
    const minutes = Math.abs(offset) / 60
    return `${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}${two(minutes % 60)}`
  }
  return letter === 's' ? String(seconds) : String(local - offset * 1000)
}
