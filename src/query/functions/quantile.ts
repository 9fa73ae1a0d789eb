import { fault } from './errors-in-engine.ts'
import { doubleText } from './text.ts'

/** Index (from 1) of the first of the sorted values at which the weights so far exceed the fraction `p` of all. */
export function weightedRank(weights: readonly (number | null)[], p: number): bigint {
  if (!(p >= 0 && p <= 1)) throw fault('INVALID_FUNCTION_ARGUMENT', 'Percentile must be between 0 and 1')
  let total = 0
  for (const weight of weights) {
    if (weight === null || weight < 1)
      throw fault('INVALID_FUNCTION_ARGUMENT', `weight must be >= 1, was ${doubleText(weight ?? 0)}`)
    total += weight
  }
  let sum = 0
  for (const [i, weight] of weights.entries()) {
    sum += weight ?? 0
    if (sum > p * total) return BigInt(i + 1)
  }
  return BigInt(weights.length)
}

type Bucket = { key: number; value: number }

/** Ben-Haim and Tom-Tov's histogram: neighbours nearest to each other are merged until `buckets` are left. */
export function numericHistogram(buckets: number, values: readonly Bucket[]): Bucket[] {
  if (buckets < 2)
    throw fault('INVALID_FUNCTION_ARGUMENT', 'numeric_histogram bucket count must be greater than one')
  const sorted = [...values].sort((a, b) => a.key - b.key)
  const bins: Bucket[] = []
  for (const value of sorted) {
    const last = bins.at(-1)
    if (last?.key === value.key) last.value += value.value
    else bins.push({ ...value })
  }
  while (bins.length > buckets) mergeNearest(bins)
  return bins
}

function mergeNearest(bins: Bucket[]): void {
  let at = 0
  for (let i = 1; i < bins.length - 1; i++) {
    if (bins[i + 1]!.key - bins[i]!.key < bins[at + 1]!.key - bins[at]!.key) at = i
  }
  const [a, b] = [bins[at]!, bins[at + 1]!]
  const value = a.value + b.value
  bins.splice(at, 2, { key: (a.key * a.value + b.key * b.value) / value, value })
}
