/** Draws that follow from a seed: the same seed gives the same texts on every machine. */
export type Random = {
  /** A whole number from 0 up to, not including, `limit`. */
  below(limit: number): number
  chance(part: number): boolean
  pick<T>(from: readonly T[]): T
}

/** The xorshift generator of 32 bits, over a seed spread by a multiplication. */
export function seeded(seed: number): Random {
  let state = (Math.imul(seed + 1, 0x9e3779b1) ^ 0x5bf03635) | 0 || 1
  const next = () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
  for (let i = 0; i < 8; i += 1) next()
  const below = (limit: number) => Math.floor((next() / 2 ** 32) * limit)
  return { below, chance: (part) => next() / 2 ** 32 < part, pick: (from) => from[below(from.length)]! }
}
