import { plain } from './aggregate-forms.ts'
import { aggregate, aggregateSql, alias, type Call, type FunctionDefinition } from './define.ts'

/** How numbers are spread and go together: variance, correlation and their like. */

/** Presto answers NULL where the result is not a finite number (one row, no variance). */
const finiteOnly =
  (name: string) =>
  (call: Call): string => {
    const sql = aggregateSql(call, name, call.args)
    return `CASE WHEN isfinite(${sql}) THEN ${sql} END`
  }

/** Presto's skewness is that of the population; DuckDB's is corrected for a sample. */
function populationSkewness(call: Call): string {
  const n = aggregateSql(call, 'count', call.args)
  return `CASE WHEN ${n} >= 3 THEN ${aggregateSql(call, 'skewness', call.args)} * (${n} - 2) / sqrt(${n} * (${n} - 1.0)) END`
}

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

const sampleVariance = aggregate('var_samp(double) -> double', plain('var_samp'))
const sampleDeviation = aggregate('stddev_samp(double) -> double', plain('stddev_samp'))

export const definitions: FunctionDefinition[] = [
  ...aggregate('geometric_mean(double) -> double', geometricMean),
  ...aggregate('geometric_mean(bigint) -> double', geometricMean),
  ...aggregate('geometric_mean(real) -> real', (call) => `p_to_real(${geometricMean(call)})`),
  ...sampleVariance,
  ...alias('variance', sampleVariance),
  ...sampleDeviation,
  ...alias('stddev', sampleDeviation),
  ...['var_pop', 'stddev_pop'].flatMap((name) => aggregate(`${name}(double) -> double`, plain(name))),
  ...['corr', 'covar_pop', 'covar_samp', 'regr_slope', 'regr_intercept'].flatMap((name) => [
    ...aggregate(`${name}(double, double) -> double`, finiteOnly(name)),
    ...aggregate(`${name}(real, real) -> real`, (call) => `CAST(${finiteOnly(name)(call)} AS FLOAT)`),
  ]),
  ...aggregate('skewness(double) -> double', populationSkewness),
  ...aggregate('kurtosis(double) -> double', (call) => {
    const sql = aggregateSql(call, 'kurtosis', call.args)
    return `CASE WHEN ${aggregateSql(call, 'count', call.args)} >= 4 THEN coalesce(${sql}, CAST('NaN' AS DOUBLE)) END`
  }),
  ...aggregate('entropy(double) -> double', entropyOfCounts),
]
