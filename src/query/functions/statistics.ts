import { fault } from './errors-in-engine.ts'

/** Distributions and buckets of Presto's math functions, in plain JavaScript. */

const bad = (message: string): Error => fault('INVALID_FUNCTION_ARGUMENT', message)

/** Bucket of `x` among `count` equal ones of [low, high): 0 below, count + 1 above; counted from the other end when low > high. */
export function widthBucket(x: number, low: number, high: number, count: bigint): bigint {
  if (count <= 0n) throw bad('bucketCount must be greater than 0')
  if (Number.isNaN(x)) throw bad('operand must not be NaN')
  if (!Number.isFinite(low)) throw bad('first bound must be finite')
  if (!Number.isFinite(high)) throw bad('second bound must be finite')
  if (low === high) throw bad('bounds cannot equal each other')
  const lower = Math.min(low, high)
  const upper = Math.max(low, high)
  let bucket: bigint
  if (x < lower) bucket = 0n
  else if (x >= upper) bucket = count + 1n
  else bucket = BigInt(Math.floor((Number(count) * (x - lower)) / (upper - lower))) + 1n
  return low > high ? count - bucket + 1n : bucket
}

/** How many of the ascending `bins` are at or below x. */
export function widthBucketOf(x: number, bins: readonly (number | null)[]): bigint {
  if (bins.length === 0) throw bad('Bins cannot be an empty array')
  if (Number.isNaN(x)) throw bad('Operand cannot be NaN')
  let lower = 0
  let upper = bins.length
  while (lower < upper) {
    if ((bins[lower] ?? 0) > (bins[upper - 1] ?? 0)) throw bad('Bin values are not sorted in ascending order')
    const index = (lower + upper) >> 1
    const bin = bins[index]
    if (bin === null || bin === undefined || !Number.isFinite(bin))
      throw bad(`Bin value must be finite, got ${bin}`)
    if (x < bin) upper = index
    else lower = index + 1
  }
  return BigInt(lower)
}

type Entry = { key: string; value: number | null }

export function cosineSimilarity(a: readonly Entry[], b: readonly Entry[]): number | null {
  const right = new Map(b.map((entry) => [entry.key, entry.value]))
  if ([...a, ...b].some((entry) => entry.value === null)) return null
  let dot = 0
  for (const { key, value } of a) dot += (value ?? 0) * (right.get(key) ?? 0)
  const norm = (entries: readonly Entry[]) =>
    Math.sqrt(entries.reduce((sum, { value }) => sum + (value ?? 0) ** 2, 0))
  const scale = norm(a) * norm(b)
  return dot / scale
}

export function normalCdf(mean: number, deviation: number, value: number): number {
  if (!(deviation > 0)) throw bad('standardDeviation must be > 0')
  return 0.5 * erfc(-(value - mean) / (deviation * Math.SQRT2))
}

export function inverseNormalCdf(mean: number, deviation: number, p: number): number {
  if (!(p > 0 && p < 1)) throw bad('p must be 0 > p > 1')
  if (!(deviation > 0)) throw bad('sd must be > 0')
  return mean + deviation * standardQuantile(p)
}

/** Complementary error function through the regularised incomplete gamma function. */
function erfc(x: number): number {
  const upper = x * x > 1.5 ? gammaFraction(0.5, x * x) : 1 - gammaSeries(0.5, x * x)
  return x >= 0 ? upper : 2 - upper
}

function gammaSeries(a: number, x: number): number {
  if (x === 0) return 0
  let term = 1 / a
  let sum = term
  for (let n = 1; Math.abs(term) > Math.abs(sum) * 1e-17 && n < 500; n++) {
    term *= x / (a + n)
    sum += term
  }
  return sum * Math.exp(-x + a * Math.log(x) - logGamma(a))
}

function gammaFraction(a: number, x: number): number {
  if (x > 1e4) return 0
  let b = x + 1 - a
  let c = 1e300
  let d = 1 / b
  let h = d
  for (let i = 1; i < 500; i++) {
    const an = -i * (i - a)
    b += 2
    d = 1 / nonZero(an * d + b)
    c = nonZero(b + an / c)
    const step = d * c
    h *= step
    if (Math.abs(step - 1) < 1e-16) break
  }
  return Math.exp(-x + a * Math.log(x) - logGamma(a)) * h
}

const nonZero = (x: number): number => (Math.abs(x) < 1e-300 ? 1e-300 : x)

const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
]

function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x)
  const shifted = x - 1
  let sum = LANCZOS[0]!
  for (let i = 1; i < 9; i++) sum += LANCZOS[i]! / (shifted + i)
  const t = shifted + 7.5
  return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(t) - t + Math.log(sum)
}

/** Bisection on the tail that keeps its digits, then Newton's steps: exact to the last places a double has. */
function standardQuantile(p: number): number {
  if (p === 0.5) return 0
  if (p > 0.5) return -standardQuantile(1 - p)
  const cdf = (x: number) => 0.5 * erfc(-x / Math.SQRT2)
  let low = -40
  let high = 0
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (cdf(middle) < p) low = middle
    else high = middle
  }
  let x = (low + high) / 2
  for (let i = 0; i < 2; i++) {
    const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)
    if (density > 0) x -= (cdf(x) - p) / density
  }
  return x
}

export function betaCdf(a: number, b: number, x: number): number {
  if (!(a > 0) || !(b > 0)) throw bad('a, b must be > 0')
  if (!(x >= 0 && x <= 1)) throw bad('value must be 0 >= v >= 1')
  return incompleteBeta(a, b, x)
}

export function inverseBetaCdf(a: number, b: number, p: number): number {
  if (!(a > 0) || !(b > 0)) throw bad('a, b must be > 0')
  if (!(p >= 0 && p <= 1)) throw bad('p must be 0 >= p >= 1')
  if (p === 0 || p === 1) return p
  let low = 0
  let high = 1
  for (let i = 0; i < 200 && high - low > Number.EPSILON * high; i++) {
    const middle = (low + high) / 2
    if (incompleteBeta(a, b, middle) < p) low = middle
    else high = middle
  }
  return (low + high) / 2
}

function incompleteBeta(a: number, b: number, x: number): number {
  if (x === 0 || x === 1) return x
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x))
  return x < (a + 1) / (a + b + 2)
    ? (front * betaFraction(a, b, x)) / a
    : 1 - (front * betaFraction(b, a, 1 - x)) / b
}

function betaFraction(a: number, b: number, x: number): number {
  let c = 1
  let d = 1 / nonZero(1 - ((a + b) * x) / (a + 1))
  let h = d
  for (let m = 1; m < 500; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 / nonZero(1 + even * d)
    c = nonZero(1 + even / c)
    h *= d * c
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / nonZero(1 + odd * d)
    c = nonZero(1 + odd / c)
    h *= d * c
    if (Math.abs(d * c - 1) < 1e-16) break
  }
  return h
}

/** One end of Wilson's score interval; `side` −1 lower, 1 upper. */
export function wilsonInterval(successes: bigint, trials: bigint, z: number, side: -1 | 1): number {
  if (successes < 0n) throw bad('number of successes must not be negative')
  if (trials <= 0n) throw bad('number of trials must be positive')
  if (successes > trials) throw bad('number of successes must not be larger than number of trials')
  if (z < 0) throw bad('z-score must not be negative')
  const s = Number(successes)
  const n = Number(trials)
  const p = s / n
  const half = z * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n))
  return (p + (z * z) / (2 * n) + side * half) / (1 + (z * z) / n)
}
