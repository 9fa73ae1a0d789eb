import { findZone } from '../../kernel/index.ts'
import { durationInWords } from './duration.ts'
import type { Component, Finding, Plan } from './types.ts'

const LONGEST_WINDOW_MS = 24 * 3_600_000
const MOST_AHEAD_MS = 400 * 86_400_000

/** What a plan is judged against. */
export type LintContext = {
  nowMs: number
  /** Every component of the installation, all regions. */
  components: readonly Component[]
  /** Announced maintenances that are not over, without this one. */
  others: readonly { id: string; region: string; window: { opensMs: number; closesMs: number } }[]
  /** What is known of the incident the plan names; undefined when it names none. */
  incident?: 'unknown' | 'without-postmortem' | 'with-postmortem'
}

/** Everything that cannot be true, or should not be promised, in a plan that was read; empty when it may be announced. */
export function lintPlan(plan: Plan, context: LintContext): Finding[] {
  return [
    ...times(plan, context.nowMs),
    ...zones(plan),
    ...overlaps(plan, context.others),
    ...coverage(plan, context.components),
    ...promises(plan),
    ...incident(plan, context.incident),
  ]
}

const refuse = (path: string, says: string): Finding => ({ level: 'refuse', path, says })
const warn = (path: string, says: string): Finding => ({ level: 'warn', path, says })
const iso = (ms: number) => new Date(ms).toISOString()

function times({ window, operation, notice }: Plan, nowMs: number): Finding[] {
  const findings: Finding[] = []
  const lengthMs = window.closesMs - window.opensMs
  const neededMs = operation.maintenanceAtMostMs + operation.recoveryAtMostMs
  const leftMs = window.closesMs - operation.startsMs
  if (window.opensMs <= nowMs) findings.push(refuse('window.opens', `${iso(window.opensMs)} has passed`))
  if (window.opensMs > nowMs + MOST_AHEAD_MS)
    findings.push(refuse('window.opens', 'lies more than 400 days ahead'))
  if (lengthMs > LONGEST_WINDOW_MS)
    findings.push(refuse('window.length', `is ${durationInWords(lengthMs)}; a window is a day at most`))
  if (neededMs > leftMs)
    findings.push(
      refuse(
        'operation',
        `maintenance and recovery may take ${durationInWords(neededMs)}, the window leaves ${durationInWords(Math.max(0, leftMs))} from the start of the operation`,
      ),
    )
  for (const [i, remindMs] of notice.remindMs.entries())
    if (remindMs > notice.minimumMs)
      findings.push(
        refuse(
          `notice.remind[${i}]`,
          `${durationInWords(remindMs)} before is earlier than the notice itself`,
        ),
      )
  return findings
}

function zones({ notice }: Plan): Finding[] {
  if (notice.zones.length === 0) return [refuse('notice.zones', 'must name a zone at least')]
  return notice.zones.flatMap((name, i) =>
    findZone(name) === undefined ? [refuse(`notice.zones[${i}]`, `the zone ${name} is not known`)] : [],
  )
}

function overlaps({ id, region, window }: Plan, others: LintContext['others']): Finding[] {
  return others
    .filter((other) => other.id !== id && other.region === region)
    .filter((other) => other.window.opensMs < window.closesMs && window.opensMs < other.window.closesMs)
    .map((other) =>
      refuse(
        'window',
        `overlaps with ${other.id} in ${region} (${iso(other.window.opensMs)} to ${iso(other.window.closesMs)})`,
      ),
    )
}

/** Every component of the region has a promise or is said not to be affected; none of another region is named. */
function coverage({ region, components, unaffected }: Plan, known: readonly Component[]): Finding[] {
  const named = new Set([...components.keys(), ...unaffected])
  const missing = known
    .filter((one) => one.region === region && one.offered && !named.has(one.id))
    .map((one) => refuse('components', `${one.id} of ${region} is neither among components nor unaffected`))
  const strangers = [...named].flatMap((id) => {
    const path = components.has(id) ? `components.${id}` : 'unaffected'
    const here = known.find((one) => one.id === id && one.region === region)
    if (here?.offered === false)
      return [warn(path, `${id} is not offered here; the notice will say so and promise nothing for it`)]
    if (here !== undefined) return []
    const elsewhere = known.find((one) => one.id === id)
    return [
      refuse(path, elsewhere === undefined ? `${id} is not known` : `${id} belongs to ${elsewhere.region}`),
    ]
  })
  const both = unaffected
    .filter((id) => components.has(id))
    .map((id) => refuse('unaffected', `${id} is among components, too`))
  if (!known.some((one) => one.region === region)) return [refuse('region', `${region} is not known`)]
  return [...missing, ...strangers, ...both]
}

function promises({ components, operation }: Plan): Finding[] {
  return [...components].flatMap(([id, promise]) => {
    const findings: Finding[] = []
    const words = Object.values(promise.maintenance)
    if (promise.visibleAfter !== undefined && !words.includes('accepted'))
      findings.push(
        refuse(
          `components.${id}.visibleAfter`,
          'says when what is accepted can be queried; nothing is accepted',
        ),
      )
    if (promise.holdAtMostMs !== undefined && !words.includes('queued'))
      findings.push(
        refuse(`components.${id}.holdAtMost`, 'says how long a queued client is held; nothing is queued'),
      )
    if (
      promise.extraMs !== undefined &&
      promise.extraMs < operation.maintenanceAtMostMs &&
      words.includes('delayed')
    )
      findings.push(
        warn(
          `components.${id}.extraDuration`,
          `${durationInWords(promise.extraMs)} is less than the maintenance may take (${durationInWords(operation.maintenanceAtMostMs)})`,
        ),
      )
    return findings
  })
}

function incident({ reason }: Plan, known: LintContext['incident']): Finding[] {
  if (reason.incident === undefined) return []
  if (known === 'unknown' || known === undefined)
    return [refuse('reason.incident', `there is no incident ${reason.incident} on the status page`)]
  if (known === 'without-postmortem')
    return [
      warn(
        'reason.incident',
        `${reason.incident} has no postmortem yet; the page will say that it is pending`,
      ),
    ]
  return []
}

/** Is there still time enough to announce it? Undefined when there is; otherwise a sentence. */
export function tooLate(plan: Plan, nowMs: number): string | undefined {
  const aheadMs = plan.window.opensMs - nowMs
  if (aheadMs >= plan.notice.minimumMs) return undefined
  return `it is announced ${durationInWords(Math.max(0, aheadMs))} ahead; its own minimum is ${durationInWords(plan.notice.minimumMs)}`
}
