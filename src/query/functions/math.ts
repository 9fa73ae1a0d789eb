import { alias, type Call, type FunctionDefinition, fail, native, scalar, type TypedCall } from './define.ts'
import { choose, duckType } from './duck-type.ts'
import { fault } from './errors-in-engine.ts'
import { pureFunction } from './javascript-helpers.ts'
import { decimalAt, roundWhole } from './rounding.ts'
import * as statistics from './statistics.ts'
import type { JavaScriptFunction } from './types.ts'

/** Numbers: rounding, powers, logarithms, trigonometry, bases, distributions. Types are kept as Presto keeps them. */

const INTEGERS = ['tinyint', 'smallint', 'integer', 'bigint']
const FLOATS = ['real', 'double']
const NAN = "'NaN'::DOUBLE"
const MINUS_INFINITY = "'-Infinity'::DOUBLE"

/** One signature per type: `?` is the type. */
const over = (template: string, types: string[]): string[] =>
  types.map((type) => template.replaceAll('?', type))

const decimalOf = ({ bindings }: TypedCall): { p: number; s: number } => ({
  p: bindings.numbers.get('p') ?? 1,
  s: bindings.numbers.get('s') ?? 0,
})

/** decimal(p - s + min(s, 1), 0): the carry of rounding may need one digit more. */
function roundedDecimal(call: TypedCall) {
  const { p, s } = decimalOf(call)
  return { kind: 'decimal', precision: Math.max(1, p - s + Math.min(s, 1)), scale: 0 } as const
}

function constantDigits(call: Call): number | undefined {
  const digits = call.constants[1]
  if (typeof digits === 'bigint' || typeof digits === 'number') return Number(digits)
  return undefined
}

function roundDecimalTo(call: Call): string {
  const digits = constantDigits(call)
  const wide = `CAST(${call.args[0]} AS ${duckType(call.result)})`
  if (digits === undefined) return atDigits(call, 'round')
  return digits >= decimalOf(call).s ? wide : `CAST(round(${wide}, ${digits}) AS ${duckType(call.result)})`
}

/** Where the number of digits differs from row to row. */
const atDigits = ({ args, result }: Call, how: string): string =>
  `CAST(p_${how}_decimal(CAST(${args[0]} AS VARCHAR), ${args[1]}) AS ${duckType(result)})`

/** x - x % unit: the remainder has the sign of x, so this cuts towards zero. */
function truncateDecimalTo(call: Call): string {
  const digits = constantDigits(call)
  const [x] = call.args
  const { p, s } = decimalOf(call)
  if (digits === undefined) return atDigits(call, 'truncate')
  if (digits >= s) return x!
  if (-digits >= p - s) return `CAST(0 AS ${duckType(call.result)})`
  const unit = digits > 0 ? `0.${'0'.repeat(digits - 1)}1` : `1${'0'.repeat(-digits)}`
  return `CAST(${x} - (${x} % ${unit}) AS ${duckType(call.result)})`
}

const integral = ({ result }: Call): boolean => INTEGERS.includes(result.kind)

const modulo = (call: Call): string =>
  `CASE WHEN $2 = 0 AND $1 IS NOT NULL THEN ${fail(call, 'DIVISION_BY_ZERO', 'Division by zero')} ${integral(call) ? 'WHEN $2 = -1 THEN CAST($1 - $1 AS $result) ' : ''}ELSE CAST($1 % $2 AS $result) END`.replace(
    /\$(1|2|result)/g,
    (_, key) => (key === 'result' ? duckType(call.result) : call.args[Number(key) - 1]!),
  )

function moduloDecimal(call: TypedCall) {
  const number = (name: string) => call.bindings.numbers.get(name) ?? 0
  const scale = Math.max(number('s'), number('t'))
  const precision = Math.min(38, Math.min(number('p') - number('s'), number('q') - number('t')) + scale)
  return { kind: 'decimal', precision: Math.max(1, precision), scale } as const
}

/** A function of one double whose argument must lie in a domain; outside it the value is NaN, as in Java. */
const inDomain = (name: string, outside: string) =>
  scalar(`${name}(double) -> double`, `CASE WHEN ${outside} THEN ${NAN} ELSE ${name}($1) END`)

const logarithm = (name: string) =>
  scalar(
    `${name}(double) -> double`,
    `CASE WHEN $1 = 0 THEN ${MINUS_INFINITY} WHEN $1 < 0 THEN ${NAN} ELSE ${name}($1) END`,
  )

const LN = (x: string) =>
  `CASE WHEN ${x} = 0 THEN ${MINUS_INFINITY} WHEN ${x} < 0 THEN ${NAN} ELSE ln(${x}) END`

const javaScript = (name: string, parameters: string[], result = 'double') =>
  scalar(`${name}(${parameters.join(', ')}) -> ${result}`, `p_${name}($args)`)

const randomTo = (type: string) => [
  ...scalar(
    `random(${type}) -> ${type}`,
    (call) =>
      choose(
        [[`${call.args[0]} <= 0`, fail(call, 'INVALID_FUNCTION_ARGUMENT', 'bound must be positive')]],
        `CAST(floor(random() * ${call.args[0]}) AS ${duckType(call.result)})`,
      ),
    { volatile: true },
  ),
  ...scalar(
    `random(${type}, ${type}) -> ${type}`,
    (call) =>
      choose(
        [
          [
            `${call.args[0]} >= ${call.args[1]}`,
            fail(call, 'INVALID_FUNCTION_ARGUMENT', 'start value must be less than stop value'),
          ],
        ],
        `CAST(floor(${call.args[0]} + random() * (${call.args[1]} - ${call.args[0]})) AS ${duckType(call.result)})`,
      ),
    { volatile: true },
  ),
]

const random = [
  ...scalar('random() -> double', 'random()', { volatile: true }),
  ...INTEGERS.flatMap(randomTo),
]

const BITS: Record<string, number> = { tinyint: 8, smallint: 16, integer: 32, bigint: 64 }

function absolute(type: string): FunctionDefinition[] {
  const least = -(2n ** BigInt(BITS[type]! - 1))
  return scalar(`abs(${type}) -> ${type}`, (call) => {
    const problem = fail(
      call,
      'NUMERIC_VALUE_OUT_OF_RANGE',
      `Value ${least} is out of range for abs(${type})`,
    )
    return `CASE WHEN ${call.args[0]} = ${least} THEN ${problem} ELSE abs(${call.args[0]}) END`
  })
}

const ceiling = [
  ...scalar(over('ceiling(?) -> ?', INTEGERS), '$1'),
  ...scalar(over('ceiling(?) -> ?', FLOATS), 'ceil($1)'),
  ...scalar('ceiling(decimal(p,s)) -> decimal(p,s)', 'CAST(ceil($1) AS $result)', { result: roundedDecimal }),
]

const power = scalar('power(double, double) -> double', 'p_power($1, $2)')

const widthBucket = [
  ...scalar('width_bucket(double, double, double, bigint) -> bigint', 'p_width_bucket($1, $2, $3, $4)'),
  ...scalar('width_bucket(double, array(double)) -> bigint', 'p_width_bucket_bins($1, $2)'),
]

export const definitions: FunctionDefinition[] = [
  ...INTEGERS.flatMap(absolute),
  ...scalar(over('abs(?) -> ?', FLOATS), native('abs')),
  // DuckDB makes an INTEGER of a NULL that is a decimal.
  ...scalar('abs(decimal(p,s)) -> decimal(p,s)', 'CAST(abs($1) AS $result)'),
  ...ceiling,
  ...alias('ceil', ceiling),
  ...scalar(over('floor(?) -> ?', INTEGERS), '$1'),
  ...scalar(over('floor(?) -> ?', FLOATS), 'floor($1)'),
  ...scalar('floor(decimal(p,s)) -> decimal(p,s)', 'CAST(floor($1) AS $result)', { result: roundedDecimal }),
  ...scalar(over('round(?) -> ?', INTEGERS), '$1'),
  ...scalar(
    over('round(?, integer) -> ?', INTEGERS),
    'CASE WHEN $2 >= 0 THEN $1 ELSE CAST(p_round_whole($1, $2, typeof($1)) AS $result) END',
  ),
  ...scalar(over('round(?) -> ?', FLOATS), 'round($1)'),
  ...scalar(over('round(?, integer) -> ?', FLOATS), 'round($1, $2)'),
  ...scalar('round(decimal(p,s)) -> decimal(p,s)', 'CAST(round($1, 0) AS $result)', {
    result: roundedDecimal,
  }),
  ...scalar('round(decimal(p,s), integer) -> decimal(p,s)', roundDecimalTo, {
    result: (call) => ({
      kind: 'decimal',
      precision: Math.min(38, decimalOf(call).p + 1),
      scale: decimalOf(call).s,
    }),
  }),
  ...scalar(over('truncate(?) -> ?', FLOATS), 'trunc($1)'),
  ...scalar('truncate(decimal(p,s)) -> decimal(p,s)', 'CAST(trunc($1) AS $result)', {
    result: (call) => {
      const { p, s } = decimalOf(call)
      return { kind: 'decimal', precision: Math.max(p - s, 1), scale: 0 }
    },
  }),
  ...scalar('truncate(decimal(p,s), integer) -> decimal(p,s)', truncateDecimalTo),
  ...scalar(
    [...over('sign(?) -> ?', INTEGERS), 'sign(decimal(p,s)) -> decimal(1,0)'],
    'CAST(sign($1) AS $result)',
  ),
  ...scalar(over('sign(?) -> ?', FLOATS), 'CAST(CASE WHEN isnan($1) THEN $1 ELSE sign($1) END AS $result)'),
  ...scalar(over('mod(?, ?) -> ?', INTEGERS), modulo),
  ...scalar('mod(decimal(p,s), decimal(q,t)) -> decimal(p,s)', modulo, { result: moduloDecimal }),
  ...scalar(over('mod(?, ?) -> ?', FLOATS), `CAST(CASE WHEN $2 = 0 THEN ${NAN} ELSE $1 % $2 END AS $result)`),
  ...power,
  ...alias('pow', power),
  ...scalar('exp(double) -> double', native('exp')),
  ...logarithm('ln'),
  ...logarithm('log2'),
  ...logarithm('log10'),
  ...scalar('log(double, double) -> double', (call) => `(${LN(call.args[1]!)}) / (${LN(call.args[0]!)})`),
  ...inDomain('sqrt', '$1 < 0'),
  ...inDomain('asin', 'abs($1) > 1'),
  ...inDomain('acos', 'abs($1) > 1'),
  ...['sin', 'cos', 'tan'].flatMap((name) => inDomain(name, 'isinf($1)')),
  ...['atan', 'sinh', 'cosh', 'tanh', 'degrees', 'radians'].flatMap((name) =>
    scalar(`${name}(double) -> double`, native(name)),
  ),
  ...scalar('atan2(double, double) -> double', native('atan2')),
  ...javaScript('cbrt', ['double']),
  ...scalar('pi() -> double', 'pi()', { fold: () => Math.PI }),
  ...scalar('e() -> double', `CAST('${Math.E}' AS DOUBLE)`, { fold: () => Math.E }),
  ...scalar('nan() -> double', NAN),
  ...scalar('infinity() -> double', "'Infinity'::DOUBLE"),
  ...scalar(over('is_nan(?) -> boolean', FLOATS), 'isnan($1)'),
  ...scalar('is_finite(double) -> boolean', 'isfinite($1)'),
  ...scalar('is_infinite(double) -> boolean', 'isinf($1)'),
  ...random,
  ...alias('rand', random),
  ...widthBucket,
  ...javaScript('to_base', ['bigint', 'bigint'], 'varchar(64)'),
  ...javaScript('from_base', ['varchar', 'bigint'], 'bigint'),
  ...scalar(
    'cosine_similarity(map(varchar, double), map(varchar, double)) -> double',
    'p_cosine_similarity($1, $2)',
  ),
  ...javaScript('normal_cdf', ['double', 'double', 'double']),
  ...javaScript('inverse_normal_cdf', ['double', 'double', 'double']),
  ...javaScript('beta_cdf', ['double', 'double', 'double']),
  ...javaScript('inverse_beta_cdf', ['double', 'double', 'double']),
  ...javaScript('wilson_interval_lower', ['bigint', 'bigint', 'double']),
  ...javaScript('wilson_interval_upper', ['bigint', 'bigint', 'double']),
]

type DuckMap = { entries: { key: string; value: number | null }[] }

export const javascript: JavaScriptFunction[] = [
  pureFunction('p_power(DOUBLE, DOUBLE) -> DOUBLE', (x: number, y: number) => x ** y),
  pureFunction('p_round_whole(BIGINT, INTEGER, VARCHAR) -> BIGINT', roundWhole),
  pureFunction('p_round_decimal(VARCHAR, INTEGER) -> VARCHAR', (text: string, digits: number) =>
    decimalAt(text, digits, true),
  ),
  pureFunction('p_truncate_decimal(VARCHAR, INTEGER) -> VARCHAR', (text: string, digits: number) =>
    decimalAt(text, digits, false),
  ),
  pureFunction('p_cbrt(DOUBLE) -> DOUBLE', Math.cbrt),
  pureFunction('p_to_base(BIGINT, BIGINT) -> VARCHAR', (value: bigint, radix: bigint) =>
    value.toString(checkedRadix(radix)),
  ),
  pureFunction('p_from_base(VARCHAR, BIGINT) -> BIGINT', fromBase),
  pureFunction('p_width_bucket(DOUBLE, DOUBLE, DOUBLE, BIGINT) -> BIGINT', statistics.widthBucket),
  pureFunction('p_width_bucket_bins(DOUBLE, DOUBLE[]) -> BIGINT', (x: number, bins: { items: number[] }) =>
    statistics.widthBucketOf(x, bins.items),
  ),
  pureFunction(
    'p_cosine_similarity(MAP(VARCHAR, DOUBLE), MAP(VARCHAR, DOUBLE)) -> DOUBLE',
    (a: DuckMap, b: DuckMap) => statistics.cosineSimilarity(a.entries, b.entries),
  ),
  pureFunction('p_normal_cdf(DOUBLE, DOUBLE, DOUBLE) -> DOUBLE', statistics.normalCdf),
  pureFunction('p_inverse_normal_cdf(DOUBLE, DOUBLE, DOUBLE) -> DOUBLE', statistics.inverseNormalCdf),
  pureFunction('p_beta_cdf(DOUBLE, DOUBLE, DOUBLE) -> DOUBLE', statistics.betaCdf),
  pureFunction('p_inverse_beta_cdf(DOUBLE, DOUBLE, DOUBLE) -> DOUBLE', statistics.inverseBetaCdf),
  pureFunction(
    'p_wilson_interval_lower(BIGINT, BIGINT, DOUBLE) -> DOUBLE',
    (s: bigint, n: bigint, z: number) => statistics.wilsonInterval(s, n, z, -1),
  ),
  pureFunction(
    'p_wilson_interval_upper(BIGINT, BIGINT, DOUBLE) -> DOUBLE',
    (s: bigint, n: bigint, z: number) => statistics.wilsonInterval(s, n, z, 1),
  ),
]

function checkedRadix(radix: bigint): number {
  if (radix >= 2n && radix <= 36n) return Number(radix)
  throw fault('INVALID_FUNCTION_ARGUMENT', 'Radix must be between 2 and 36')
}

function fromBase(text: string, radix: bigint): bigint {
  const base = BigInt(checkedRadix(radix))
  const digits = /^[+-]?([0-9a-z]+)$/i.exec(text)?.[1]
  let value = 0n
  for (const digit of digits ?? '?') {
    const worth = Number.parseInt(digit, 36)
    if (!(worth < base)) throw fault('INVALID_FUNCTION_ARGUMENT', `Not a valid base-${radix} number: ${text}`)
    value = value * base + BigInt(worth)
  }
  if (text.startsWith('-')) value = -value
  if (BigInt.asIntN(64, value) !== value) {
    throw fault('INVALID_FUNCTION_ARGUMENT', `Not a valid base-${radix} number: ${text}`)
  }
  return value
}
