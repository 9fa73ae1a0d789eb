import { httpErrors, type Principal } from '../../kernel/http/index.ts'
import { BURST_SECONDS, type Clock, createRateLimit } from '../../kernel/index.ts'

/** Lets each API key, and each user at the console, send so many requests a second. @throws too_many_requests (429, retry) */
export function admitUpTo(
  perSecond: number,
  { monotonicMs }: Pick<Clock, 'monotonicMs'>,
): (principal: Principal) => void {
  const limit = createRateLimit({ perSecond, burstSeconds: BURST_SECONDS, monotonicMs })
  return ({ keyKind, keyId, userId }) => {
    const waitSeconds = limit.take(keyKind === 'session' ? `user ${userId}` : `key ${keyId}`)
    if (waitSeconds !== undefined)
      throw httpErrors.too_many_requests(`${perSecond} a second are allowed`).after(waitSeconds)
  }
}
