import type { Random } from './random.ts'
import { list, type Node, node, spelled } from './tree.ts'

/** Expressions that Presto and PostgreSQL both know and mean alike: made for a type, from columns, literals and each other. */

export const TYPES = [
  'integer',
  'bigint',
  'double',
  'decimal(8,2)',
  'varchar',
  'boolean',
  'date',
  'timestamp(3)',
] as const
export type CommonType = (typeof TYPES)[number]
export type Column = { name: string; type: CommonType }

export type Scope = {
  random: Random
  /** What may be named here. */
  columns: Column[]
  /** Makes a query of one column for IN, EXISTS and scalar subqueries; absent where none may stand. */
  subquery?: (kind: 'in' | 'exists' | 'scalar', type: CommonType, scope: Scope) => Node
}

const TEXTS = ['', 'a', 'b', 'ab', 'Abc', ' x ', 'a%b', 'a_b', 'é', 'zz9', '12', '日本語', "it's"]
const DATES = ['2024-02-29', '2023-12-31', '2024-01-01', '1969-07-20', '2000-03-01']
const TIMES = ['00:00:00.000', '23:59:59.999', '12:34:56.789', '01:02:03.000']

const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`

export function literal(random: Random, type: CommonType): Node {
  if (random.chance(0.1)) return node(type)`CAST(NULL AS ${typeName(type)})`
  switch (type) {
    case 'integer':
      return { type, parts: [String(random.below(random.pick([2, 10, 1000])))] }
    case 'bigint':
      return { type, parts: [`CAST(${random.pick(['0', '1', '7', '-3', '5000000000', '100'])} AS bigint)`] }
    case 'double': {
      const text = random.pick(['0', '1', '-1.5', '2.25', '1000000', '0.001', '-7'])
      return node(type)`${spelled(`DOUBLE '${text}'`, `CAST(${text} AS double precision)`)}`
    }
    case 'decimal(8,2)':
      return {
        type,
        parts: [`CAST(${random.pick(['0', '1.25', '-3.50', '99.99', '0.01', '7'])} AS decimal(8,2))`],
      }
    case 'varchar':
      return textLiteral(quoted(random.pick(TEXTS)))
    case 'boolean':
      return { type, parts: [random.pick(['true', 'false'])] }
    case 'date':
      return { type, parts: [`DATE '${random.pick(DATES)}'`] }
    case 'timestamp(3)':
      return { type, parts: [`TIMESTAMP '${random.pick(DATES)} ${random.pick(TIMES)}'`] }
  }
}

const textLiteral = (text: string): Node => node('varchar')`${spelled(text, `CAST(${text} AS text)`)}`

export function typeName(type: CommonType) {
  if (type === 'double') return spelled('double', 'double precision')
  if (type === 'varchar') return spelled('varchar', 'text')
  return type
}

export function expression(scope: Scope, type: CommonType, depth: number): Node {
  const { random } = scope
  if (depth <= 0) return leaf(scope, type)
  const sub = (wanted: CommonType) => expression(scope, wanted, depth - 1 - random.below(2))
  if (random.chance(0.25)) return conditional(scope, type, sub)
  if (random.chance(0.04) && scope.subquery !== undefined)
    return node(type)`(${scope.subquery('scalar', type, scope)})`
  const made = random.pick(BY_TYPE[type])(sub, scope)
  return made ?? leaf(scope, type)
}

function leaf({ random, columns }: Scope, type: CommonType): Node {
  const fitting = columns.filter((column) => column.type === type)
  if (fitting.length > 0 && random.chance(0.75)) return { type, parts: [random.pick(fitting).name] }
  return literal(random, type)
}

type Sub = (type: CommonType) => Node

function conditional({ random }: Scope, type: CommonType, sub: Sub): Node {
  switch (random.below(5)) {
    case 0:
      return node(type)`CASE WHEN ${sub('boolean')} THEN ${sub(type)} ELSE ${sub(type)} END`
    case 1:
      return node(
        type,
      )`CASE ${sub('integer')} WHEN ${sub('integer')} THEN ${sub(type)} WHEN 1 THEN ${sub(type)} END`
    case 2:
      return node(type)`coalesce(${sub(type)}, ${sub(type)})`
    case 3:
      return node(type)`nullif(${sub(type)}, ${sub(type)})`
    default: {
      const [a, b] = [sub(type), sub(type)]
      const name = random.pick(['greatest', 'least'])
      // PostgreSQL leaves NULLs out; Presto answers NULL.
      return node(type)`CASE WHEN (${a}) IS NULL OR (${b}) IS NULL THEN NULL ELSE ${name}(${a}, ${b}) END`
    }
  }
}

type Rule = (sub: Sub, scope: Scope) => Node | undefined

const arithmetic = (type: CommonType): Rule[] => [
  (sub) => node(type)`(${sub(type)} + ${sub(type)})`,
  (sub) => node(type)`(${sub(type)} - ${sub(type)})`,
  (sub) => node(type)`(- ${sub(type)})`,
  (sub) => node(type)`abs(${sub(type)})`,
]
const cast =
  (from: CommonType, to: CommonType): Rule =>
  (sub) =>
    node(to)`CAST(${sub(from)} AS ${typeName(to)})`

const PATTERNS = ["'%a%'", "'a_'", "'%'", "''", "'_b%'", "'a%b'", "'é'"]
const UNITS = ['year', 'quarter', 'month', 'week', 'day']

const BY_TYPE: Record<CommonType, Rule[]> = {
  integer: [
    ...arithmetic('integer'),
    (sub, { random }) => node('integer')`(${sub('integer')} * ${String(random.below(9))})`,
    (sub, { random }) =>
      node('integer')`(${sub('integer')} ${random.pick(['/', '%'])} nullif(${sub('integer')}, 0))`,
    (sub) => node('integer')`CAST(length(${sub('varchar')}) AS integer)`,
    (sub) =>
      node('integer')`CAST(${spelled('strpos', 'strpos')}(${sub('varchar')}, ${sub('varchar')}) AS integer)`,
    (sub) => node('integer')`CAST(position(${sub('varchar')} IN ${sub('varchar')}) AS integer)`,
    (sub, { random }) =>
      node(
        'integer',
      )`CAST(extract(${random.pick(['year', 'month', 'day', 'quarter', 'week', 'doy'])} FROM ${sub('date')}) AS integer)`,
    (sub, { random }) =>
      node(
        'integer',
      )`CAST(extract(${random.pick(['hour', 'minute'])} FROM ${sub('timestamp(3)')}) AS integer)`,
    (sub) =>
      node('integer')`CAST(${spelled('day_of_week(', 'extract(isodow FROM ')}${sub('date')}) AS integer)`,
    (sub) => node('integer')`CAST(sign(${sub('integer')}) AS integer)`,
  ],
  bigint: [
    ...arithmetic('bigint'),
    cast('integer', 'bigint'),
    (sub) => node('bigint')`(${sub('bigint')} * CAST(${sub('integer')} AS bigint))`,
    (sub, { random }) =>
      node('bigint')`(${sub('bigint')} ${random.pick(['/', '%'])} nullif(${sub('bigint')}, 0))`,
    (sub) => node('bigint')`mod(${sub('bigint')}, nullif(${sub('bigint')}, 0))`,
    (sub) => node('bigint')`CAST(length(${sub('varchar')}) AS bigint)`,
    (sub) => node('bigint')`${spelled('bitwise_and', 'int8and')}(${sub('bigint')}, ${sub('bigint')})`,
    (sub) => node('bigint')`${spelled('bitwise_xor', 'int8xor')}(${sub('bigint')}, ${sub('bigint')})`,
    (sub) =>
      node(
        'bigint',
      )`CAST(${spelled("date_diff('day', ", '- (')}${sub('date')}${spelled(', ', ' - ')}${sub('date')}) AS bigint)`,
    (sub) =>
      node(
        'bigint',
      )`CAST(${spelled('codepoint(CAST(', 'ascii(substr(')}coalesce(nullif(${sub('varchar')}, ''), 'x')${spelled(' AS varchar(1)))', ', 1, 1))')} AS bigint)`,
  ],
  double: [
    ...arithmetic('double'),
    cast('integer', 'double'),
    cast('bigint', 'double'),
    cast('decimal(8,2)', 'double'),
    (sub) => node('double')`(${sub('double')} * ${sub('double')})`,
    (sub) =>
      node(
        'double',
      )`(${sub('double')} / nullif(${sub('double')}, ${spelled("DOUBLE '0'", 'CAST(0 AS double precision)')}))`,
    (sub) => node('double')`sqrt(abs(${sub('double')}))`,
    (sub, { random }) =>
      node(
        'double',
      )`${random.pick(['floor', 'ceiling', 'sin', 'cos', 'atan', 'cbrt', 'radians'])}(${sub('double')})`,
    (sub) => node('double')`ln(abs(${sub('double')}) + 1)`,
    (sub) => node('double')`power(abs(${sub('double')}), 2)`,
  ],
  'decimal(8,2)': [
    ...arithmetic('decimal(8,2)').map(
      (rule): Rule =>
        (sub, scope) =>
          node('decimal(8,2)')`CAST(${rule(sub, scope)!} AS decimal(8,2))`,
    ),
    cast('integer', 'decimal(8,2)'),
    (sub) => node('decimal(8,2)')`CAST(${sub('decimal(8,2)')} * ${sub('decimal(8,2)')} AS decimal(8,2))`,
    (sub) =>
      node('decimal(8,2)')`CAST(${sub('decimal(8,2)')} % nullif(${sub('decimal(8,2)')}, 0) AS decimal(8,2))`,
    (sub, { random }) =>
      node('decimal(8,2)')`CAST(round(${sub('decimal(8,2)')}, ${String(random.below(3))}) AS decimal(8,2))`,
    (sub, { random }) =>
      node(
        'decimal(8,2)',
      )`CAST(${random.pick(['floor', 'ceiling', 'round'])}(${sub('decimal(8,2)')}) AS decimal(8,2))`,
  ],
  varchar: [
    (sub) => node('varchar')`(${sub('varchar')} || ${sub('varchar')})`,
    (sub, { random }) =>
      node(
        'varchar',
      )`${random.pick(['upper', 'lower', 'trim', 'ltrim', 'rtrim', 'reverse'])}(${sub('varchar')})`,
    (sub, { random }) => node('varchar')`substr(${sub('varchar')}, ${String(1 + random.below(4))})`,
    (sub, { random }) =>
      node(
        'varchar',
      )`substring(${sub('varchar')} FROM ${String(1 + random.below(4))} FOR ${String(random.below(4))})`,
    (sub, { random }) =>
      node('varchar')`replace(${sub('varchar')}, ${random.pick(["'a'", "'b'", "' '"])}, ${sub('varchar')})`,
    (sub, { random }) =>
      node('varchar')`${random.pick(['lpad', 'rpad'])}(${sub('varchar')}, ${String(random.below(6))}, 'xy')`,
    (sub, { random }) =>
      node('varchar')`coalesce(split_part(${sub('varchar')}, 'b', ${String(1 + random.below(3))}), '')`,
    cast('integer', 'varchar'),
    cast('bigint', 'varchar'),
    cast('date', 'varchar'),
    cast('boolean', 'varchar'),
    cast('decimal(8,2)', 'varchar'),
    (sub) =>
      node(
        'varchar',
      )`${spelled('lower(to_hex(md5(to_utf8(', 'md5(((')}${sub('varchar')}${spelled('))))', ')))')}`,
    (sub) => node('varchar')`translate(${sub('varchar')}, 'ab', 'xy')`,
    (sub) => node('varchar')`concat_ws('-', ${sub('varchar')}, ${sub('varchar')})`,
    (sub, { random }) =>
      node(
        'varchar',
      )`regexp_replace(${sub('varchar')}, ${random.pick(["'[ab]'", "'a+'", "'x|b'"])}, '<>'${spelled('', ", 'g'")})`,
  ],
  boolean: [
    (sub, { random }) => {
      const type = random.pick(TYPES)
      return node('boolean')`(${sub(type)} ${random.pick(['=', '<>', '<', '<=', '>', '>='])} ${sub(type)})`
    },
    (sub, { random }) => node('boolean')`(${sub('boolean')} ${random.pick(['AND', 'OR'])} ${sub('boolean')})`,
    (sub) => node('boolean')`(NOT ${sub('boolean')})`,
    (sub, { random }) =>
      node('boolean')`(${sub(random.pick(TYPES))} IS ${random.pick(['NULL', 'NOT NULL'])})`,
    (sub, { random }) => {
      const type = random.pick(TYPES)
      return node('boolean')`(${sub(type)} IS ${random.pick(['', 'NOT '])}DISTINCT FROM ${sub(type)})`
    },
    (sub, { random }) => {
      const type = random.pick(TYPES)
      return node('boolean')`(${sub(type)} ${random.pick(['', 'NOT '])}BETWEEN ${sub(type)} AND ${sub(type)})`
    },
    (sub, { random }) => {
      const type = random.pick(TYPES)
      const items = list(Array.from({ length: 1 + random.below(4) }, () => sub(type)))
      return node('boolean')`(${sub(type)} ${random.pick(['', 'NOT '])}IN (${items}))`
    },
    // Presto has no escape character unless one is named; PostgreSQL's is the backslash, which no text here holds.
    (sub, { random }) =>
      node('boolean')`(${sub('varchar')} ${random.pick(['', 'NOT '])}LIKE ${random.pick(PATTERNS)})`,
    (sub) => node('boolean')`starts_with(${sub('varchar')}, ${sub('varchar')})`,
    (sub, { random }) =>
      node(
        'boolean',
      )`${spelled('regexp_like', 'regexp_like')}(${sub('varchar')}, ${random.pick(["'^a'", "'b$'", "'[a-c]+'", "'a.b'"])})`,
    (_sub, { subquery, ...scope }) =>
      subquery === undefined
        ? undefined
        : node('boolean')`EXISTS (${subquery('exists', 'integer', { ...scope, subquery })})`,
    (sub, { subquery, ...scope }) => {
      if (subquery === undefined) return undefined
      const type = scope.random.pick(TYPES)
      return node(
        'boolean',
      )`(${sub(type)} ${scope.random.pick(['', 'NOT '])}IN (${subquery('in', type, { ...scope, subquery })}))`
    },
    cast('integer', 'boolean'),
  ],
  date: [
    (sub, { random }) => {
      const interval = `INTERVAL '${random.below(40)}' ${random.pick(['day', 'month', 'year'])}`
      return node('date')`CAST(${sub('date')} ${random.pick(['+', '-'])} ${interval} AS date)`
    },
    (sub, { random }) => node('date')`CAST(date_trunc('${random.pick(UNITS)}', ${sub('date')}) AS date)`,
    cast('timestamp(3)', 'date'),
    (sub) =>
      node(
        'date',
      )`${spelled('last_day_of_month(', "CAST(date_trunc('month', ")}${sub('date')}${spelled(')', ") + INTERVAL '1 month' - INTERVAL '1 day' AS date)")}`,
    (sub, { random }) => {
      const days = random.below(60)
      return node('date')`${spelled(`date_add('day', ${days}, `, `(${days} + `)}${sub('date')})`
    },
  ],
  'timestamp(3)': [
    (sub, { random }) => {
      const interval = `INTERVAL '${random.below(90)}' ${random.pick(['second', 'minute', 'hour', 'day', 'month'])}`
      return node('timestamp(3)')`(${sub('timestamp(3)')} ${random.pick(['+', '-'])} ${interval})`
    },
    (sub, { random }) =>
      node(
        'timestamp(3)',
      )`date_trunc('${random.pick([...UNITS, 'hour', 'minute', 'second'])}', ${sub('timestamp(3)')})`,
    cast('date', 'timestamp(3)'),
  ],
}
