import { isExtension, isText, readTimestamp } from './json.ts'
import type { ScanState } from './scan-state.ts'
import { type Header, readHeader } from './wire.ts'

/** 9999-12-31T23:59:59Z. What is above, such as milliseconds, is not a time in seconds. */
export const MAX_TIME_SECONDS = 253_402_300_799

/** Outcome of reading a `time`: seconds, or why there are none. */
export const NO_TIME = -1
export const ABSENT_TIME = -2

/** Large enough for the largest time with some zeros in front. */
const MAX_DIGITS = 20

/** fluentd's EventTime (fluent/fluentd lib/fluent/time.rb): type 0, seconds and nanoseconds. */
const EVENT_TIME_TYPE = 0

/**
 * The value at `at` as unix seconds: an integer, a float (its fraction is dropped), digits as text, a timestamp or
 * EventTime extension. NO_TIME for anything else or out of 0…MAX_TIME_SECONDS, ABSENT_TIME for nil. `header` tells
 * afterwards where the value ends unless it is a container.
 */
export function readTime(state: ScanState, at: number, header: Header): number {
  readHeader(state, at, header)
  const byte = state.bytes[at]!
  if (byte < 0x80) return byte
  if (byte === 0xc0) return ABSENT_TIME
  if (isText(byte)) return digitsAsSeconds(state, header.at, header.content)
  if (isExtension(byte)) return extensionAsSeconds(state, header)
  const value = numberAt(state, byte, header.at)
  return value >= 0 && value < MAX_TIME_SECONDS + 1 ? Math.trunc(value) : NO_TIME
}

/** Numbers beyond 2^53 are rounded here, which does not matter: they are no times. */
function numberAt(state: ScanState, byte: number, at: number): number {
  const { view } = state
  switch (byte) {
    case 0xca:
      return view.getFloat32(at)
    case 0xcb:
      return view.getFloat64(at)
    case 0xcc:
      return view.getUint8(at)
    case 0xcd:
      return view.getUint16(at)
    case 0xce:
      return view.getUint32(at)
    case 0xcf:
      return view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4)
    case 0xd0:
      return view.getInt8(at)
    case 0xd1:
      return view.getInt16(at)
    case 0xd2:
      return view.getInt32(at)
    case 0xd3:
      return view.getInt32(at) * 2 ** 32 + view.getUint32(at + 4)
    default:
      return Number.NaN
  }
}

/** The text of `length` bytes at `at` as seconds. */
export function digitsAsSeconds(state: ScanState, at: number, length: number): number {
  if (length === 0 || length > MAX_DIGITS) return NO_TIME
  let seconds = 0
  for (let i = 0; i < length; i++) {
    const digit = state.bytes[at + i]! - 48
    if (digit < 0 || digit > 9) return NO_TIME
    seconds = seconds * 10 + digit
  }
  return seconds <= MAX_TIME_SECONDS ? seconds : NO_TIME
}

function extensionAsSeconds(state: ScanState, header: Header): number {
  const timestamp = readTimestamp(state, header)
  if (timestamp !== null) {
    return timestamp.seconds >= 0 && timestamp.seconds <= MAX_TIME_SECONDS ? timestamp.seconds : NO_TIME
  }
  const isEventTime = header.content === 9 && state.view.getInt8(header.at) === EVENT_TIME_TYPE
  return isEventTime ? state.view.getUint32(header.at + 1) : NO_TIME
}
