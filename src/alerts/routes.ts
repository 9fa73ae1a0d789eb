import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Access, actorOf, type SecretBox } from '../catalog/index.ts'
import { patientUpTo } from '../jobs/index.ts'
import { integerOf, textOf, timeI } from '../kernel/http/index.ts'
import { lookUpSchedule, requireChange, requireSight, type ScheduleSources } from '../schedules/index.ts'
import type { AlertSettings } from './config.ts'
import { listMessages, type SentMessage } from './outbox-store.ts'
import { type RuleLimits, ruleParameters } from './parameters.ts'
import { listRules } from './rule-store.ts'
import { deleteRule, findRule, type Subject, setRule, testRule } from './rules.ts'
import type { AlertRule } from './types.ts'

export type AlertRoutesDeps = ScheduleSources & {
  access: Access
  secrets: SecretBox
  settings: AlertSettings
}

const WRITE_DEADLINE_MS = 10_000
const MOST_LISTED = 1_000
const PATHS = { account: '/api/alerts/account', schedule: '/api/alerts/schedules/:schedule' }

/**
 * `/api/alerts/…`: routes of our own, the original has none. A rule is read, set and removed whole; while the main database is away
 * all of it is 503, to be sent again.
 */
export function addAlertRoutes(app: FastifyInstance, deps: AlertRoutesDeps): void {
  for (const path of Object.values(PATHS)) {
    app.get(path, (request) => show(deps, request))
    app.put(path, (request) => set(deps, request))
    app.delete(path, (request) => remove(deps, request))
    app.post(`${path}/test`, (request) => sendTest(deps, request))
  }
  app.get('/api/alerts', (request) => list(deps, request))
  app.get('/api/alerts/messages', (request) => messages(deps, request))
}

const reading = ({ gate, readDeadlineMs }: AlertRoutesDeps) => patientUpTo(gate, 'read', readDeadlineMs)
const writing = ({ gate }: AlertRoutesDeps) => patientUpTo(gate, 'write', WRITE_DEADLINE_MS)

async function show(deps: AlertRoutesDeps, request: FastifyRequest) {
  const subject = await subjectOf(deps, request, 'see')
  return ruleBody(await deps.database.read(reading(deps), (sql) => findRule(sql, subject)))
}

async function set(deps: AlertRoutesDeps, request: FastifyRequest) {
  const subject = await subjectOf(deps, request, 'change')
  const wanted = ruleParameters(request.parameters, limitsOf(deps))
  const context = { secrets: deps.secrets, actor: actorOf(request) }
  const { rule, newKey } = await deps.database.write(writing(deps), (sql) =>
    setRule(sql, context, subject, wanted),
  )
  return { ...ruleBody(rule), ...(newKey !== undefined && { webhook_secret: newKey }) }
}

async function remove(deps: AlertRoutesDeps, request: FastifyRequest) {
  const subject = await subjectOf(deps, request, 'change')
  return ruleBody(
    await deps.database.write(writing(deps), (sql) => deleteRule(sql, actorOf(request), subject)),
  )
}

async function sendTest(deps: AlertRoutesDeps, request: FastifyRequest) {
  const subject = await subjectOf(deps, request, 'change')
  return { targets: await deps.database.write(writing(deps), (sql) => testRule(sql, subject)) }
}

/** All rules of the account: the first without a schedule, if there is one. */
async function list(deps: AlertRoutesDeps, { principal }: FastifyRequest) {
  deps.access.requireAccountAdministrator(principal)
  const rules = await deps.database.read(reading(deps), (sql) => listRules(sql, principal.accountId))
  return { alerts: rules.map(ruleBody) }
}

async function messages(deps: AlertRoutesDeps, { principal, parameters }: FastifyRequest) {
  deps.access.requireAccountAdministrator(principal)
  const from = integerOf(parameters, 'from', { least: 0 }) ?? 0
  const to = integerOf(parameters, 'to', { least: 0 }) ?? from + 20
  const page = { offset: from, limit: Math.max(0, Math.min(to - from, MOST_LISTED)) }
  const { accountId } = principal
  const found = await deps.database.read(reading(deps), (sql) => listMessages(sql, { accountId, ...page }))
  return { messages: found.map(messageBody), from, to }
}

/**
 * What the path is about: the account, whose rule its administrators change and everybody sees, or a schedule.
 * @throws schedule_unknown (404) · not_authorized (403) · schedule_away (503)
 */
async function subjectOf(
  deps: AlertRoutesDeps,
  { principal, parameters }: FastifyRequest,
  intent: 'see' | 'change',
): Promise<Subject> {
  const { accountId } = principal
  const name = textOf(parameters, 'schedule')
  if (name === undefined) {
    if (intent === 'change') deps.access.requireAccountAdministrator(principal)
    return { accountId, scheduleId: null, title: 'the account' }
  }
  const { value: schedule } = await lookUpSchedule(deps, accountId, name)
  if (intent === 'change') requireChange(principal, schedule)
  else await requireSight(deps.access, principal, schedule)
  return { accountId, scheduleId: schedule.id, title: `schedule '${name}'` }
}

function limitsOf({ settings }: AlertRoutesDeps): RuleLimits {
  const { smtpHost, emailDomains, allowPrivate } = settings
  return { sendsEmail: smtpHost !== undefined, emailDomains, allowPrivate }
}

function ruleBody({ scheduleName, events, lateAfterSeconds, targets }: AlertRule) {
  return {
    schedule: scheduleName,
    on: events,
    late_after_seconds: lateAfterSeconds,
    emails: targets.filter(({ channel }) => channel === 'email').map(({ label }) => label),
    webhook: targets.find(({ channel }) => channel === 'webhook')?.label ?? null,
  }
}

function messageBody(message: SentMessage) {
  const { key, channel, label, alerts, attempts, created_at, sent_at, given_up_at } = message
  const isOpen = sent_at === null && given_up_at === null
  const status = sent_at !== null ? 'sent' : isOpen ? 'waiting' : 'given-up'
  return {
    id: `msg_${key}`,
    channel,
    to: label,
    alerts,
    status,
    attempts,
    created_at: timeI(created_at),
    sent_at: sent_at && timeI(sent_at),
    next_attempt_at: isOpen ? timeI(message.next_attempt_at) : null,
    error: message.last_error,
  }
}
