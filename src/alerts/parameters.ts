import { integerOf, type Parameters, textOf } from '../kernel/http/index.ts'
import { alertErrors } from './errors.ts'
import { isSigningKey } from './sign.ts'
import { ALERT_EVENTS, type AlertEvent } from './types.ts'
import { requireWebhookUrl } from './webhook.ts'

export type RuleParameters = {
  events: AlertEvent[]
  lateAfterSeconds: number
  emails: string[]
  webhook: { url: URL; key: string | undefined } | undefined
}
export type RuleLimits = { sendsEmail: boolean; emailDomains: readonly string[]; allowPrivate: boolean }

const DEFAULT_LATE_SECONDS = 900
const LEAST_LATE_SECONDS = 60
const MOST_EMAILS = 20
const MOST_EMAIL_CHARACTERS = 254

/**
 * What a rule shall be. Lists are JSON arrays, or texts with commas between; an empty list of events is a rule that tells nothing.
 * @throws alert_invalid, webhook_refused (422) · email_off (400)
 */
export function ruleParameters(parameters: Parameters, limits: RuleLimits): RuleParameters {
  const events = listOf(parameters, 'on') ?? ['failed', 'late']
  const emails = [...new Set((listOf(parameters, 'emails') ?? []).map((email) => email.toLowerCase()))]
  if (emails.length > MOST_EMAILS) throw alertErrors.alert_invalid(`Emails are more than ${MOST_EMAILS}`)
  for (const email of emails) requireEmail(email, limits)
  const webhook = webhookOf(parameters, limits)
  if (events.length > 0 && emails.length === 0 && webhook === undefined)
    throw alertErrors.alert_invalid('Emails and webhook_url are both missing: nobody would be told')
  return {
    events: [...new Set(events)].map(requireEvent),
    lateAfterSeconds:
      integerOf(parameters, 'late_after_seconds', { least: LEAST_LATE_SECONDS, most: 30 * 86_400 }) ??
      DEFAULT_LATE_SECONDS,
    emails,
    webhook,
  }
}

function requireEvent(word: string): AlertEvent {
  const event = ALERT_EVENTS.find((one) => one === word)
  if (event === undefined)
    throw alertErrors.alert_invalid(`On holds '${word}', which is none of ${ALERT_EVENTS.join(', ')}`)
  return event
}

function requireEmail(email: string, { sendsEmail, emailDomains }: RuleLimits): void {
  if (!sendsEmail) throw alertErrors.email_off()
  // Plain addresses only: nothing that could become a second recipient or a header.
  if (email.length > MOST_EMAIL_CHARACTERS || !/^[^\s@,;:<>"()[\]\\]+@[a-z0-9.-]+$/.test(email))
    throw alertErrors.alert_invalid(`'${email}' is not an e-mail address`)
  const domain = email.slice(email.lastIndexOf('@') + 1)
  if (emailDomains.length > 0 && !emailDomains.some((allowed) => allowed.toLowerCase() === domain))
    throw alertErrors.alert_invalid(`'${email}' is not in a domain that this server sends alerts to`)
}

function webhookOf(parameters: Parameters, limits: RuleLimits): RuleParameters['webhook'] {
  const text = textOf(parameters, 'webhook_url')
  const key = textOf(parameters, 'webhook_secret')
  if (text === undefined) return undefined
  if (key !== undefined && !isSigningKey(key))
    throw alertErrors.alert_invalid('Webhook_secret must be whsec_ and 24 to 64 bytes in base64')
  return { url: requireWebhookUrl(text, limits), key }
}

/** undefined when not given. */
function listOf(parameters: Parameters, name: string): string[] | undefined {
  const value = parameters[name]
  if (Array.isArray(value)) {
    const texts = value.filter((item) => typeof item === 'string')
    if (texts.length !== value.length) throw alertErrors.alert_invalid(`${name} must be a list of texts`)
    return texts.map((item) => item.trim())
  }
  return textOf(parameters, name)
    ?.split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}
