import { functionList } from '../../src/query/functions/function-list.ts'
import { type Pattern, parseSignature, type Signature } from '../../src/query/functions/signature.ts'
import type { Random } from './random.ts'
import { list, type Node, node } from './tree.ts'

/** Calls of every function of the registry with arguments of the types its signatures name, edges among them; Presto's text only. */

const TEXTS = [
  '',
  'a',
  'abc',
  'Hello World',
  ' pad ',
  'a,b;c',
  '日本語',
  'é',
  '12',
  '-1.5',
  '2024-02-29',
  '2024-02-29 12:34:56',
  '{"a": {"b": [1, 2]}}',
  '[1, "x", null]',
  'http://u@h.com:80/p/a?q=1&r=%20#f',
  '$.a',
  '$.a.b[0]',
  '(a)(b)?',
  '\\d+',
  'YWJj',
  'ff00',
  '%Y-%m-%d',
  'yyyy-MM-dd',
  'day',
  'month',
  'hour',
  'UTC',
  'Asia/Tokyo',
  '1h',
  '10kB',
]
const VALUES: Record<string, string[]> = {
  boolean: ['true', 'false'],
  tinyint: ["TINYINT '1'", "TINYINT '-128'", "TINYINT '127'"],
  smallint: ["SMALLINT '300'", "SMALLINT '-1'"],
  integer: ['0', '1', '2', '3', '-1', '10', '36', '2147483647', '-2147483648'],
  bigint: ["BIGINT '0'", "BIGINT '1'", "BIGINT '-3'", "BIGINT '64'", '9223372036854775807', '1700000000'],
  real: ["REAL '1.5'", "REAL '-0.25'", "REAL 'NaN'"],
  double: ['0e0', '1e0', '0.5e0', '-2.5e0', '1e10', '1e-5', 'nan()', 'infinity()', '3.7e0'],
  varbinary: ["X''", "X'00ff'", "to_utf8('abc')", "X'e38182'"],
  date: ["DATE '2024-02-29'", "DATE '1969-12-31'", "DATE '2000-01-01'"],
  json: [
    'JSON \'{"a": [1, 2]}\'',
    'JSON \'[1, "x", null]\'',
    "JSON 'null'",
    'JSON \'"s"\'',
    "JSON '1.50'",
    "JSON '{}'",
  ],
  'interval day to second': [
    "INTERVAL '3' DAY",
    "INTERVAL '-5' HOUR",
    "INTERVAL '1 02:03:04.567' DAY TO SECOND",
  ],
  'interval year to month': ["INTERVAL '3' YEAR", "INTERVAL '-14' MONTH"],
  hyperloglog: ['empty_approx_set()'],
  unknown: ['NULL'],
}
const MOMENTS = [
  '2024-02-29 12:34:56.789',
  '1969-12-31 23:59:59.999',
  '2000-01-01 00:00:00.000',
  '2024-03-10 02:30:00.000',
]
const ZONES = ['UTC', 'Asia/Tokyo', 'America/Los_Angeles', '+05:30']
const SIMPLE = [
  'boolean',
  'integer',
  'bigint',
  'double',
  'varchar',
  'date',
  'decimal',
  'timestamp',
  'array',
  'row',
]

/** Not the same twice, or of no meaning to another engine. */
const LEFT_OUT =
  /^(td_.*|smart_digest|rand|random|uuid|shuffle|now|current_.*|localtime.*|version|approx_.*|merge|empty_approx_set|typeof|cardinality)$/

const SIGNATURES: { kind: string; signature: Signature }[] = functionList()
  .filter(({ name }) => !LEFT_OUT.test(name))
  .flatMap(({ kind, signatures }) =>
    signatures.map((text) => ({ kind, signature: parseSignature(`${text} -> boolean`) })),
  )

type Bindings = Map<string, Pattern>

export function randomCall(random: Random, family?: RegExp): Node {
  const fitting =
    family === undefined ? SIGNATURES : SIGNATURES.filter(({ signature }) => family.test(signature.name))
  const { kind, signature } = random.pick(fitting)
  const bindings: Bindings = new Map()
  const patterns = signature.variadic
    ? [
        ...signature.parameters.slice(0, -1),
        ...Array.from({ length: random.below(3) + 1 }, () => signature.parameters.at(-1)!),
      ]
    : signature.parameters
  if (kind === 'aggregate') return aggregate(random, signature.name, patterns, bindings)
  if (kind === 'window') return windowed(random, signature.name, patterns, bindings)
  const values = patterns.map((pattern) => value(random, pattern, bindings, 0))
  return node('text')`SELECT ${signature.name}(${list(values)})`
}

/** Values of the arguments stand in rows; a lambda has to stand in the call. */
function rowsOf(random: Random, patterns: Pattern[], bindings: Bindings) {
  const columns = patterns.map((pattern, i) => ({ pattern, name: `c${i}` }))
  const inRows = columns.filter(({ pattern }) => pattern.kind !== 'function')
  const args = columns.map(({ pattern, name }) =>
    pattern.kind === 'function' ? value(random, pattern, bindings, 0) : node('column')`${name}`,
  )
  const lines = Array.from(
    { length: 1 + random.below(5) },
    (_, row) =>
      node(
        'row',
      )`(${list([node('id')`${String(row)}`, ...inRows.map(({ pattern }) => value(random, pattern, bindings, 0))])})`,
  )
  const names = ['id', ...inRows.map(({ name }) => name)].join(', ')
  return { args, from: node('from')`(VALUES ${list(lines)}) t(${names})` }
}

function aggregate(random: Random, name: string, patterns: Pattern[], bindings: Bindings): Node {
  const { args, from } = rowsOf(random, patterns, bindings)
  const ordered = random.chance(0.1) ? node('clause')` FILTER (WHERE id > 0)` : node('clause')``
  const call = args.length === 0 ? node('call')`${name}(*)` : node('call')`${name}(${list(args)})`
  const over = random.chance(0.15) ? ' OVER (ORDER BY id)' : ''
  return node('text')`SELECT ${call}${over === '' ? ordered : over} FROM ${from}`
}

function windowed(random: Random, name: string, patterns: Pattern[], bindings: Bindings): Node {
  const { args, from } = rowsOf(random, patterns, bindings)
  return node('text')`SELECT id, ${name}(${list(args)}) OVER (ORDER BY id) FROM ${from}`
}

function value(random: Random, pattern: Pattern, bindings: Bindings, depth: number): Node {
  if (pattern.kind === 'function') return lambda(random, pattern, bindings)
  if (random.chance(0.06))
    return node(
      'null',
    )`${typeOf(random, pattern, bindings) === undefined ? 'NULL' : `CAST(NULL AS ${typeOf(random, pattern, bindings)})`}`
  switch (pattern.kind) {
    case 'variable':
      return value(random, bound(random, pattern.name, bindings, depth), bindings, depth + 1)
    case 'decimal':
      return node(
        'v',
      )`${random.pick(['1.5', '-0.05', '99.99', "DECIMAL '123456789012345678901.5'", '0.0', "DECIMAL '7'"])}`
    case 'varchar':
      return node('v')`'${random.pick(TEXTS)}'`
    case 'char':
      return node('v')`CAST('${random.pick(TEXTS)}' AS char(5))`
    case 'time':
      return node('v')`TIME '${random.pick(MOMENTS).slice(11)}'`
    case 'timestamp':
      return node('v')`TIMESTAMP '${random.pick(MOMENTS)}'`
    case 'timestamp with time zone':
      return node('v')`TIMESTAMP '${random.pick(MOMENTS)} ${random.pick(ZONES)}'`
    case 'array': {
      const items = Array.from({ length: random.below(4) }, () =>
        value(random, pattern.element, bindings, depth + 1),
      )
      const type = typeOf(random, pattern, bindings)
      const made = node('v')`ARRAY[${items.length === 0 ? '' : list(items)}]`
      return type === undefined ? made : node('v')`CAST(${made} AS ${type})`
    }
    case 'map': {
      const count = random.below(3)
      const keys = Array.from({ length: count }, () => value(random, pattern.key, bindings, depth + 1))
      const values = Array.from({ length: count }, () => value(random, pattern.value, bindings, depth + 1))
      return count === 0 ? node('v')`MAP()` : node('v')`MAP(ARRAY[${list(keys)}], ARRAY[${list(values)}])`
    }
    case 'row':
      return node('v')`ROW(${list(pattern.fields.map((field) => value(random, field, bindings, depth + 1)))})`
    case 'concrete':
      return node('v')`${random.pick(VALUES[pattern.type.kind] ?? ['NULL'])}`
    default:
      return node('v')`NULL`
  }
}

function bound(random: Random, name: string, bindings: Bindings, depth: number): Pattern {
  const known = bindings.get(name)
  if (known !== undefined) return known
  const pattern = simplePattern(random, depth)
  bindings.set(name, pattern)
  return pattern
}

function simplePattern(random: Random, depth: number): Pattern {
  const kind = random.pick(depth > 1 ? SIMPLE.slice(0, 6) : SIMPLE)
  if (kind === 'varchar') return { kind, length: undefined }
  if (kind === 'decimal') return { kind, precision: 5, scale: 2 }
  if (kind === 'timestamp') return { kind, precision: 3 }
  if (kind === 'array') return { kind, element: simplePattern(random, depth + 2) }
  if (kind === 'row')
    return { kind, fields: [simplePattern(random, depth + 2), simplePattern(random, depth + 2)] }
  return { kind: 'concrete', type: { kind } as never }
}

/** A type's text where one can be given. */
function typeOf(random: Random, pattern: Pattern, bindings: Bindings): string | undefined {
  switch (pattern.kind) {
    case 'variable': {
      const known = bindings.get(pattern.name)
      return known === undefined ? undefined : typeOf(random, known, bindings)
    }
    case 'varchar':
      return 'varchar'
    case 'array': {
      const element = typeOf(random, pattern.element, bindings)
      return element === undefined ? undefined : `array(${element})`
    }
    case 'concrete':
      return pattern.type.kind === 'unknown' ? undefined : pattern.type.kind
    default:
      return undefined
  }
}

/** What a lambda may answer for a result of such a type. */
function lambda(random: Random, pattern: Extract<Pattern, { kind: 'function' }>, bindings: Bindings): Node {
  const names = pattern.parameters.map((_, i) => `p${i}`)
  const head = names.length === 1 ? names[0]! : `(${names.join(', ')})`
  const { result } = pattern
  const same = pattern.parameters.findIndex(
    (parameter) =>
      parameter.kind === 'variable' && result.kind === 'variable' && parameter.name === result.name,
  )
  if (same !== -1 && random.chance(0.7)) return node('lambda')`${head} -> ${names[same]!}`
  if (result.kind === 'concrete' && result.type.kind === 'boolean' && random.chance(0.6))
    return node('lambda')`${head} -> ${random.pick(names)} IS NOT NULL`
  return node('lambda')`${head} -> ${value(random, result, bindings, 1)}`
}
