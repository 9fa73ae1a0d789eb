import { type Actor, audit, type SecretBox } from '../catalog/index.ts'
import { type Sql, sha256Hex } from '../kernel/index.ts'
import { alertErrors } from './errors.ts'
import type { RuleParameters } from './parameters.ts'
import {
  dropUnusedTargets,
  findTarget,
  listRules,
  lockRules,
  oweTest,
  putRule,
  putTarget,
  removeRule,
} from './rule-store.ts'
import { openWebhook, sealWebhook } from './secret.ts'
import { newSigningKey } from './sign.ts'
import type { AlertRule } from './types.ts'

/** Whose runs a rule is about: one schedule's, or all of the account that have no rule of their own. */
export type Subject = { accountId: bigint; scheduleId: bigint | null; title: string }

/** @throws alert_unknown (404, final) */
export async function findRule(sql: Sql, { accountId, scheduleId, title }: Subject): Promise<AlertRule> {
  const [rule] = await listRules(sql, accountId, { of: { scheduleId } })
  if (rule === undefined) throw alertErrors.alert_unknown(title)
  return rule
}

/** Makes or replaces a rule. `newKey` is the signing key of a webhook that had none: it is told this once. */
export async function setRule(
  sql: Sql,
  { secrets, actor }: { secrets: SecretBox; actor: Actor },
  subject: Subject,
  wanted: RuleParameters,
): Promise<{ rule: AlertRule; newKey: string | undefined }> {
  const { accountId, scheduleId } = subject
  const { events, lateAfterSeconds, emails } = wanted
  await lockRules(sql, accountId)
  const targetIds: bigint[] = []
  for (const address of emails)
    targetIds.push(
      await putTarget(sql, accountId, { channel: 'email', address, label: address, secret: null }),
    )
  const hook = wanted.webhook && (await putWebhook(sql, secrets, accountId, wanted.webhook))
  if (hook !== undefined) targetIds.push(hook.id)
  await putRule(sql, { accountId, scheduleId, events, lateAfterSeconds }, targetIds)
  await dropUnusedTargets(sql, accountId)
  const details = { on: events, emails, webhook: wanted.webhook?.url.origin ?? null }
  await audit(sql, actor, { action: 'alert.set', target: subject.title, details })
  return { rule: await findRule(sql, subject), newKey: hook?.newKey }
}

async function putWebhook(
  sql: Sql,
  secrets: SecretBox,
  accountId: bigint,
  { url, key: given }: NonNullable<RuleParameters['webhook']>,
): Promise<{ id: bigint; newKey: string | undefined }> {
  const address = sha256Hex(url.href)
  const known = await findTarget(sql, accountId, 'webhook', address)
  const kept = given ?? (known && readKey(secrets, accountId, known.secret))
  const key = kept ?? newSigningKey()
  const secret = sealWebhook(secrets, accountId, { url: url.href, key })
  const label = `${url.origin}/…`
  const id = await putTarget(sql, accountId, { channel: 'webhook', address, label, secret })
  return { id, newKey: kept === undefined ? key : undefined }
}

/** undefined when the key file it was sealed under is gone: then it gets a new one. */
function readKey(secrets: SecretBox, accountId: bigint, sealed: Buffer | null): string | undefined {
  try {
    return openWebhook(secrets, accountId, sealed).key
  } catch {
    return undefined
  }
}

/** @throws alert_unknown (404, final) */
export async function deleteRule(sql: Sql, actor: Actor, subject: Subject): Promise<AlertRule> {
  await lockRules(sql, subject.accountId)
  const rule = await findRule(sql, subject)
  await removeRule(sql, subject.accountId, subject.scheduleId)
  await dropUnusedTargets(sql, subject.accountId)
  await audit(sql, actor, { action: 'alert.remove', target: subject.title })
  return rule
}

/** Owes a test to everybody whom the rule tells; how many those are. @throws alert_unknown (404, final) */
export async function testRule(sql: Sql, subject: Subject): Promise<number> {
  return oweTest(sql, await findRule(sql, subject))
}
