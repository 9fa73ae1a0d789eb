import { createHmac, randomBytes } from 'node:crypto'

/**
 * Signatures as https://www.standardwebhooks.com has them, so that receivers can use its libraries: HMAC-SHA256 over id, time and
 * body with the bytes behind `whsec_`, in base64.
 */
const PREFIX = 'whsec_'
const LEAST_BYTES = 24
const MOST_BYTES = 64

export function newSigningKey(bytes: (count: number) => Buffer = randomBytes): string {
  return PREFIX + bytes(32).toString('base64')
}

/** Whether it is a key as receivers' libraries take it: `whsec_` and 24 to 64 bytes in base64. */
export function isSigningKey(key: string): boolean {
  if (!key.startsWith(PREFIX) || !/^[A-Za-z0-9+/]+=*$/.test(key.slice(PREFIX.length))) return false
  const { length } = bytesOf(key)
  return length >= LEAST_BYTES && length <= MOST_BYTES
}

/** The headers that say who sent it: same id, same message; the time is that of this attempt. */
export function signedHeaders(
  key: string,
  { id, at, body }: { id: string; at: Date; body: string },
): Record<string, string> {
  const seconds = Math.floor(at.getTime() / 1000)
  const signature = createHmac('sha256', bytesOf(key)).update(`${id}.${seconds}.${body}`).digest('base64')
  return {
    'webhook-id': id,
    'webhook-timestamp': String(seconds),
    'webhook-signature': `v1,${signature}`,
  }
}

const bytesOf = (key: string) => Buffer.from(key.slice(PREFIX.length), 'base64')
