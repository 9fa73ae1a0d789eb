import { QueryError } from '../errors.ts'
import { type PrestoType, typeText } from '../presto-type.ts'
import { castText } from './cast-text.ts'
import { type Call, type FunctionDefinition, fail, freshNames, scalar, type TypedCall } from './define.ts'
import { choose, duckType, raise, raiseSql, rowField } from './duck-type.ts'
import { equalSql, isDirect, isFlat } from './equality.ts'
import { fault } from './errors-in-engine.ts'
import { hasOwnZones, withoutZone } from './held-moments.ts'
import { pureFunction } from './javascript-helpers.ts'
import { applyLambda, applyLambdaOnce } from './lambda-sql.ts'
import type { JavaScriptFunction } from './types.ts'

/** Arrays: positions from 1; three-valued where an element is NULL. */

const INVALID = 'INVALID_FUNCTION_ARGUMENT'

const elementOf = (type: PrestoType): PrestoType =>
  type.kind === 'array' ? type.element : { kind: 'unknown' }

/** Lambdas that answer a boolean per element: the list of answers, for the three-valued quantifiers. */
const quantifier = (name: string) =>
  scalar(`${name}(array(T), function(T, boolean)) -> boolean`, `p_${name}(list_transform($1, $2))`)

function elementAt(call: Call): string {
  const [list, index] = call.args
  return `CASE WHEN ${index} = 0 AND ${list} IS NOT NULL THEN ${fail(call, INVALID, 'SQL array indices start at 1')} ELSE ${list}[${index}] END`
}

/** For each element 1 when it is equal, 0 when not, -1 when that cannot be said, NULL when it is NULL. */
function answersFor(call: Call): string {
  const [list, value] = call.args
  const [x] = freshNames(1, call.args) as [string]
  const equal = equalSql(x, value!, elementOf(call.types[0]!))
  return `list_transform(${list}, lambda ${x}: CASE WHEN ${x} IS NOT NULL THEN coalesce(CAST(${equal} AS INTEGER), -1) END)`
}

const indeterminate = (call: Call): string =>
  fail(
    call,
    'NOT_SUPPORTED',
    `${call.name} does not support arrays with elements that are null or contain null`,
  )

/** No NaN is equal to another; the engine says they are. */
const nanSql = (value: string, type: PrestoType): string =>
  type.kind === 'double' || type.kind === 'real' ? `isnan(${value})` : 'false'

/** Elements that hold elements of their own are looked at one after the other, until one is equal or cannot be compared. */
function contains(call: Call): string {
  const [list, value] = call.args
  const element = elementOf(call.types[0]!)
  if (isDirect(element)) return `p_contains(${list}, ${value}, ${nanSql(value!, element)})`
  const answers = answersFor(call)
  return `CASE WHEN ${value} IS NULL THEN NULL WHEN p_first_answer(${answers}) = -1 THEN ${indeterminate(call)} ELSE p_contains(${answers}, 1, false) END`
}

function position(call: Call): string {
  const [list, value] = call.args
  const found = (sql: string) => `coalesce(CAST(${sql} AS BIGINT), CASE WHEN ${list} IS NOT NULL THEN 0 END)`
  const element = elementOf(call.types[0]!)
  if (isDirect(element))
    return `CASE WHEN ${value} IS NOT NULL THEN ${found(`CASE WHEN NOT ${nanSql(value!, element)} THEN list_position(${list}, ${value}) END`)} END`
  const answers = answersFor(call)
  return `CASE WHEN ${value} IS NULL THEN NULL WHEN p_first_answer(${answers}) = -1 THEN ${indeterminate(call)} ELSE ${found(`list_position(${answers}, 1)`)} END`
}

function remove(call: Call): string {
  const [list, value] = call.args
  const [x] = freshNames(1, call.args)
  const element = elementOf(call.types[0]!)
  const kept = `list_filter(${list}, lambda ${x}: ${x} IS NULL OR NOT ${equalSql(x!, value!, element)})`
  const refused = isFlat(element)
    ? ''
    : ` WHEN list_contains(${answersFor(call)}, -1) THEN ${indeterminate(call)}`
  return `CASE WHEN ${value} IS NULL THEN NULL${refused} ELSE ${kept} END`
}

function slice(call: Call): string {
  const [list, start, length] = call.args
  const from = `CASE WHEN ${start} < 0 THEN len(${list}) + ${start} + 1 ELSE ${start} END`
  return choose(
    [
      [`${start} = 0`, fail(call, INVALID, 'SQL array indices start at 1')],
      [`${length} < 0`, fail(call, INVALID, 'length must be greater than or equal to 0')],
      [
        `${length} = 0 OR (${from}) <= 0 OR (${from}) > len(${list})`,
        `list_filter(${list}, lambda "$s": false)`,
      ],
    ],
    `list_slice(${list}, ${from}, (${from}) + least(${length}, len(${list})) - 1)`,
  )
}

function trim(call: Call): string {
  const [list, count] = call.args
  const tooMany = `'size must not exceed array cardinality ' || len(${list}) || ': ' || ${count}`
  return choose([
    [`${list} IS NULL`, 'NULL'],
    [`${count} < 0`, raiseSql(INVALID, `'size must not be negative: ' || ${count}`, call.result)],
    [`${count} > len(${list})`, raiseSql(INVALID, tooMany, call.result)],
    [`${count} IS NOT NULL`, `list_slice(${list}, 1, len(${list}) - ${count})`],
  ])
}

/** The elements as they are compared: instants without the zones they show. */
function comparedAs(list: string, type: PrestoType): string {
  const element = elementOf(type)
  return hasOwnZones(element) ? `list_transform(${list}, lambda "$z": ${withoutZone('"$z"', element)})` : list
}

/** A macro over lists as sets; the one `_by` the elements as they are compared, where those are not the elements. */
const asSets =
  (macro: string) =>
  (call: Call): string =>
    ofSets(macro, call.args, call.result)

function ofSets(macro: string, lists: string[], type: PrestoType): string {
  if (!hasOwnZones(elementOf(type))) return `${macro}(${lists.join(', ')})`
  return `${macro}_by(${[...lists, ...lists.map((list) => comparedAs(list, type))].join(', ')})`
}

function union(call: Call): string {
  const [a, b] = call.args
  return `CASE WHEN ${a} IS NOT NULL AND ${b} IS NOT NULL THEN ${ofSets('p_distinct', [`list_concat(${a}, ${b})`], call.result)} END`
}

/** NULLs are equal here. */
function containsSequence(call: Call): string {
  const [list, wanted] = call.args.map((arg, i) => comparedAs(arg, call.types[i]!))
  const [i] = freshNames(1, call.args)
  const starts = `range(1, CAST(len(${list}) AS BIGINT) - len(${wanted}) + 2)`
  return `CASE WHEN ${list} IS NOT NULL AND ${wanted} IS NOT NULL THEN len(${wanted}) = 0 OR len(list_filter(${starts}, lambda ${i}: list_slice(${list}, ${i}, ${i} + len(${wanted}) - 1) = ${wanted})) > 0 END`
}

/** NULL where an element is. NaN counts only where there is nothing else. */
const extreme =
  (name: 'list_min' | 'list_max') =>
  (call: Call): string => {
    const [list] = call.args
    const whole = `${name}(${list})`
    const numbers = `list_filter(${list}, lambda "$x": NOT isnan("$x"))`
    const found = ['double', 'real'].includes(call.result.kind)
      ? `coalesce(${name}(${numbers}), ${whole})`
      : whole
    return `CASE WHEN len(${list}) = list_count(${list}) THEN ${found} END`
  }

/** How often each value occurs; NULL is none. */
function histogram(call: Call): string {
  const [list] = call.args
  const [x] = freshNames(1, call.args)
  const counted = `list_aggregate(list_filter(${list}, lambda ${x}: ${x} IS NOT NULL), 'histogram')`
  return `CASE WHEN ${list} IS NOT NULL THEN coalesce(CAST(${counted} AS ${duckType(call.result)}), CAST(map([], []) AS ${duckType(call.result)})) END`
}

/**
 * A left fold. The state has a type of its own, DuckDB's list_reduce has one type only: so both travel in a struct.
 */
function reduce(call: Call): string {
  const [list, initial] = call.args
  const step = call.lambda(2)
  const finish = call.lambda(3)
  const [acc, element] = freshNames(2, call.args) as [string, string]
  const state = duckType(step.result)
  const item = duckType(elementOf(call.types[0]!))
  const wrapped = `list_transform(${list}, lambda ${element}: {'s': CAST(NULL AS ${state}), 'x': CAST(${element} AS ${item})})`
  const stepped = applyLambda(step, [`${acc}.s`, `${element}.x`])
  const folded = `list_reduce(${wrapped}, lambda ${acc}, ${element}: {'s': CAST(${stepped} AS ${state}), 'x': CAST(NULL AS ${item})}, {'s': CAST(${initial} AS ${state}), 'x': CAST(NULL AS ${item})}).s`
  return `CASE WHEN ${list} IS NOT NULL THEN ${applyLambdaOnce(finish, [folded])} END`
}

/** Insertion by the comparator: equal elements keep their order. */
function sortBy(call: Call): string {
  const [list] = call.args
  const comparator = call.lambda(1)
  const [acc, element, other] = freshNames(3, call.args) as [string, string, string]
  const type = duckType(call.result)
  const compared = `p_compared(${applyLambda(comparator, [other, `${element}[1]`])})`
  return `list_reduce(list_transform(${list}, lambda ${element}: CAST([${element}] AS ${type})), lambda ${acc}, ${element}: list_concat(list_concat(list_filter(${acc}, lambda ${other}: ${compared} <= 0), ${element}), list_filter(${acc}, lambda ${other}: ${compared} > 0)), CAST([] AS ${type}))`
}

function zipWith(call: Call): string {
  const [a, b] = call.args
  const lambda = call.lambda(2)
  const [i] = freshNames(1, call.args) as [string]
  const body = applyLambda(lambda, [`(${a})[${i}]`, `(${b})[${i}]`])
  return choose([
    [
      `${a} IS NOT NULL AND ${b} IS NOT NULL`,
      `list_transform(generate_series(1, greatest(len(${a}), len(${b}))), lambda ${i}: ${body})`,
    ],
  ])
}

function zip(call: Call): string {
  const [i] = freshNames(1, call.args) as [string]
  const fields = call.args.map((list, n) => `'${rowField(n)}': (${list})[${i}]`).join(', ')
  const longest = call.args.map((list) => `len(${list})`).join(', ')
  const known = call.args.map((list) => `${list} IS NOT NULL`).join(' AND ')
  return `CASE WHEN ${known} THEN list_transform(generate_series(1, greatest(${longest})), lambda ${i}: {${fields}}) END`
}

function arrayJoin(call: Call): string {
  const [list, delimiter, nullText] = call.args
  const [x] = freshNames(1, call.args) as [string]
  const text = castText(x, elementOf(call.types[0]!), call.context)
  const kept = nullText === undefined ? `list_filter(${list}, lambda ${x}: ${x} IS NOT NULL)` : list
  const shown = nullText === undefined ? text : `coalesce(${text}, ${nullText})`
  // The engine's own wants a constant.
  const joined = (texts: string) =>
    call.constants[1] === undefined
      ? `p_array_join(${texts}, ${delimiter})`
      : `array_to_string(${texts}, ${delimiter})`
  const given = [delimiter, ...(nullText === undefined ? [] : [nullText])]
  return `CASE WHEN ${given.map((sql) => `${sql} IS NOT NULL`).join(' AND ')} THEN ${joined(`list_transform(${kept}, lambda ${x}: ${shown})`)} END`
}

function joinedType({ types: [list] }: TypedCall): PrestoType {
  const element = elementOf(list!)
  if (!isFlat(element) || element.kind === 'varbinary')
    throw new QueryError('OPERATOR_NOT_FOUND', `Cannot cast ${typeText(element)} to varchar`)
  return { kind: 'varchar' }
}

const joinedLists = ({ args }: Call): string =>
  `CASE WHEN ${args.map((arg) => `${arg} IS NOT NULL`).join(' AND ')} THEN ${args.slice(1).reduce((left, right) => `list_concat(${left}, ${right})`, args[0]!)} END`

const WRONG_WAY =
  'sequence stop value should be greater than or equal to start value if step is greater than zero otherwise stop should be less than or equal to start'

const NOT_DAYS = 'sequence step must be a day interval if start and end values are dates'

const TOO_LONG = 'result of sequence function must not have more than 10000 entries'

function integerSequence(call: Call): string {
  const [from, to, given] = call.args
  const step = given ?? `CASE WHEN ${from} <= ${to} THEN 1 ELSE -1 END`
  const type = { kind: 'bigint' } as const
  const checked = choose(
    [
      [`(${step}) = 0`, raise(INVALID, 'step must not be zero', type)],
      [`((${step}) > 0) <> (${from} <= ${to}) AND ${from} <> ${to}`, raise(INVALID, WRONG_WAY, type)],
      [`(CAST(${to} AS HUGEINT) - ${from}) // (${step}) >= 10000`, raise(INVALID, TOO_LONG, type)],
    ],
    step,
  )
  return `generate_series(${from}, ${to}, ${checked})`
}

/** Each entry is the start and so many steps: months counted from the last entry would lose the 31st. */
function momentSequence(call: Call): string {
  const [from, to] = [0, 1].map((i) => `CAST(${call.args[i]} AS TIMESTAMP)`) as [string, string]
  const step = call.args[2] ?? `CASE WHEN ${from} <= ${to} THEN INTERVAL 1 DAY ELSE INTERVAL (-1) DAY END`
  const [i, entry] = freshNames(2, call.args) as [string, string]
  // One more than DuckDB's own series has, which steps from entry to entry.
  const count = `len(generate_series(${from}, ${to}, ${step}))`
  const entries = `list_transform(range(0, ${count} + 1), lambda ${i}: ${from} + (${step}) * ${i})`
  const kept = `list_filter(${entries}, lambda ${entry}: ${entry} BETWEEN least(${from}, ${to}) AND greatest(${from}, ${to}))`
  const ofDates = call.types[0]!.kind === 'date' && call.types[2]?.kind === 'interval day to second'
  return choose(
    [
      ...(ofDates
        ? [[`epoch_us(${step}) % 86400000000 <> 0`, fail(call, INVALID, NOT_DAYS)] as [string, string]]
        : []),
      [`${from} + (${step}) = ${from}`, fail(call, INVALID, 'step must not be zero')],
      [
        `(${from} + (${step}) > ${from}) <> (${from} <= ${to}) AND ${from} <> ${to}`,
        fail(call, INVALID, WRONG_WAY),
      ],
      [`${count} > 10000`, fail(call, INVALID, TOO_LONG)],
    ],
    `CAST(${kept} AS ${duckType(call.result)})`,
  )
}

const INTERVALS = ['interval day to second', 'interval year to month']

export const definitions: FunctionDefinition[] = [
  ...scalar('cardinality(array(T)) -> bigint', 'CAST(len($1) AS BIGINT)'),
  ...scalar('element_at(array(E), bigint) -> E', elementAt),
  ...scalar('contains(array(T), T) -> boolean', contains, { comparable: ['T'] }),
  ...scalar('array_position(array(T), T) -> bigint', position, { comparable: ['T'] }),
  ...scalar('array_remove(array(T), T) -> array(T)', remove, { comparable: ['T'] }),
  ...scalar('array_distinct(array(E)) -> array(E)', asSets('p_distinct'), { comparable: ['E'] }),
  ...scalar('array_intersect(array(E), array(E)) -> array(E)', asSets('p_intersect'), { comparable: ['E'] }),
  ...scalar('array_union(array(E), array(E)) -> array(E)', union, { comparable: ['E'] }),
  ...scalar('array_except(array(E), array(E)) -> array(E)', asSets('p_except'), { comparable: ['E'] }),
  ...scalar(
    'arrays_overlap(array(E), array(E)) -> boolean',
    (call) => `p_overlap(${call.args.map((list, i) => comparedAs(list, call.types[i]!)).join(', ')})`,
    { comparable: ['E'] },
  ),
  ...scalar('contains_sequence(array(T), array(T)) -> boolean', containsSequence, { comparable: ['T'] }),
  ...scalar('array_min(array(T)) -> T', extreme('list_min'), { orderable: ['T'] }),
  ...scalar('array_max(array(T)) -> T', extreme('list_max'), { orderable: ['T'] }),
  ...scalar('array_sort(array(E)) -> array(E)', "list_sort($1, 'ASC', 'NULLS LAST')", { orderable: ['E'] }),
  ...scalar('array_sort(array(T), function(T, T, integer)) -> array(T)', sortBy),
  ...scalar(
    ['array_join(array(T), varchar) -> varchar', 'array_join(array(T), varchar, varchar) -> varchar'],
    arrayJoin,
    { result: joinedType },
  ),
  ...scalar('slice(array(E), bigint, bigint) -> array(E)', slice),
  ...scalar('trim_array(array(E), bigint) -> array(E)', trim),
  ...scalar('array_histogram(array(T)) -> map(T, bigint)', histogram, { comparable: ['T'] }),
  ...scalar('reverse(array(E)) -> array(E)', 'list_reverse($1)'),
  ...scalar('repeat(T, integer) -> array(T)', (call) => {
    const [x] = freshNames(1, call.args)
    return choose(
      [
        [
          `${call.args[1]} > 10000`,
          fail(call, INVALID, 'count argument of repeat function must be less than or equal to 10000'),
        ],
        [
          `${call.args[1]} < 0`,
          fail(call, INVALID, 'count argument of repeat function must be greater than or equal to 0'),
        ],
      ],
      `CAST(list_transform(range(${call.args[1]}), lambda ${x}: ${call.args[0]}) AS ${duckType(call.result)})`,
    )
  }),
  ...scalar(
    ['sequence(bigint, bigint) -> array(bigint)', 'sequence(bigint, bigint, bigint) -> array(bigint)'],
    integerSequence,
  ),
  ...scalar(
    [
      'sequence(date, date) -> array(date)',
      ...INTERVALS.map((step) => `sequence(date, date, ${step}) -> array(date)`),
    ],
    momentSequence,
  ),
  ...scalar(
    INTERVALS.map((step) => `sequence(timestamp(p), timestamp(p), ${step}) -> array(timestamp(p))`),
    momentSequence,
  ),
  ...scalar(
    'shuffle(array(E)) -> array(E)',
    (call) => {
      const [x] = freshNames(1, call.args)
      return `list_transform(list_sort(list_transform(${call.args[0]}, lambda ${x}: {'r': random(), 'x': ${x}})), lambda ${x}: ${x}.x)`
    },
    { volatile: true },
  ),
  ...scalar('zip(array(A), array(B)) -> array(row(A, B))', zip),
  ...scalar('zip(array(A), array(B), array(C)) -> array(row(A, B, C))', zip),
  ...scalar('zip(array(A), array(B), array(C), array(D)) -> array(row(A, B, C, D))', zip),
  ...scalar('zip(array(A), array(B), array(C), array(D), array(E)) -> array(row(A, B, C, D, E))', zip),
  ...scalar('zip_with(array(T), array(U), function(T, U, R)) -> array(R)', zipWith),
  ...scalar('transform(array(T), function(T, U)) -> array(U)', 'list_transform($1, $2)'),
  ...scalar('filter(array(T), function(T, boolean)) -> array(T)', 'list_filter($1, $2)'),
  ...scalar('reduce(array(T), S, function(S, T, S), function(S, R)) -> R', reduce),
  ...scalar('flatten(array(array(E))) -> array(E)', 'flatten($1)'),
  ...scalar('concat(array(E), array(E), array(E)...) -> array(E)', joinedLists),
  ...scalar('concat(array(E)) -> array(E)', '$1', {
    result: () => {
      throw new QueryError(INVALID, 'There must be two or more arguments to concat')
    },
  }),
  // An element that is NULL makes the whole NULL; one within an array stays.
  ...scalar(
    'concat(array(E), E) -> array(E)',
    'CASE WHEN $1 IS NOT NULL AND $2 IS NOT NULL THEN list_append($1, $2) END',
  ),
  ...scalar(
    'concat(E, array(E)) -> array(E)',
    'CASE WHEN $1 IS NOT NULL AND $2 IS NOT NULL THEN list_prepend($1, $2) END',
  ),
  ...quantifier('any_match'),
  ...quantifier('all_match'),
  ...quantifier('none_match'),
  ...scalar('ngrams(array(T), integer) -> array(array(T))', (call) => {
    const [i] = freshNames(1, call.args)
    const [list, n] = call.args
    return choose(
      [[`${n} <= 0`, fail(call, INVALID, 'N must be positive')]],
      `CASE WHEN ${list} IS NOT NULL AND ${n} IS NOT NULL THEN list_transform(generate_series(1, greatest(len(${list}) - ${n} + 1, 1)), lambda ${i}: list_slice(${list}, ${i}, ${i} + CAST(${n} AS BIGINT) - 1)) END`,
    )
  }),
  ...scalar('combinations(array(T), integer) -> array(array(T))', combinations),
]

/** Index lists come from JavaScript, which knows no types; the elements are taken here. */
function combinations(call: Call): string {
  const [indexes, i] = freshNames(2, call.args) as [string, string]
  const [list, n] = call.args
  return `list_transform(p_combinations(CAST(len(${list}) AS BIGINT), CAST(${n} AS BIGINT)), lambda ${indexes}: list_transform(${indexes}, lambda ${i}: (${list})[${i}]))`
}

export const prelude: string[] = [
  `CREATE OR REPLACE MACRO p_first_answer(l) AS list_filter(l, lambda "$a": "$a" <> 0)[1]`,
  `CREATE OR REPLACE MACRO p_contains(l, x, unequal) AS CASE WHEN x IS NULL THEN NULL WHEN list_contains(l, x) AND NOT unequal THEN true WHEN len(l) > list_count(l) THEN NULL WHEN l IS NOT NULL THEN false END`,
  `CREATE OR REPLACE MACRO p_compared(c) AS CASE WHEN c BETWEEN -1 AND 1 THEN c ELSE ${raise(INVALID, 'Lambda comparator must return either -1, 0, or 1', { kind: 'integer' })} END`,
  `CREATE OR REPLACE MACRO p_any_match(l) AS CASE WHEN list_contains(l, true) THEN true WHEN len(l) > list_count(l) THEN NULL WHEN l IS NOT NULL THEN false END`,
  `CREATE OR REPLACE MACRO p_all_match(l) AS CASE WHEN list_contains(l, false) THEN false WHEN len(l) > list_count(l) THEN NULL WHEN l IS NOT NULL THEN true END`,
  `CREATE OR REPLACE MACRO p_none_match(l) AS CASE WHEN list_contains(l, true) THEN false WHEN len(l) > list_count(l) THEN NULL WHEN l IS NOT NULL THEN true END`,
  `CREATE OR REPLACE MACRO p_distinct(l) AS list_filter(l, lambda "$d", "$i": list_position(l, "$d") = "$i")`,
  `CREATE OR REPLACE MACRO p_intersect(a, b) AS CASE WHEN a IS NOT NULL AND b IS NOT NULL THEN list_filter(a, lambda "$d", "$i": list_position(a, "$d") = "$i" AND list_position(b, "$d") IS NOT NULL) END`,
  `CREATE OR REPLACE MACRO p_except(a, b) AS CASE WHEN a IS NOT NULL AND b IS NOT NULL THEN list_filter(a, lambda "$d", "$i": list_position(a, "$d") = "$i" AND list_position(b, "$d") IS NULL) END`,
  `CREATE OR REPLACE MACRO p_distinct_by(l, k) AS list_filter(l, lambda "$d", "$i": list_position(k, k["$i"]) = "$i")`,
  `CREATE OR REPLACE MACRO p_intersect_by(a, b, ka, kb) AS CASE WHEN a IS NOT NULL AND b IS NOT NULL THEN list_filter(a, lambda "$d", "$i": list_position(ka, ka["$i"]) = "$i" AND list_position(kb, ka["$i"]) IS NOT NULL) END`,
  `CREATE OR REPLACE MACRO p_except_by(a, b, ka, kb) AS CASE WHEN a IS NOT NULL AND b IS NOT NULL THEN list_filter(a, lambda "$d", "$i": list_position(ka, ka["$i"]) = "$i" AND list_position(kb, ka["$i"]) IS NULL) END`,
  `CREATE OR REPLACE MACRO p_overlap(a, b) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL WHEN list_has_any(list_filter(a, lambda "$o": "$o" IS NOT NULL), list_filter(b, lambda "$o": "$o" IS NOT NULL)) THEN true WHEN len(a) > 0 AND len(b) > 0 AND (len(a) > list_count(a) OR len(b) > list_count(b)) THEN NULL ELSE false END`,
]

export const javascript: JavaScriptFunction[] = [
  pureFunction(
    'p_array_join(VARCHAR[], VARCHAR) -> VARCHAR',
    ({ items }: { items: (string | null)[] }, delimiter: string) =>
      items.filter((item) => item !== null).join(delimiter),
  ),
  pureFunction('p_combinations(BIGINT, BIGINT) -> BIGINT[][]', (length: bigint, size: bigint) => ({
    items: [...combinationsOf(Number(length), Number(size))].map((items) => ({ items })),
  })),
]

const MAX_COMBINATIONS = 100_000

/** All choices of `size` positions (from 1) out of `length`, in the order of Presto: by the last position first. */
function* combinationsOf(length: number, size: number): Generator<bigint[]> {
  if (size < 0) throw fault('INVALID_FUNCTION_ARGUMENT', `combination size must not be negative: ${size}`)
  if (size > 5) throw fault('INVALID_FUNCTION_ARGUMENT', `combination size must not exceed 5: ${size}`)
  if (countOf(length, size) > MAX_COMBINATIONS) {
    throw fault('INVALID_FUNCTION_ARGUMENT', 'combinations exceed max size')
  }
  if (size === 0) yield []
  else {
    for (let last = size; last <= length; last++) {
      for (const rest of combinationsOf(last - 1, size - 1)) yield [...rest, BigInt(last)]
    }
  }
}

function countOf(length: number, size: number): number {
  let count = 1
  for (let i = 1; i <= size; i++) count = (count * (length - i + 1)) / i
  return count
}
