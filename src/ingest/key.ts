import { sha256Hex } from '../kernel/index.ts'

/**
 * The API key of an Authorization header: `TD1 KEY` (scheme in any case), or the key alone, as td-client-java sends keys
 * of other shapes (treasure-data/td-client-java TDHttpClient). Undefined when there is none.
 */
export function keyOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined
  const [first = '', second, ...more] = authorization.trim().split(/\s+/)
  if (more.length > 0) return undefined
  if (second === undefined) return first === '' || /^td1$/i.test(first) ? undefined : first
  return /^td1$/i.test(first) ? second : undefined
}

/** A key may be sent with or without `ACCOUNT/` in front. */
export function splitKey(key: string): { account: string | undefined; secret: string } {
  const slash = key.indexOf('/')
  return slash === -1
    ? { account: undefined, secret: key }
    : { account: key.slice(0, slash), secret: key.slice(slash + 1) }
}

/** The hashes under which a key may be stored: of the whole, and of what follows the account prefix. */
export function hashesOf(key: string): string[] {
  const { account, secret } = splitKey(key)
  return account === undefined ? [sha256Hex(key)] : [sha256Hex(key), sha256Hex(secret)]
}
