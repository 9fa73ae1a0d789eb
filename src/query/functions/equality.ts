import type { PrestoType } from '../presto-type.ts'
import { raise } from './duck-type.ts'
import { hasOwnZones, withoutZone } from './held-moments.ts'

/**
 * Equality as Presto has it: three-valued also within rows, arrays and maps, where the engine takes one NULL for another; maps
 * without regard to the order of their entries.
 */
export function equalSql(left: string, right: string, type: PrestoType): string {
  switch (type.kind) {
    case 'row': {
      const fields = type.fields.map((field, i) =>
        equalSql(fieldSql(left, i), fieldSql(right, i), field.type),
      )
      return `(${fields.join(' AND ')})`
    }
    case 'array':
      return equalArrays(left, right, type.element)
    case 'map':
      return equalMaps(left, right, type.value)
    default:
      // Of instants the zone they are shown in is no part.
      return `(${withoutZone(left, type)} = ${withoutZone(right, type)})`
  }
}

/** Whether the engine's own equality is the one of the type. */
export const isDirect = (type: PrestoType): boolean => isFlat(type) && !hasOwnZones(type)

const fieldSql = (sql: string, index: number): string => `struct_extract(${sql}, 'f${index + 1}')`

/** Pairs are handed to a lambda, not looked up within it: its body may hold neither aggregates nor subqueries. */
function equalArrays(left: string, right: string, element: PrestoType): string {
  const pair = pairName(element)
  const equal = equalSql(`${pair}[1]`, `${pair}[2]`, element)
  const unlike = `WHEN ${left} IS NULL OR ${right} IS NULL THEN NULL WHEN len(${left}) <> len(${right}) THEN false`
  const direct = isDirect(element)
    ? ` WHEN ${hasNoNulls(left)} AND ${hasNoNulls(right)} THEN ${left} = ${right}`
    : ''
  return `(CASE ${unlike}${direct} ELSE p_all_match(list_transform(list_zip(${left}, ${right}), lambda ${pair}: ${equal})) END)`
}

function equalMaps(left: string, right: string, value: PrestoType): string {
  const pair = pairName(value)
  const equal = equalSql(`${pair}[1].value`, `${pair}[2].value`, value)
  const sorted = (map: string) => `list_sort(map_entries(${map}))`
  return `(CASE WHEN ${left} IS NULL OR ${right} IS NULL THEN NULL WHEN list_sort(map_keys(${left})) <> list_sort(map_keys(${right})) THEN false ELSE p_all_match(list_transform(list_zip(${sorted(left)}, ${sorted(right)}), lambda ${pair}: ${equal})) END)`
}

/** `<` and its like of arrays: Presto refuses when it meets a NULL before it meets a difference. */
export function orderedArraysSql(operator: string, left: string, right: string, element: PrestoType): string {
  if (!isFlat(element)) return `(${left} ${operator} ${right})`
  const pair = pairName(element)
  const meets = `list_filter(list_zip(${left}, ${right}, true), lambda ${pair}: ${pair}[1] IS NULL OR ${pair}[2] IS NULL OR ${pair}[1] <> ${pair}[2])[1]`
  const refused = raise('NOT_SUPPORTED', 'ARRAY comparison not supported for arrays with null elements', {
    kind: 'boolean',
  })
  return `(CASE WHEN ${hasNoNulls(left)} AND ${hasNoNulls(right)} THEN ${left} ${operator} ${right} WHEN ${left} IS NULL OR ${right} IS NULL THEN NULL WHEN ${meets} IS NOT NULL AND (${meets}[1] IS NULL OR ${meets}[2] IS NULL) THEN ${refused} ELSE ${left} ${operator} ${right} END)`
}

type Fields = Extract<PrestoType, { kind: 'row' }>['fields']

/** `<` and its like of rows: the first field that differs decides, and Presto refuses a NULL before that. */
export function orderedRowsSql(operator: string, left: string, right: string, fields: Fields): string {
  const strict = operator.charAt(0)
  const refused = raise('NOT_SUPPORTED', 'ROW comparison not supported for fields with null elements', {
    kind: 'boolean',
  })
  const steps = fields.map(({ type }, i) => {
    const [a, b] = [fieldSql(left, i), fieldSql(right, i)]
    const less = orderedSql(strict, a, b, type)
    return `WHEN ${a} IS NULL OR ${b} IS NULL THEN ${refused} WHEN ${a} <> ${b} THEN ${less}`
  })
  const equal = operator.length === 2
  return `(CASE WHEN ${left} IS NULL OR ${right} IS NULL THEN NULL ${steps.join(' ')} ELSE ${equal} END)`
}

/** `<` and its like of any type. */
export function orderedSql(operator: string, left: string, right: string, type: PrestoType): string {
  if (type.kind === 'array') return orderedArraysSql(operator, left, right, type.element)
  if (type.kind === 'row') return orderedRowsSql(operator, left, right, type.fields)
  return `(${left} ${operator} ${right})`
}

/** Whether no value of the type can hold a NULL within. */
export const isFlat = (type: PrestoType): boolean => !['array', 'map', 'row'].includes(type.kind)

const hasNoNulls = (list: string): string => `list_count(${list}) = len(${list})`

/** One name for each depth of nesting, so that none hides another. */
function pairName(type: PrestoType): string {
  let depth = 0
  for (let inner = type; !isFlat(inner); depth++) {
    if (inner.kind === 'array') inner = inner.element
    else if (inner.kind === 'map') inner = inner.value
    else break
  }
  return `"$pair${depth}"`
}
