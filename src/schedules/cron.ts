import { scheduleErrors } from './errors.ts'

/** A cron expression as sets of numbers in ascending order; `daysAlternate`: a day fits when its date or its weekday does. */
export type Cron = {
  minutes: ReadonlySet<number>
  hours: ReadonlySet<number>
  dates: ReadonlySet<number>
  months: ReadonlySet<number>
  weekdays: ReadonlySet<number>
  daysAlternate: boolean
  /** The hour field begins with `*`: it counts elapsed time, not hours of the clock. */
  everyHour: boolean
}

const NAMED: Record<string, string> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
}
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

type Field = { name: string; least: number; most: number; names?: string[] }
const FIELDS: Field[] = [
  { name: 'minute', least: 0, most: 59 },
  { name: 'hour', least: 0, most: 23 },
  { name: 'day of month', least: 1, most: 31 },
  { name: 'month', least: 1, most: 12, names: MONTHS },
  { name: 'day of week', least: 0, most: 7, names: WEEKDAYS },
]

const MOST_REMEMBERED = 1_000
const remembered = new Map<string, Cron>()

/** As `readCron`, once for each text: thousands of schedules say the same few things. */
export function parseCron(text: string): Cron {
  const known = remembered.get(text)
  if (known !== undefined) return known
  const cron = readCron(text)
  if (remembered.size >= MOST_REMEMBERED) remembered.clear()
  remembered.set(text, cron)
  return cron
}

/**
 * Reads five fields (minute, hour, day of month, month, day of week) with lists, ranges, steps and names, or `@hourly` and its
 * like. There are no seconds. When both days are given, either one suffices, as in every cron since Vixie's.
 * @throws schedule_invalid (422, final) naming the field
 */
function readCron(text: string): Cron {
  const expression = NAMED[text.trim().toLowerCase()] ?? text.trim()
  const parts = expression.split(/\s+/)
  if (parts.length !== 5) {
    throw scheduleErrors.schedule_invalid(
      `Cron '${text}' must have five fields or be one of ${Object.keys(NAMED).join(' ')}`,
    )
  }
  const [minutes, hours, dates, months, weekdays] = FIELDS.map((field, i) =>
    parseField(parts[i]!, field, text),
  )
  // 7 is Sunday as well.
  const sundays = weekdays!.has(7) ? new Set([...weekdays!, 0]) : weekdays!
  return {
    minutes: minutes!,
    hours: hours!,
    dates: dates!,
    months: months!,
    weekdays: sundays,
    daysAlternate: !parts[2]!.startsWith('*') && !parts[4]!.startsWith('*'),
    everyHour: parts[1]!.startsWith('*'),
  }
}

function parseField(text: string, field: Field, cron: string): Set<number> {
  const values = new Set<number>()
  const refuse = (why: string) =>
    scheduleErrors.schedule_invalid(`Cron '${cron}' has a ${field.name} field '${text}' that ${why}`)
  const numberOf = (word: string) => {
    const named = field.names?.indexOf(word.toLowerCase()) ?? -1
    if (named >= 0) return named + (field.least === 1 ? 1 : 0)
    if (!/^\d{1,2}$/.test(word)) throw refuse(`is not understood at '${word}'`)
    const value = Number(word)
    if (value < field.least || value > field.most) throw refuse(`goes beyond ${field.least}-${field.most}`)
    return value
  }
  for (const item of text.split(',')) {
    const [, range, stepText] = /^([^/]+)(?:\/(\d{1,2}))?$/.exec(item) ?? []
    if (range === undefined) throw refuse(`is not understood at '${item}'`)
    const step = stepText === undefined ? 1 : Number(stepText)
    if (step === 0) throw refuse('has a step of 0')
    const [from, to] = boundsOf(range, stepText !== undefined, field, numberOf)
    if (from > to) throw refuse('has a range that runs backwards')
    for (let value = from; value <= to; value += step) values.add(value)
  }
  return new Set([...values].sort((a, b) => a - b))
}

function boundsOf(
  range: string,
  hasStep: boolean,
  { least, most }: Field,
  numberOf: (word: string) => number,
): [number, number] {
  // A day of the week runs to 6 here: 7 would be a second Sunday.
  if (range === '*') return [least, least === 0 && most === 7 ? 6 : most]
  const dash = range.indexOf('-')
  if (dash > 0) return [numberOf(range.slice(0, dash)), numberOf(range.slice(dash + 1))]
  const value = numberOf(range)
  return [value, hasStep ? most : value]
}

/** Whether something runs on that day of the (proleptic Gregorian) calendar; `month` counts from 1. */
export function fitsDay(cron: Cron, month: number, date: number, weekday: number): boolean {
  if (!cron.months.has(month)) return false
  const fitsDate = cron.dates.has(date)
  const fitsWeekday = cron.weekdays.has(weekday)
  return cron.daysAlternate ? fitsDate || fitsWeekday : fitsDate && fitsWeekday
}
