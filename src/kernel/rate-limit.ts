/** How often each key may ask: a bucket of tokens per key, in memory. */
export type RateLimit = {
  /** Takes one token; undefined when there was one, otherwise the whole seconds until there is. */
  take(key: string): number | undefined
}

/** What a key may save up while it rests. */
export const BURST_SECONDS = 10
/** Keys remembered beyond which those that have rested are forgotten. */
const MANY_KEYS = 10_000

/**
 * `perSecond` on average, with a burst of what `burstSeconds` allow after a rest. 0 = no limit. Each process counts by itself, by
 * its own monotonic clock; a restart forgives.
 */
export function createRateLimit({
  perSecond,
  burstSeconds,
  monotonicMs,
}: {
  perSecond: number
  burstSeconds: number
  monotonicMs(): number
}): RateLimit {
  if (perSecond === 0) return { take: () => undefined }
  const most = Math.max(1, perSecond * burstSeconds)
  const buckets = new Map<string, { tokens: number; atMs: number }>()
  const tokensAt = ({ tokens, atMs }: { tokens: number; atMs: number }, nowMs: number) =>
    Math.min(most, tokens + ((nowMs - atMs) / 1000) * perSecond)

  const forgetTheRested = (nowMs: number) => {
    for (const [key, bucket] of buckets) if (tokensAt(bucket, nowMs) >= most) buckets.delete(key)
  }

  return {
    take(key) {
      const nowMs = monotonicMs()
      const tokens = tokensAt(buckets.get(key) ?? { tokens: most, atMs: nowMs }, nowMs)
      if (buckets.size >= MANY_KEYS && !buckets.has(key)) forgetTheRested(nowMs)
      buckets.set(key, { tokens: tokens < 1 ? tokens : tokens - 1, atMs: nowMs })
      return tokens < 1 ? Math.ceil((1 - tokens) / perSecond) : undefined
    },
  }
}
