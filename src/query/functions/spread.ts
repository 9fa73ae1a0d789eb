import { plain } from './aggregate-forms.ts'
import { aggregate, aggregateSql, alias, type Call, type FunctionDefinition } from './define.ts'

/** How numbers are spread and go together: variance, correlation and their like. */

/** What the engine is given: its own variance and its like fail where a square would not be finite. */
const LARGEST_SQUARED = '1e150'
const LARGEST_TO_THE_FOURTH = '1e70'
const NAN = "CAST('NaN' AS DOUBLE)"

/** How far the values of a group are from 0: NaN, which the engine puts above infinity, where one of them is. */
const farthest = (call: Call, size: string): string => aggregateSql(call, 'max', [size])

/** NaN where a value is not a finite number, infinite where a square is not; `least` is how many values it takes. */
const ofSquares =
  (name: string, least: number) =>
  (call: Call): string => {
    const [x] = call.args
    const far = farthest(call, `abs(${x})`)
    const found = aggregateSql(call, name, [`CASE WHEN abs(${x}) < ${LARGEST_SQUARED} THEN ${x} END`])
    // Beyond half of the largest double a difference of two is no number any more.
    const beyond = `CASE WHEN ${far} < 8e307 THEN CAST('Infinity' AS DOUBLE) ELSE ${NAN} END`
    return `CASE WHEN ${aggregateSql(call, 'count', [x!])} < ${least} THEN NULL WHEN ${far} < ${LARGEST_SQUARED} THEN ${found} ELSE ${beyond} END`
  }

/** NULL where the result is not a finite number: one row, no variance, an infinite value. */
const finiteOnly =
  (name: string) =>
  (call: Call): string => {
    const [y, x] = call.args
    const size = `(abs(${y}) + abs(${x}))`
    const near = `${size} < ${LARGEST_SQUARED}`
    const args = [y, x].map((value) => `CASE WHEN ${near} THEN ${value} END`)
    const sql = aggregateSql(call, name, args)
    return `CASE WHEN ${farthest(call, size)} < ${LARGEST_SQUARED} AND isfinite(${sql}) THEN ${sql} END`
  }

/** A moment of the values about their mean, of at least so many values; NaN where they are not finite or all one. */
function momentOf(call: Call, name: string, least: number, corrected: (moment: string, n: string) => string) {
  const [x] = call.args
  const n = aggregateSql(call, 'count', [x!])
  const found = aggregateSql(call, name, [`CASE WHEN abs(${x}) < ${LARGEST_TO_THE_FOURTH} THEN ${x} END`])
  const near = `${farthest(call, `abs(${x})`)} < ${LARGEST_TO_THE_FOURTH}`
  return `CASE WHEN ${n} >= ${least} THEN CASE WHEN ${near} THEN coalesce(${corrected(found, n)}, ${NAN}) ELSE ${NAN} END END`
}

/** Presto's skewness is that of the population; DuckDB's is corrected for a sample. */
const populationSkewness = (call: Call): string =>
  momentOf(call, 'skewness', 3, (skewness, n) => `${skewness} * (${n} - 2) / sqrt(${n} * (${n} - 1.0))`)

const kurtosis = (call: Call): string => momentOf(call, 'kurtosis', 4, (found) => found)

/** The logarithm of 0 and less is no error here. */
const geometricMean = (call: Call): string => {
  const [x] = call.args
  const logarithm = `CASE WHEN ${x} > 0 THEN ln(${x}) WHEN ${x} = 0 THEN CAST('-Infinity' AS DOUBLE) WHEN ${x} < 0 THEN CAST('NaN' AS DOUBLE) END`
  return `exp(${aggregateSql(call, 'avg', [logarithm])})`
}

/** The arguments are counts, not values. */
function entropyOfCounts(call: Call): string {
  const [c] = call.args
  const total = aggregateSql(call, 'sum', [c!])
  const weighted = aggregateSql(call, 'sum', [`CASE WHEN ${c} > 0 THEN ${c} * log2(${c}) ELSE 0 END`])
  return `CASE WHEN ${total} > 0 THEN greatest(log2(${total}) - ${weighted} / ${total}, 0) ELSE 0e0 END`
}

const sampleVariance = aggregate('var_samp(double) -> double', ofSquares('var_samp', 2))
const sampleDeviation = aggregate('stddev_samp(double) -> double', ofSquares('stddev_samp', 2))

const ofPairs = (name: string, emit: (call: Call) => string): FunctionDefinition[] => [
  ...aggregate(`${name}(double, double) -> double`, emit),
  ...aggregate(`${name}(real, real) -> real`, (call) => `p_to_real(${emit(call)})`),
]

export const definitions: FunctionDefinition[] = [
  ...aggregate('geometric_mean(double) -> double', geometricMean),
  ...aggregate('geometric_mean(bigint) -> double', geometricMean),
  ...aggregate('geometric_mean(real) -> real', (call) => `p_to_real(${geometricMean(call)})`),
  ...sampleVariance,
  ...alias('variance', sampleVariance),
  ...sampleDeviation,
  ...alias('stddev', sampleDeviation),
  ...['var_pop', 'stddev_pop'].flatMap((name) => aggregate(`${name}(double) -> double`, ofSquares(name, 1))),
  ...['covar_pop', 'covar_samp'].flatMap((name) => ofPairs(name, plain(name))),
  ...['corr', 'regr_slope', 'regr_intercept'].flatMap((name) => ofPairs(name, finiteOnly(name))),
  ...aggregate('skewness(double) -> double', populationSkewness),
  ...aggregate('kurtosis(double) -> double', kurtosis),
  ...aggregate('entropy(double) -> double', entropyOfCounts),
]
