import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * A console session is a signed statement the server can verify without the main database: user, account, its own
 * id and end, with an HMAC under a key that stays in the data directory. What the user may do is looked up at each request.
 */
export type Session = {
  accountId: bigint
  userId: bigint
  /** 32 hex digits: what signing out names. */
  id: string
  /** Which password the user had, as 16 hex digits: a session ends with the password it began under. */
  passwordMark: string
  endsAtMs: number
}

export const SESSION_COOKIE = 'millrace_session'
export const SESSION_SECONDS = 12 * 3600

/** `ACCOUNT.USER.ID.MARK.END.SIGNATURE`: what the cookie holds. */
export function sealSession({ accountId, userId, id, passwordMark, endsAtMs }: Session, key: Buffer): string {
  const text = `${accountId}.${userId}.${id}.${passwordMark}.${endsAtMs}`
  return `${text}.${mac(key, `session ${text}`)}`
}

/** The session of a cookie's value, or undefined when it is not ours or has ended. */
export function openSession(sealed: string, key: Buffer, nowMs: number): Session | undefined {
  const match = /^(\d{1,19})\.(\d{1,19})\.([0-9a-f]{32})\.([0-9a-f]{16})\.(\d{1,15})\.([0-9a-f]{64})$/.exec(
    sealed,
  )
  if (!match) return undefined
  const [, accountId, userId, id, passwordMark, endsAtMs, signature] = match
  const expected = mac(key, `session ${accountId}.${userId}.${id}.${passwordMark}.${endsAtMs}`)
  if (!timingSafeEqual(Buffer.from(signature), Buffer.from(expected))) return undefined
  if (Number(endsAtMs) <= nowMs) return undefined
  return {
    accountId: BigInt(accountId),
    userId: BigInt(userId),
    id,
    passwordMark,
    endsAtMs: Number(endsAtMs),
  }
}

/** Changes with the password and tells nothing about it. */
export function passwordMarkOf(passwordHash: string | null, key: Buffer): string {
  return mac(key, `password ${passwordHash ?? ''}`).slice(0, 16)
}

/** What the page sends back with every change; bound to the session, unreadable to other sites. */
export function csrfToken(sealed: string, key: Buffer): string {
  return mac(key, `csrf ${sealed}`)
}

export function isCsrfToken(token: unknown, sealed: string, key: Buffer): boolean {
  const expected = Buffer.from(csrfToken(sealed, key))
  return (
    typeof token === 'string' &&
    token.length === expected.length &&
    timingSafeEqual(Buffer.from(token), expected)
  )
}

/** The value of one cookie of a Cookie header. */
export function cookieOf(header: string | undefined, name: string): string | undefined {
  for (const pair of (header ?? '').split(';')) {
    const [key, value] = pair.trim().split('=', 2)
    if (key === name) return value
  }
  return undefined
}

function mac(key: Buffer, text: string): string {
  return createHmac('sha256', key).update(text).digest('hex')
}
