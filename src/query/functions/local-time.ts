/** A calendar day and time of day, in no zone. Proleptic Gregorian. */
export type LocalTime = {
  year: number
  month: number
  day: number
  hour: number
  minute: number
  second: number
}

type Day = Pick<LocalTime, 'year' | 'month' | 'day'>

/** Days since 1970-01-01. */
export function daysFromCivil({ year, month, day }: Day): number {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfMarchYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfMarchYear
  return era * 146_097 + dayOfEra - 719_468
}

/** The day of a number of days since 1970-01-01. */
export function civilFromDays(days: number): Day {
  const z = days + 719_468
  const era = Math.floor(z / 146_097)
  const dayOfEra = z - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  )
  const dayOfMarchYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const marchMonth = Math.floor((5 * dayOfMarchYear + 2) / 153)
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfMarchYear - Math.floor((153 * marchMonth + 2) / 5) + 1,
  }
}

/** Seconds since 1970-01-01 00:00 of the same clock. */
export const secondsOf = (at: LocalTime): number =>
  daysFromCivil(at) * 86_400 + at.hour * 3600 + at.minute * 60 + at.second

export function localTimeOf(seconds: number): LocalTime {
  const days = Math.floor(seconds / 86_400)
  const rest = seconds - days * 86_400
  return {
    ...civilFromDays(days),
    hour: Math.floor(rest / 3600),
    minute: Math.floor(rest / 60) % 60,
    second: rest % 60,
  }
}

/** 1 = Monday … 7 = Sunday. */
export const dayOfWeek = (day: Day): number => ((((daysFromCivil(day) + 3) % 7) + 7) % 7) + 1

export const dayOfYear = (day: Day): number =>
  daysFromCivil(day) - daysFromCivil({ year: day.year, month: 1, day: 1 }) + 1

export const daysInMonth = (year: number, month: number): number =>
  month === 12
    ? 31
    : daysFromCivil({ year, month: month + 1, day: 1 }) - daysFromCivil({ year, month, day: 1 })

/**
 * Week and the year it belongs to: ISO (from Monday, the first holds January 4), or American (from Sunday, the first holds
 * January 1).
 */
export function weekOf(day: Day, american = false): { year: number; week: number } {
  const days = daysFromCivil(day)
  for (const year of [day.year + 1, day.year]) {
    const start = firstWeek(year, american)
    if (days >= start) return { year, week: Math.floor((days - start) / 7) + 1 }
  }
  return { year: day.year - 1, week: Math.floor((days - firstWeek(day.year - 1, american)) / 7) + 1 }
}

/** Days since 1970 at which the first week of the year starts. */
export function firstWeek(year: number, american = false): number {
  const anchor = { year, month: 1, day: american ? 1 : 4 }
  const weekday = dayOfWeek(anchor)
  return daysFromCivil(anchor) - (american ? weekday % 7 : weekday - 1)
}
