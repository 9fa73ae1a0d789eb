import { sha256Hex } from '../kernel/index.ts'

/** What is asked for by a key as sent: the account it claims, if any, and the hash under which it is stored. */
export type SentKey = { accountId: bigint | undefined; sha256: string }

/**
 * Reads an Authorization header: `TD1 KEY` (scheme in any case), or the key alone, as td-client-java sends keys of other
 * shapes (treasure-data/td-client-java TDHttpClient.java). The key may come with or without its account number; stored is
 * the hash of the 40 hex digits. Anything else is hashed as it stands. Undefined when nothing was sent.
 */
export function readKey(authorization: string | undefined): SentKey | undefined {
  const text = (authorization ?? '')
    .trim()
    .replace(/^TD1(\s+|$)/i, '')
    .trim()
  if (text === '') return undefined
  const [, account, secret] = /^(?:([1-9][0-9]{0,17})\/)?([0-9a-f]{40})$/i.exec(text) ?? []
  return {
    accountId: account === undefined ? undefined : BigInt(account),
    sha256: sha256Hex(secret?.toLowerCase() ?? text),
  }
}
