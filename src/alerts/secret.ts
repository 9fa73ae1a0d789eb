import type { SecretBox } from '../catalog/index.ts'
import type { Webhook } from './webhook.ts'

/** The URL of a webhook may be a secret as much as its key is: both are stored sealed, bound to their account. */
export function sealWebhook(secrets: SecretBox, accountId: bigint, hook: Webhook): Buffer {
  return secrets.seal(JSON.stringify(hook), contextOf(accountId))
}

/** @throws when it was sealed under another key file */
export function openWebhook(secrets: SecretBox, accountId: bigint, sealed: Buffer | null): Webhook {
  if (sealed === null) throw new Error('the webhook has no URL')
  try {
    return JSON.parse(secrets.open(sealed, contextOf(accountId))) as Webhook
  } catch (error) {
    throw new Error('the webhook was stored under another secrets.key: set its rule again', { cause: error })
  }
}

const contextOf = (accountId: bigint) => `alert target of account ${accountId}`
