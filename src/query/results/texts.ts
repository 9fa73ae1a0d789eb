/** How Presto writes the values that have no MessagePack form of their own: dates, times, intervals, decimals. */

const two = (n: number) => (n < 10 ? `0${n}` : String(n))

/** `yyyy-MM-dd` of a day counted from 1970-01-01; years beyond 9999 get as many digits as they need. */
export function dateText(day: number): string {
  const { year, month, dayOfMonth } = civil(day)
  const sign = year < 0 ? '-' : year > 9999 ? '+' : ''
  return `${sign}${String(Math.abs(year)).padStart(4, '0')}-${two(month)}-${two(dayOfMonth)}`
}

/** Proleptic Gregorian date of a day number (Howard Hinnant's civil_from_days). */
function civil(day: number): { year: number; month: number; dayOfMonth: number } {
  const shifted = day + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
  const dayOfMonth = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfMonth }
}

const DAY_MICROS = 86_400_000_000n

/** `HH:mm:ss` and `precision` digits of a fraction, of microseconds since midnight. */
export function timeText(micros: number, precision: number): string {
  const seconds = Math.floor(micros / 1_000_000)
  const clock = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
  if (precision === 0) return clock
  const digits = String(micros % 1_000_000).padStart(6, '0')
  return `${clock}.${digits.slice(0, precision).padEnd(precision, '0')}`
}

/** `yyyy-MM-dd HH:mm:ss.SSS` of microseconds since 1970; finer digits than `precision` are cut. */
export function timestampText(micros: bigint, precision: number): string {
  let day = micros / DAY_MICROS
  if (micros < 0n && day * DAY_MICROS !== micros) day -= 1n
  return `${dateText(Number(day))} ${timeText(Number(micros - day * DAY_MICROS), precision)}`
}

/** As `timestampText` in the wall clock of the zone, followed by the zone's name. */
export function zonedTimestampText(micros: bigint, precision: number, zone: string): string {
  return `${timestampText(micros + BigInt(offsetSeconds(zone, micros)) * 1_000_000n, precision)} ${zone}`
}

const PICOS_PER_SECOND = 1_000_000_000_000n
const DAY_PICOS = 86_400n * PICOS_PER_SECOND

/** The text of a time, or a timestamp, given in picoseconds; with time zone: in UTC, to be shown in the zone. */
export function picosText(
  kind: 'time' | 'timestamp' | 'time with time zone' | 'timestamp with time zone',
  picos: bigint,
  precision: number,
  zone: string,
): string {
  if (kind === 'time') return clockPicosText(picos, precision)
  if (kind === 'time with time zone') {
    const seconds = offsetSeconds(zone, 0n)
    const local = (picos + BigInt(seconds) * PICOS_PER_SECOND + DAY_PICOS) % DAY_PICOS
    return clockPicosText(local, precision) + offsetText(seconds)
  }
  const seconds = kind === 'timestamp' ? 0 : offsetSeconds(zone, picos / 1_000_000n)
  const local = picos + BigInt(seconds) * PICOS_PER_SECOND
  const ofDay = ((local % DAY_PICOS) + DAY_PICOS) % DAY_PICOS
  const day = dateText(Number((local - ofDay) / DAY_PICOS))
  return `${day} ${clockPicosText(ofDay, precision)}${kind === 'timestamp' ? '' : ` ${zone}`}`
}

function clockPicosText(picos: bigint, precision: number): string {
  const clock = timeText(Number(picos / 1_000_000n), 6)
  if (precision === 0) return clock.slice(0, 8)
  return (clock + String(picos % 1_000_000n).padStart(6, '0')).slice(0, 9 + precision)
}

function offsetText(seconds: number): string {
  const minutes = Math.abs(seconds) / 60
  return `${seconds < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
}

const formatters = new Map<string, Intl.DateTimeFormat>()
const offsets = new Map<string, number>()

/** How far the zone's wall clock is ahead of UTC at an instant. Zones change at whole quarter hours. */
function offsetSeconds(zone: string, micros: bigint): number {
  if (zone === 'UTC') return 0
  const fixed = /^([+-])(\d\d):(\d\d)$/.exec(zone)
  if (fixed) return (fixed[1] === '-' ? -60 : 60) * (Number(fixed[2]) * 60 + Number(fixed[3]))
  const quarter = Math.floor(Number(micros / 1_000_000n) / 900)
  const key = `${quarter} ${zone}`
  const known = offsets.get(key)
  if (known !== undefined) return known
  if (offsets.size > 100_000) offsets.clear()
  const offset = intlOffsetSeconds(zone, quarter * 900_000)
  offsets.set(key, offset)
  return offset
}

function intlOffsetSeconds(zone: string, atMs: number): number {
  let formatter = formatters.get(zone)
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' })
    formatters.set(zone, formatter)
  }
  const name = formatter.formatToParts(atMs).find((part) => part.type === 'timeZoneName')?.value ?? ''
  const match = /GMT([+-])(\d\d):(\d\d)(?::(\d\d))?/.exec(name)
  if (match === null) return 0
  const seconds = Number(match[2]) * 3600 + Number(match[3]) * 60 + Number(match[4] ?? 0)
  return match[1] === '-' ? -seconds : seconds
}

/** `1 03:00:00.000`, `-0 00:00:01.500`: days, then the time of day (prestodb/presto IntervalDayTime). */
export function dayIntervalText(days: number, micros: bigint): string {
  let millis = BigInt(days) * 86_400_000n + micros / 1000n
  const sign = millis < 0n ? '-' : ''
  if (millis < 0n) millis = -millis
  return `${sign}${millis / 86_400_000n} ${timeText(Number(millis % 86_400_000n) * 1000, 3)}`
}

/** `1-3`, `-0-3`: years and months (prestodb/presto IntervalYearMonth). */
export function monthIntervalText(months: number): string {
  const most = Math.abs(months)
  return `${months < 0 ? '-' : ''}${Math.floor(most / 12)}-${most % 12}`
}

/** The digits of an unscaled decimal with its point put in. */
export function decimalText(unscaled: bigint, scale: number): string {
  if (scale === 0) return unscaled.toString()
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0')
  const at = digits.length - scale
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, at)}.${digits.slice(at)}`
}

/** As Java's Double.toString, which Presto shows: `1.0`, `1.0E10`, `1.0E-5`, `NaN`, `Infinity`. */
export function doubleText(value: number): string {
  return javaNumberText(value, value.toString())
}

/** As Java's Float.toString: the fewest digits that give the same 32-bit value back. */
export function floatText(value: number): string {
  if (!Number.isFinite(value)) return javaNumberText(value, '')
  for (let digits = 1; digits < 9; digits++) {
    const text = value.toPrecision(digits)
    if (Math.fround(Number(text)) === value) return javaNumberText(value, Number(text).toString())
  }
  return javaNumberText(value, Number(value.toPrecision(9)).toString())
}

function javaNumberText(value: number, shortest: string): string {
  if (Number.isNaN(value)) return 'NaN'
  if (value === Number.POSITIVE_INFINITY) return 'Infinity'
  if (value === Number.NEGATIVE_INFINITY) return '-Infinity'
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0'
  const magnitude = Math.abs(value)
  if (magnitude >= 1e-3 && magnitude < 1e7) return shortest.includes('.') ? shortest : `${shortest}.0`
  const sign = value < 0 ? '-' : ''
  const [mantissa, exponent] = scientific(shortest.replace('-', sign === '-' ? '' : '-'))
  return `${sign}${mantissa}E${exponent}`
}

/** A positive number's shortest text as mantissa with a point and exponent of ten. */
function scientific(text: string): [string, number] {
  const [plain = '', power = '0'] = text.split('e')
  const [whole = '', fraction = ''] = plain.split('.')
  const digits = `${whole}${fraction}`
  const first = digits.search(/[1-9]/)
  const significant = digits.slice(first).replace(/0+$/, '')
  return [`${significant[0]}.${significant.slice(1) || '0'}`, Number(power) + whole.length - 1 - first]
}
