import { byteAt, found, QUOTE, scanNumber, scanString, skipJson } from './json-text.ts'
import { type ScanState, TIME_RANK } from './scan-state.ts'
import { digitsAsSeconds, MAX_TIME_SECONDS } from './time.ts'

export type ReadTime = { rank: number; seconds: number; end: number }

const UNUSABLE = { rank: TIME_RANK.UNUSABLE, seconds: 0 }

/** The JSON value at `at` as unix seconds: an integer, a float (its fraction is dropped) or digits as text. */
export function readJsonTime(state: ScanState, at: number): ReadTime {
  const byte = byteAt(state, at)
  if (byte === QUOTE) {
    const end = scanString(state, at)
    const seconds = found.hasEscapes ? -1 : digitsAsSeconds(state, at + 1, end - at - 2)
    return seconds < 0 ? { ...UNUSABLE, end } : { rank: TIME_RANK.USABLE, seconds, end }
  }
  if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) {
    const end = scanNumber(state, at)
    const { isInteger } = found
    const value = Number(state.bytes.toString('latin1', at, end))
    if (!(value >= 0 && value < MAX_TIME_SECONDS + 1)) return { ...UNUSABLE, end }
    return { rank: isInteger ? TIME_RANK.INTEGER : TIME_RANK.USABLE, seconds: Math.trunc(value), end }
  }
  const end = skipJson(state, at)
  return byte === 0x6e ? { rank: TIME_RANK.NONE, seconds: 0, end } : { ...UNUSABLE, end }
}

/** With an offset, and as Android writes it without the colon (event-collection reference §3.2). */
const ISO_INSTANT = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(?:(Z)|([+-]\d{2}):?(\d{2}))$/i

/** Unix seconds of an ISO 8601 instant; null when it is none, or none the column `time` can hold. */
export function isoSeconds(text: string): number | null {
  const [, local, zulu, hours, minutes] = ISO_INSTANT.exec(text) ?? []
  if (local === undefined) return null
  const ms = Date.parse(`${local}${zulu === undefined ? `${hours}:${minutes}` : 'Z'}`)
  const seconds = Math.floor(ms / 1000)
  return seconds >= 0 && seconds <= MAX_TIME_SECONDS ? seconds : null
}
