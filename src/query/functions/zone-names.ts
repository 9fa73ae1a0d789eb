import { offsetAt, offsetText, type Zone } from './zones.ts'

/** Abbreviations that Java prints and the runtime's English data has not: standard, daylight. */
const ABBREVIATIONS: Record<string, [string, string?]> = {
  UTC: ['UTC'],
  'Asia/Tokyo': ['JST'],
  'Asia/Seoul': ['KST'],
  'Asia/Shanghai': ['CST'],
  'Asia/Hong_Kong': ['HKT'],
  'Asia/Singapore': ['SGT'],
  'Asia/Kolkata': ['IST'],
  'Asia/Jakarta': ['WIB'],
  'Asia/Manila': ['PST'],
  'Europe/London': ['GMT', 'BST'],
  'Europe/Dublin': ['GMT', 'IST'],
  'Europe/Lisbon': ['WET', 'WEST'],
  'Europe/Paris': ['CET', 'CEST'],
  'Europe/Berlin': ['CET', 'CEST'],
  'Europe/Madrid': ['CET', 'CEST'],
  'Europe/Rome': ['CET', 'CEST'],
  'Europe/Amsterdam': ['CET', 'CEST'],
  'Europe/Brussels': ['CET', 'CEST'],
  'Europe/Vienna': ['CET', 'CEST'],
  'Europe/Zurich': ['CET', 'CEST'],
  'Europe/Stockholm': ['CET', 'CEST'],
  'Europe/Warsaw': ['CET', 'CEST'],
  'Europe/Athens': ['EET', 'EEST'],
  'Europe/Helsinki': ['EET', 'EEST'],
  'Europe/Moscow': ['MSK'],
  'Australia/Sydney': ['AEST', 'AEDT'],
  'Australia/Melbourne': ['AEST', 'AEDT'],
  'Pacific/Auckland': ['NZST', 'NZDT'],
}

const formatters = new Map<string, Intl.DateTimeFormat>()

/** The zone's name at the instant as SimpleDateFormat's z (`JST`, `PDT`, `GMT+09:00`) or zzzz (`Japan Standard Time`) prints it. */
export function zoneName(zone: Zone, epochSeconds: number, offsetSeconds: number, long: boolean): string {
  if (zone.kind === 'offset') return `GMT${offsetText(offsetSeconds)}`
  // A name belongs to an offset and, since governments rename their zones, to a year.
  const key = `${zone.name} ${offsetSeconds} ${Math.floor(epochSeconds / 31_556_952)} ${long}`
  let name = names.get(key)
  if (name === undefined) {
    if (names.size > 10_000) names.clear()
    name = nameOf(zone, epochSeconds, offsetSeconds, long)
    names.set(key, name)
  }
  return name
}

const names = new Map<string, string>()

function nameOf(zone: Zone, epochSeconds: number, offsetSeconds: number, long: boolean): string {
  const known = ABBREVIATIONS[zone.name]
  const standard = known?.[1] === undefined || offsetSeconds === standardOffset(zone, epochSeconds)
  if (!long && known !== undefined) return standard ? known[0] : known[1]!
  const name = runtimeName(zone.name, epochSeconds, long)
  // The runtime writes GMT+9 where it has no name.
  return /^GMT[+-]/.test(name) ? `GMT${offsetText(offsetSeconds)}` : name
}

function runtimeName(name: string, epochSeconds: number, long: boolean): string {
  const key = `${long} ${name}`
  let formatter = formatters.get(key)
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: long ? 'long' : 'short' })
    formatters.set(key, formatter)
  }
  return (
    formatter.formatToParts(epochSeconds * 1000).find((part) => part.type === 'timeZoneName')?.value ?? name
  )
}

/** The smaller of the offsets of January and July: summer time is ahead in both hemispheres. */
function standardOffset(zone: Zone, epochSeconds: number): number {
  const year = new Date(epochSeconds * 1000).getUTCFullYear()
  return Math.min(...[0, 6].map((month) => offsetAt(zone, Date.UTC(year, month, 1) / 1000)))
}
