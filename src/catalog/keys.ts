import { type Ids, sha256Hex } from '../kernel/index.ts'

/** A new API key as its owner sees it, once, and as it is stored. */
export type MintedKey = { text: string; sha256: string; prefix: string }

/** `ACCOUNT/40 hex`: the shape without which td-client-java leaves out `TD1 ` (TDHttpClient.java). */
export function mintKey(accountId: bigint, ids: Ids): MintedKey {
  const secret = ids.hex160()
  return {
    text: `${accountId}/${secret}`,
    sha256: sha256Hex(secret),
    prefix: `${accountId}/${secret.slice(0, 8)}`,
  }
}

/** What is asked for by a key as sent: the account it claims, if any, and the hash under which it is stored. */
export type SentKey = { accountId: bigint | undefined; sha256: string }

/**
 * Reads an Authorization header or a bare key: with or without `TD1`, in any case, with or without the account
 * number. Anything else is hashed as it stands (and will not be found). Undefined when nothing was sent.
 */
export function readKey(header: string | undefined): SentKey | undefined {
  const text = (header ?? '')
    .trim()
    .replace(/^TD1(\s+|$)/i, '')
    .trim()
  if (text === '') return undefined
  const parts = /^(?:([1-9][0-9]{0,17})\/)?([0-9a-f]{40})$/i.exec(text)
  if (parts === null) return { accountId: undefined, sha256: sha256Hex(text) }
  const [, account, secret] = parts
  return {
    accountId: account === undefined ? undefined : BigInt(account),
    sha256: sha256Hex(secret!.toLowerCase()),
  }
}
