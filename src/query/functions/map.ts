import { QueryError } from '../errors.ts'
import { castText } from './cast-text.ts'
import { type Call, type FunctionDefinition, fail, freshNames, scalar } from './define.ts'
import { choose, duckType, raiseSql } from './duck-type.ts'
import { equalSql, isFlat } from './equality.ts'
import { hasOwnZones, withoutZone } from './held-moments.ts'
import { applyLambda } from './lambda-sql.ts'

/** Maps. Keys are unique and not NULL. */

const INVALID = 'INVALID_FUNCTION_ARGUMENT'

/** Of instants the zone they are shown in is no part of the key. */
function valueAt(call: Call): string {
  const [map, key] = call.args
  const type = call.types[1]!
  if (!hasOwnZones(type)) return `${map}[${key}]`
  const [e] = freshNames(1, call.args)
  return `list_filter(map_entries(${map}), lambda ${e}: ${equalSql(`${e}.key`, key!, type)})[1].value`
}

/** Raises where a key is NULL or comes twice; `keys` is the list of them. */
function checkedKeys(call: Call, keys: string, sql: string): string {
  const key = call.result.kind === 'map' ? call.result.key : call.result
  const compared = hasOwnZones(key)
    ? `list_transform(${keys}, lambda "$z": ${withoutZone('"$z"', key)})`
    : keys
  const twice = `list_filter(${keys}, lambda "$k", "$i": list_position(${compared}, ${compared}["$i"]) < "$i")`
  // Text is made within a lambda: folding a constant, the engine forgets what type an element that is not there had.
  const named = `list_transform(${twice}, lambda "$t": ${castText('"$t"', key, call.context)})[1]`
  // Its set of numbers holds every NaN.
  const distinct = key.kind === 'double' || key.kind === 'real' ? 'p_distinct' : 'list_distinct'
  const [k] = freshNames(1, [keys])
  const unclear = isFlat(key)
    ? ''
    : ` WHEN len(list_filter(${keys}, lambda ${k}: ${equalSql(k!, k!, key)} IS NULL)) > 0 THEN ${fail(call, INVALID, 'map key cannot be indeterminate')}`
  return `CASE WHEN len(${keys}) > list_count(${keys}) THEN ${fail(call, INVALID, 'map key cannot be null')}${unclear} WHEN len(${distinct}(${compared})) < len(${keys}) THEN ${raiseSql(INVALID, `'Duplicate map keys (' || ${named} || ') are not allowed'`, call.result)} ELSE ${sql} END`
}

function mapOfArrays(call: Call): string {
  const [keys, values] = call.args
  const type = duckType(call.result)
  return `CASE WHEN len(${keys}) <> len(${values}) THEN ${fail(call, INVALID, 'Key and value arrays must be the same length')} ELSE ${checkedKeys(call, keys!, `CAST(map(${keys}, ${values}) AS ${type})`)} END`
}

function mapOfEntries(call: Call): string {
  const [list] = call.args
  const [e] = freshNames(1, call.args)
  const keys = `list_transform(${list}, lambda ${e}: ${e}.f1)`
  const entries = `list_transform(${list}, lambda ${e}: {'key': ${e}.f1, 'value': ${e}.f2})`
  return `CASE WHEN len(list_filter(${list}, lambda ${e}: ${e} IS NULL)) > 0 THEN ${fail(call, INVALID, 'map entry cannot be null')} ELSE ${checkedKeys(call, keys, `CAST(map_from_entries(${entries}) AS ${duckType(call.result)})`)} END`
}

/** A map made from the entries of another by a lambda of key and value. */
function overEntries(make: (key: string, value: string, applied: string) => string) {
  return (call: Call): string => {
    const [map] = call.args
    const [e] = freshNames(1, call.args)
    const applied = applyLambda(call.lambda(1), [`${e}.key`, `${e}.value`])
    const entries = `list_transform(map_entries(${map}), lambda ${e}: ${make(`${e}.key`, `${e}.value`, applied)})`
    return `CAST(map_from_entries(${entries}) AS ${duckType(call.result)})`
  }
}

function transformKeys(call: Call): string {
  const [map] = call.args
  const [e] = freshNames(1, call.args)
  const applied = applyLambda(call.lambda(1), [`${e}.key`, `${e}.value`])
  const keys = `list_transform(map_entries(${map}), lambda ${e}: ${applied})`
  return checkedKeys(call, keys, `CAST(map(${keys}, map_values(${map})) AS ${duckType(call.result)})`)
}

function mapFilter(call: Call): string {
  const [map] = call.args
  const [e] = freshNames(1, call.args)
  const applied = applyLambda(call.lambda(1), [`${e}.key`, `${e}.value`])
  return `map_from_entries(list_filter(map_entries(${map}), lambda ${e}: ${applied}))`
}

function mapZipWith(call: Call): string {
  const [a, b] = call.args
  const [k] = freshNames(1, call.args)
  const applied = applyLambda(call.lambda(2), [k!, `(${a})[${k}]`, `(${b})[${k}]`])
  const keys = `p_distinct(list_concat(map_keys(${a}), map_keys(${b})))`
  return choose([
    [
      `${a} IS NOT NULL AND ${b} IS NOT NULL`,
      `CAST(map_from_entries(list_transform(${keys}, lambda ${k}: {'key': ${k}, 'value': ${applied}})) AS ${duckType(call.result)})`,
    ],
  ])
}

const mapConcat = ({ args }: Call): string =>
  `CASE WHEN ${args.map((arg) => `${arg} IS NOT NULL`).join(' AND ')} THEN map_concat(${args.join(', ')}) END`

function multimapOfEntries(call: Call): string {
  const [list] = call.args
  const [e] = freshNames(1, call.args)
  const entries = `list_transform(${list}, lambda ${e}: {'key': ${e}.f1, 'value': ${e}.f2})`
  return choose(
    [
      [
        `len(list_filter(${list}, lambda ${e}: ${e} IS NULL)) > 0`,
        fail(call, INVALID, 'map entry cannot be null'),
      ],
      [
        `len(list_filter(${list}, lambda ${e}: ${e}.f1 IS NULL)) > 0`,
        fail(call, INVALID, 'map key cannot be null'),
      ],
    ],
    `CAST(p_multimap_of(${entries}) AS ${duckType(call.result)})`,
  )
}

export const definitions: FunctionDefinition[] = [
  ...scalar('map() -> map(unknown, unknown)', (call) => `CAST(map([], []) AS ${duckType(call.result)})`),
  ...scalar('map(array(K), array(V)) -> map(K, V)', mapOfArrays, { comparable: ['K'] }),
  ...scalar('cardinality(map(K, V)) -> bigint', 'CAST(cardinality($1) AS BIGINT)'),
  ...scalar('element_at(map(K, V), K) -> V', valueAt),
  ...scalar('map_keys(map(K, V)) -> array(K)', 'map_keys($1)'),
  ...scalar('map_values(map(K, V)) -> array(V)', 'map_values($1)'),
  ...scalar(
    'map_entries(map(K, V)) -> array(row(K, V))',
    `list_transform(map_entries($1), lambda "$e": {'f1': "$e".key, 'f2': "$e".value})`,
  ),
  ...scalar('map_concat(map(K, V), map(K, V), map(K, V)...) -> map(K, V)', mapConcat),
  ...scalar('map_concat(map(K, V)) -> map(K, V)', '$1', {
    result: () => {
      throw new QueryError(INVALID, 'There must be two or more concatenation arguments to map_concat')
    },
  }),
  ...scalar('map_from_entries(array(row(K, V))) -> map(K, V)', mapOfEntries),
  ...scalar('multimap_from_entries(array(row(K, V))) -> map(K, array(V))', multimapOfEntries),
  ...scalar('map_filter(map(K, V), function(K, V, boolean)) -> map(K, V)', mapFilter),
  ...scalar(
    'transform_values(map(K, V), function(K, V, W)) -> map(K, W)',
    overEntries((key, _value, applied) => `{'key': ${key}, 'value': ${applied}}`),
  ),
  ...scalar('transform_keys(map(K, V), function(K, V, L)) -> map(L, V)', transformKeys),
  ...scalar('map_zip_with(map(K, A), map(K, B), function(K, A, B, R)) -> map(K, R)', mapZipWith),
]

export const prelude: string[] = [
  `CREATE OR REPLACE MACRO p_map_of_first(es) AS CASE WHEN len(list_distinct(list_transform(es, lambda "$f": "$f".key))) = len(es) THEN map_from_entries(es) ELSE map_from_entries(list_filter(es, lambda "$f", "$i": list_position(list_transform(es, lambda "$g": "$g".key), "$f".key) = "$i")) END`,
  `CREATE OR REPLACE MACRO p_multimap_of(es) AS map_from_entries(list_transform(p_distinct(list_transform(es, lambda "$f": "$f".key)), lambda "$k": {'key': "$k", 'value': list_transform(list_filter(es, lambda "$g": "$g".key = "$k"), lambda "$h": "$h".value)}))`,
]
