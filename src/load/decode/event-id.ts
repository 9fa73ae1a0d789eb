import { createHash } from 'node:crypto'
import { found, QUOTE, scanString, stringAt } from './json-text.ts'
import type { ScanState } from './scan-state.ts'

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i

/**
 * The id that the string at `at` stands for, as a lower-case UUID; undefined when it identifies nothing. With `anyText`
 * (the old mobile SDKs) a text that is no UUID counts as well, by its hash.
 */
export function eventIdOf(state: ScanState, at: number, { anyId }: { anyId: boolean }): string | undefined {
  if (state.bytes[at] !== QUOTE) return undefined
  const end = scanString(state, at)
  const text = found.hasEscapes ? stringAt(state, at, end) : state.bytes.toString('utf8', at + 1, end - 1)
  return idOf(text, anyId)
}

export function idOf(text: string, anyId: boolean): string | undefined {
  if (UUID.test(text)) return text.toLowerCase()
  if (!anyId || text === '') return undefined
  const hash = createHash('sha256').update(text).digest('hex')
  return [0, 8, 12, 16, 20].map((from, i) => hash.slice(from, [8, 12, 16, 20, 32][i])).join('-')
}

/** The key whose value identifies an event of the channel, and whether any text does. */
export function idRuleOf(channel: string): { key: string; anyId: boolean } | undefined {
  if (channel === 'records') return { key: 'uuid', anyId: false }
  if (channel === 'mobile-legacy') return { key: '#UUID', anyId: true }
  return undefined
}

const SPACE = new Set(Buffer.from(' \t\r\n'))
const MOST_ID_BYTES = 4096

/**
 * The ids that events of this body may have, found without decoding it: some may belong to nested values. One whose key
 * is written with escapes is missed; the transaction finds it.
 */
export function possibleIds(body: Buffer, channel: string): string[] {
  const rule = idRuleOf(channel)
  if (rule === undefined) return []
  const wanted = Buffer.from(`"${rule.key}"`)
  const ids: string[] = []
  for (let at = body.indexOf(wanted); at >= 0; at = body.indexOf(wanted, at + wanted.length)) {
    let from = at + wanted.length
    while (SPACE.has(body[from]!)) from++
    if (body[from++] !== 0x3a) continue
    while (SPACE.has(body[from]!)) from++
    if (body[from++] !== QUOTE) continue
    const end = body.indexOf(QUOTE, from)
    if (end < 0 || end - from > MOST_ID_BYTES) continue
    const id = idOf(body.toString('utf8', from, end), rule.anyId)
    if (id !== undefined) ids.push(id)
  }
  return ids
}
