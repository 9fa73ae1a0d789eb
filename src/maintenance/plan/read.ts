import { isAlias, LineCounter, parseDocument, visit } from 'yaml'
import { parseDuration } from './duration.ts'
import { IMPACT_WORDS, isImpact } from './impact.ts'
import { readMoment } from './local-time.ts'
import { type ComponentPromise, type Finding, HOOKS, type Plan, PROFILES } from './types.ts'

const LONGEST_TEXT = 200_000
const LONGEST_TITLE = 120
const DAY_MS = 86_400_000
const USUAL_P95_FACTOR = 3

/** What a plan file says, or everything that is wrong with it. Nothing is guessed: a key that is not known is refused. */
export function readPlan(text: string): { plan: Plan | undefined; findings: Finding[] } {
  const { value, findings } = readYaml(text)
  if (findings.length > 0) return { plan: undefined, findings }
  const reader = createReader(findings)
  const plan = planOf(reader.object(value, ''))
  return { plan: findings.length === 0 ? plan : undefined, findings }
}

function readYaml(text: string): { value: unknown; findings: Finding[] } {
  if (text.length > LONGEST_TEXT)
    return refuse('', `the file has ${text.length} characters; ${LONGEST_TEXT} are allowed`)
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true })
  const problems = [...document.errors, ...document.warnings]
  if (problems.length > 0) {
    return {
      value: undefined,
      findings: problems.map((problem) => ({
        level: 'refuse',
        path: `line ${lines.linePos(problem.pos[0]).line}`,
        says: problem.message,
      })),
    }
  }
  let hasAlias = false
  visit(document, (_, node) => {
    if (isAlias(node)) hasAlias = true
  })
  if (hasAlias) return refuse('', 'anchors and aliases are not understood in a plan')
  return { value: document.toJS(), findings: [] }
}

function refuse(path: string, says: string): { value: undefined; findings: Finding[] } {
  return { value: undefined, findings: [{ level: 'refuse', path, says }] }
}

type Fields = ReturnType<ReturnType<typeof createReader>['object']>

/** What is wrong is noted, and something of the right type goes on, so that one reading finds every fault. */
function createReader(findings: Finding[]) {
  const wrong = (path: string, says: string) => void findings.push({ level: 'refuse', path, says })

  function object(value: unknown, path: string) {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    if (!isObject) wrong(path, value === undefined ? 'is missing' : 'must be a list of keys with values')
    const fields = (isObject ? value : {}) as Record<string, unknown>
    const asked = new Set<string>()
    const at = (key: string) => (path === '' ? key : `${path}.${key}`)
    const get = (key: string) => {
      asked.add(key)
      return fields[key]
    }
    return {
      path,
      wrong,
      has: (key: string) => fields[key] !== undefined,
      keys: () => Object.keys(fields),
      raw: get,
      child: (key: string) => object(get(key), at(key)),
      text(key: string, longest = 2_000): string {
        const given = get(key)
        const said = typeof given === 'string' ? given.trim() : ''
        if (given === undefined) wrong(at(key), 'is missing')
        else if (typeof given !== 'string') wrong(at(key), 'must be text; put it in quotes')
        else if (said === '') wrong(at(key), 'must not be empty')
        else if (said.length > longest)
          wrong(at(key), `has ${said.length} characters; ${longest} are allowed`)
        else if (hasUnprintable(said))
          wrong(at(key), 'holds characters that are not printed or change the direction of text')
        return said
      },
      oneOf<Word extends string>(key: string, words: readonly Word[], usual?: Word): Word {
        const given = get(key)
        if (given === undefined && usual !== undefined) return usual
        if (words.includes(given as Word)) return given as Word
        wrong(
          at(key),
          given === undefined ? 'is missing' : `'${String(given)}' is none of ${words.join(', ')}`,
        )
        return words[0]!
      },
      duration(key: string, usualMs?: number): number {
        const given = get(key)
        if (given === undefined && usualMs !== undefined) return usualMs
        return durationOf(given, at(key))
      },
      durations(key: string, usualMs: number[]): number[] {
        const given = get(key)
        if (given === undefined) return usualMs
        if (!Array.isArray(given)) wrong(at(key), 'must be a list of lengths such as [PT24H, PT60M]')
        return Array.isArray(given) ? given.map((one, i) => durationOf(one, `${at(key)}[${i}]`)) : usualMs
      },
      texts(key: string, usual: string[]): string[] {
        const given = get(key)
        if (given === undefined) return usual
        const isList = Array.isArray(given) && given.every((one) => typeof one === 'string')
        if (!isList) wrong(at(key), 'must be a list of names')
        return isList ? (given as string[]) : usual
      },
      moment(key: string): number {
        const given = get(key)
        const read = readMoment(typeof given === 'string' ? given : String(given ?? ''))
        const iso = (ms: number) => new Date(ms).toISOString()
        if (given === undefined) wrong(at(key), 'is missing')
        else if (read.kind === 'wrong') wrong(at(key), read.says)
        else if (read.kind === 'skipped')
          wrong(
            at(key),
            `the clocks skip that time; with an offset ${iso(read.nearMs[0])} or ${iso(read.nearMs[1])} could be meant`,
          )
        else if (read.kind === 'twice')
          wrong(
            at(key),
            `the clocks show that time twice, at ${iso(read.candidatesMs[0])} and ${iso(read.candidatesMs[1])}; add the offset`,
          )
        return read.kind === 'moment' ? read.ms : 0
      },
      /** To be called last: what was never asked for is not understood. */
      nothingElse() {
        for (const key of Object.keys(fields)) if (!asked.has(key)) wrong(at(key), 'is not known in a plan')
      },
    }
  }

  function durationOf(given: unknown, path: string): number {
    const ms = typeof given === 'string' ? parseDuration(given) : undefined
    if (given === undefined) wrong(path, 'is missing')
    else if (ms === undefined) wrong(path, `'${String(given)}' is not a length such as PT15M`)
    else if (ms === 0) wrong(path, 'must be longer than nothing')
    return ms ?? 0
  }
  return { object }
}

function planOf(fields: Fields): Plan {
  const window = fields.child('window')
  const opensMs = window.moment('opens')
  const closesMs = opensMs + window.duration('length')
  window.nothingElse()

  const operation = fields.child('operation')
  const startsMs = opensMs + startOffset(operation)
  const maintenanceAtMostMs = operation.duration('maintenanceAtMost')
  const recoveryAtMostMs = operation.duration('recoveryAtMost')
  operation.nothingElse()

  const reason = fields.child('reason')
  const reasonText = reason.text('text')
  const incident = reason.has('incident') ? reason.text('incident', 100) : undefined
  reason.nothingElse()

  const plan: Plan = {
    id: idOf(fields),
    region: fields.text('region', 40),
    title: fields.text('title', LONGEST_TITLE),
    reason: { text: reasonText, ...(incident === undefined ? {} : { incident }) },
    window: { opensMs, closesMs },
    operation: { startsMs, maintenanceAtMostMs, recoveryAtMostMs },
    notice: noticeOf(fields),
    profile: fields.oneOf('profile', PROFILES, 'production'),
    hook: hookOf(fields.child('hook')),
    components: componentsOf(fields),
    unaffected: fields.texts('unaffected', []),
    contact: fields.text('contact', 200),
  }
  fields.nothingElse()
  return plan
}

/** `PT0S` is a start of its own right: with the window. */
function startOffset(operation: Fields): number {
  const given = operation.raw('starts')
  if (given === undefined || given === 'PT0S' || given === '+PT0S') return 0
  return operation.duration('starts')
}

function idOf(fields: Fields): string {
  const id = fields.text('id', 64)
  if (id !== '' && !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(id))
    fields.wrong(
      'id',
      `'${id}' must be of small letters, digits and single hyphens: it names files and addresses`,
    )
  return id
}

function noticeOf(fields: Fields): Plan['notice'] {
  const usual = { minimumMs: 13 * DAY_MS, remindMs: [DAY_MS, 3_600_000], zones: ['UTC'] }
  if (!fields.has('notice')) return usual
  const notice = fields.child('notice')
  const read = {
    minimumMs: notice.duration('minimum', usual.minimumMs),
    remindMs: notice.durations('remind', usual.remindMs).sort((a, b) => b - a),
    zones: notice.texts('zones', usual.zones),
  }
  notice.nothingElse()
  return read
}

function hookOf(hook: Fields): Plan['hook'] {
  const use = hook.oneOf('use', HOOKS)
  const options: Plan['hook']['options'] = {}
  for (const key of hook.keys().filter((one) => one !== 'use')) {
    const value = hook.raw(key)
    if (['string', 'number', 'boolean'].includes(typeof value))
      options[key] = value as string | number | boolean
    else hook.wrong(`hook.${key}`, 'must be text, a number, true or false')
  }
  return { use, options }
}

function componentsOf(fields: Fields): Map<string, ComponentPromise> {
  const components = fields.child('components')
  const promises = new Map(components.keys().map((id) => [id, promiseOf(components.child(id))]))
  if (promises.size === 0)
    fields.wrong('components', 'must name what the maintenance touches, each with its impact')
  return promises
}

function promiseOf(fields: Fields): ComponentPromise {
  const promise: ComponentPromise = { maintenance: impactOf(fields), recoveryP95Factor: p95FactorOf(fields) }
  if (fields.has('visibleAfter'))
    promise.visibleAfter = fields.oneOf('visibleAfter', ['maintenance', 'recovery'] as const)
  if (fields.has('extraDuration')) promise.extraMs = fields.duration('extraDuration')
  if (fields.has('holdAtMost')) promise.holdAtMostMs = fields.duration('holdAtMost')
  if (fields.has('failedSessions')) promise.failedSessions = countOf(fields, 'failedSessions')
  fields.nothingElse()
  return promise
}

function impactOf(fields: Fields): ComponentPromise['maintenance'] {
  const given = fields.raw('maintenance')
  const path = `${fields.path}.maintenance`
  if (isImpact(given)) return { all: given }
  if (typeof given === 'object' && given !== null) {
    const both = fields.child('maintenance')
    const read = { reads: both.oneOf('reads', IMPACT_WORDS), writes: both.oneOf('writes', IMPACT_WORDS) }
    both.nothingElse()
    return read
  }
  fields.wrong(
    path,
    given === undefined
      ? `is missing: say what the maintenance does to it (${IMPACT_WORDS.join(', ')})`
      : `'${String(given)}' is none of ${IMPACT_WORDS.join(', ')}`,
  )
  return { all: 'unavailable' }
}

/** `recovery: {p95: "<= 3x baseline"}`. */
function p95FactorOf(fields: Fields): number {
  if (!fields.has('recovery')) return USUAL_P95_FACTOR
  const recovery = fields.child('recovery')
  const text = recovery.text('p95')
  recovery.nothingElse()
  const factor = Number(/^<=\s*(\d+(?:\.\d+)?)\s*x\s+baseline$/.exec(text)?.[1] ?? 0)
  if (factor < 1)
    fields.wrong(`${fields.path}.recovery.p95`, `'${text}' must be like '<= 3x baseline', 1 or more`)
  return factor
}

function countOf(fields: Fields, key: string): number {
  const value = fields.raw(key)
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  fields.wrong(`${fields.path}.${key}`, 'must be a whole number, 0 or more')
  return 0
}

/** Control characters, and the marks that turn the direction of text around: they could make a title say what it does not. */
function hasUnprintable(text: string): boolean {
  return /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u.test(text)
}
