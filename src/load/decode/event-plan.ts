import { idRuleOf } from './event-id.ts'
import { CLOSE_OBJECT, COMMA, skipJson, skipKey, skipSpace, stringAt } from './json-text.ts'
import { catalogKey } from './names.ts'
import { type ScanState, TIME_KEY } from './scan-state.ts'
import { SPECIAL } from './special-keys.ts'
import { MAX_TIME_SECONDS } from './time.ts'
import type { EventChannel, EventOptions } from './types.ts'

/** One of the collector's own values: a column, and where its value stands behind the payload. */
export type TailValue = { key: string; at: number }

/** What the keys of one request's events mean. */
export type EventPlan = {
  /** Bits of SPECIAL. */
  meaning: number
  consumed: ReadonlySet<string>
  timeSource: 'time' | 'keen' | 'td_record_time'
  /** Numbers and booleans are kept as texts. */
  asText: boolean
  /** A text that is no UUID identifies an event as well. */
  anyId: boolean
  set: TailValue[]
  /** Where the replacement stands; a placeholder without one is null. */
  replacements: ReadonlyMap<string, number>
  queryTime: number | undefined
  receivedAtSeconds: number
  /** Where the receive time stands as digits. */
  receivedAt: number
  tailEnd: number
}

type Rules = Pick<EventPlan, 'meaning' | 'consumed' | 'timeSource' | 'asText'>

const NOTHING: ReadonlySet<string> = new Set()
const BROWSER: Rules = {
  meaning: SPECIAL.PLACEHOLDER,
  consumed: NOTHING,
  timeSource: 'time',
  asText: false,
}

/** Event-collection reference §3.2, §4, §8.1, §8.3, §8.6. */
const RULES: Record<EventChannel, Rules> = {
  js: BROWSER,
  'js-legacy': BROWSER,
  records: { ...BROWSER, meaning: SPECIAL.UUID | SPECIAL.PLACEHOLDER, consumed: new Set(['uuid']) },
  'mobile-legacy': {
    meaning: SPECIAL.KEEN | SPECIAL.HASH,
    consumed: new Set(['keen', '#UUID', '#SSUT']),
    timeSource: 'keen',
    asText: false,
  },
  postback: { meaning: SPECIAL.RECORD_TIME, consumed: NOTHING, timeSource: 'td_record_time', asText: true },
}

/** Text of the collector's own values, to stand behind the payload, and where each begins. */
export function tailOf({ set = '{}', replace = '{}', receivedAtSeconds }: EventOptions, start: number) {
  const parts = [set, replace, String(receivedAtSeconds)].map((text) => Buffer.from(`\n${text}`))
  const receivedAt = start + parts[0]!.length + parts[1]!.length + 1
  const end = start + parts.reduce((sum, { length }) => sum + length, 0)
  return { parts, set: start + 1, replace: start + parts[0]!.length + 1, receivedAt, end }
}

/** @throws ScanFault when `set` or `replace` is no JSON object: the collector has a bug */
export function planEvents(
  state: ScanState,
  { channel, receivedAtSeconds, queryTime }: EventOptions,
  tail: { set: number; replace: number; receivedAt: number; end: number },
): EventPlan {
  const { end } = state
  state.end = tail.end
  const set = membersOf(state, tail.set).filter(({ key }) => key !== TIME_KEY)
  const replacements = membersOf(state, tail.replace)
  state.end = end
  return {
    ...RULES[channel],
    anyId: idRuleOf(channel)?.anyId ?? false,
    set,
    replacements: new Map(replacements.map(({ key, at }) => [key, at])),
    queryTime: secondsOf(queryTime),
    receivedAtSeconds,
    receivedAt: tail.receivedAt,
    tailEnd: tail.end,
  }
}

function membersOf(state: ScanState, at: number): TailValue[] {
  const members: TailValue[] = []
  at = skipSpace(state, at + 1)
  while (state.bytes[at] !== CLOSE_OBJECT) {
    const valueAt = skipKey(state, at)
    const key = stringAt(state, at, state.bytes.lastIndexOf(0x22, valueAt - 1) + 1)
    members.push({ key: catalogKey(key), at: valueAt })
    at = skipSpace(state, skipJson(state, valueAt))
    if (state.bytes[at] === COMMA) at = skipSpace(state, at + 1)
  }
  return members
}

function secondsOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,15}(?:\.\d*)?$/.test(text)) return undefined
  const seconds = Math.trunc(Number(text))
  return seconds <= MAX_TIME_SECONDS ? seconds : undefined
}
