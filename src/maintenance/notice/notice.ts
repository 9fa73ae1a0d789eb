import { durationInWords } from '../plan/duration.ts'
import { type ComponentStatus, IMPACTS, type Impact } from '../plan/impact.ts'
import type { Component, ComponentPromise, Plan } from '../plan/types.ts'
import { type ClockTime, clockTime, placeOf } from './zone-labels.ts'

/** Everything a notice says, made of the plan alone; text, HTML, e-mail and JSON only differ in dress. */
export type Notice = {
  id: string
  title: string
  region: string
  /** First of all: who has to read on. */
  scope: { affected: string[]; notAffected: string[]; otherRegions: string[]; notOffered: string[] }
  /** The same five instants in every zone. */
  times: ZoneTimes[]
  instants: { opens: string; starts: string; maintenanceUntil: string; recoveryUntil: string; closes: string }
  phases: { name: string; atMost: string; says: string }[]
  components: ComponentNotice[]
  reason: { text: string; incident?: { id: string; url: string; hasPostmortem: boolean } }
  /** When more will be told. */
  updates: string[]
  /** What this installation is not prepared for, said publicly. */
  remarks: string[]
  contact: string
  url: string
}

export type ZoneTimes = {
  zone: string
  place: string
  opens: ClockTime
  starts: ClockTime
  maintenanceUntil: ClockTime
  recoveryUntil: ClockTime
  closes: ClockTime
}

export type ComponentNotice = {
  id: string
  name: string
  offered: boolean
  status: ComponentStatus
  maintenance: string[]
  recovery: string
}

export type NoticeContext = {
  components: readonly Component[]
  /** Where the public pages are, without a slash at the end. */
  statusUrl: string
  hasPostmortem?: boolean
}

export function noticeOf(
  plan: Plan,
  { components, statusUrl, hasPostmortem = false }: NoticeContext,
): Notice {
  const here = components.filter(({ region }) => region === plan.region)
  const named = (ids: Iterable<string>) => {
    const wanted = new Set(ids)
    return here.filter(({ id }) => wanted.has(id))
  }
  const affected = named(plan.components.keys())
  const names = (some: readonly Component[]) => some.map(({ name }) => name)
  const { window, operation } = plan
  const maintenanceUntilMs = operation.startsMs + operation.maintenanceAtMostMs
  const recoveryUntilMs = maintenanceUntilMs + operation.recoveryAtMostMs
  const iso = (ms: number) => new Date(ms).toISOString()
  return {
    id: plan.id,
    title: plan.title,
    region: plan.region,
    scope: {
      affected: names(affected.filter(({ offered }) => offered)),
      notAffected: names(named(plan.unaffected).filter(({ offered }) => offered)),
      otherRegions: [...new Set(components.map(({ region }) => region))].filter((one) => one !== plan.region),
      notOffered: names(here.filter(({ offered }) => !offered)),
    },
    times: plan.notice.zones.map((zone) => ({
      zone,
      place: placeOf(zone),
      opens: clockTime(window.opensMs, zone),
      starts: clockTime(operation.startsMs, zone),
      maintenanceUntil: clockTime(maintenanceUntilMs, zone),
      recoveryUntil: clockTime(recoveryUntilMs, zone),
      closes: clockTime(window.closesMs, zone),
    })),
    instants: {
      opens: iso(window.opensMs),
      starts: iso(operation.startsMs),
      maintenanceUntil: iso(maintenanceUntilMs),
      recoveryUntil: iso(recoveryUntilMs),
      closes: iso(window.closesMs),
    },
    phases: [
      {
        name: 'Maintenance',
        atMost: durationInWords(operation.maintenanceAtMostMs),
        says: 'The main database is away. What each component does meanwhile is listed below.',
      },
      {
        name: 'Recovery',
        atMost: durationInWords(operation.recoveryAtMostMs),
        says: 'The main database is back. Work that waited is let in step by step, so answers may be slower than usual.',
      },
    ],
    components: affected.map((component) => componentNotice(component, plan.components.get(component.id)!)),
    reason: {
      text: plan.reason.text,
      ...(plan.reason.incident === undefined
        ? {}
        : {
            incident: {
              id: plan.reason.incident,
              url: `${statusUrl}/incidents/${plan.reason.incident}`,
              hasPostmortem,
            },
          }),
    },
    updates: [
      ...plan.notice.remindMs.map((ms) => `${durationInWords(ms)} before the window opens`),
      'when the operation starts',
      'when the main database is back',
      'when everything was verified, with the measured downtime',
    ],
    remarks:
      plan.profile === 'laptop'
        ? ['This installation runs on one machine; safeguards that need a second one are not in place.']
        : [],
    contact: plan.contact,
    url: `${statusUrl}/maintenances/${plan.id}`,
  }
}

const BY_SEVERITY: ComponentStatus[] = [
  'operational',
  'degraded_performance',
  'partial_outage',
  'major_outage',
]

function componentNotice(component: Component, promise: ComponentPromise): ComponentNotice {
  const { id, name, offered } = component
  if (!offered) {
    const notOffered = 'is not offered by this installation'
    return { id, name, offered, status: 'operational', maintenance: [notOffered], recovery: notOffered }
  }
  const words = Object.values(promise.maintenance) as Impact[]
  const worst = Math.max(...words.map((word) => BY_SEVERITY.indexOf(IMPACTS[word].status)))
  return {
    id,
    name,
    offered,
    status: BY_SEVERITY[worst]!,
    maintenance: [...impactSentences(promise.maintenance), ...conditions(promise)],
    recovery: recoverySentence(promise),
  }
}

function impactSentences(maintenance: ComponentPromise['maintenance']): string[] {
  if ('all' in maintenance) return [IMPACTS[maintenance.all].alone]
  return [`reading ${IMPACTS[maintenance.reads].says}`, `writing ${IMPACTS[maintenance.writes].says}`]
}

function conditions(promise: ComponentPromise): string[] {
  const said: string[] = []
  if (Object.values(promise.maintenance).includes('accepted'))
    said.push(`it can be queried by the end of the ${promise.visibleAfter ?? 'recovery'}`)
  if (promise.extraMs !== undefined)
    said.push(
      `work under way may take up to ${durationInWords(promise.extraMs)} longer and ends with its true status`,
    )
  if (promise.holdAtMostMs !== undefined)
    said.push(`a waiting client is told of the maintenance after ${durationInWords(promise.holdAtMostMs)}`)
  if (promise.failedSessions === 0) said.push('no session fails')
  else if (promise.failedSessions !== undefined)
    said.push(`at most ${promise.failedSessions} sessions fail and have to be resumed by hand`)
  return said
}

function recoverySentence({ maintenance, recoveryP95Factor }: ComponentPromise): string {
  if ('all' in maintenance && maintenance.all === 'unaffected') return IMPACTS.unaffected.says
  return `95 of 100 answers come within ${recoveryP95Factor} times the usual time`
}
