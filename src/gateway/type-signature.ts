/** How a type is told to drivers beside its text (trinodb/trino ClientTypeSignature.java). */
export type TypeSignature = { rawType: string; arguments: SignatureArgument[] }
export type SignatureArgument =
  | { kind: 'LONG'; value: number }
  | { kind: 'TYPE'; value: TypeSignature }
  | { kind: 'NAMED_TYPE'; value: { fieldName?: { name: string }; typeSignature: TypeSignature | string } }

/**
 * `structured`: trinodb/trino and its past as prestosql/presto. `text`: prestodb/presto, whose drivers read the type of a row's field
 * as text (NamedTypeSignature.java).
 */
export type FieldForm = 'structured' | 'text'

/** The argument of a varchar without a length. */
const UNBOUNDED = 2_147_483_647
const PARAMETRIC = /^(?:timestamp|time)\(/

/**
 * The signature of a type text as results have it: `decimal(10,2)`, `map(varchar, row(x bigint))`, `timestamp(3) with time zone`.
 */
export function typeSignature(text: string, fields: FieldForm = 'structured'): TypeSignature {
  const open = text.indexOf('(')
  if (open < 0) {
    return { rawType: text, arguments: text === 'varchar' ? [{ kind: 'LONG', value: UNBOUNDED }] : [] }
  }
  const close = text.lastIndexOf(')')
  const rawType = text.slice(0, open) + text.slice(close + 1)
  return {
    rawType,
    arguments: split(text.slice(open + 1, close)).map((part) => argument(rawType, part, fields)),
  }
}

function argument(rawType: string, part: string, fields: FieldForm): SignatureArgument {
  const fieldType = (text: string) => (fields === 'text' ? text : typeSignature(text))
  if (/^\d+$/.test(part)) return { kind: 'LONG', value: Number(part) }
  if (rawType !== 'row') return { kind: 'TYPE', value: typeSignature(part, fields) }
  const field = /^("(?:[^"]|"")*"|[^\s"(]+) (.+)$/s.exec(part)
  // A type of two words is no name and a type: `double precision` is not a text of ours, but `timestamp(3) with time zone` is.
  if (field === null || /^interval (?:day|year) to/.test(part))
    return { kind: 'NAMED_TYPE', value: { typeSignature: fieldType(part) } }
  const name = field[1]!.startsWith('"') ? field[1]!.slice(1, -1).replaceAll('""', '"') : field[1]!
  return { kind: 'NAMED_TYPE', value: { fieldName: { name }, typeSignature: fieldType(field[2]!) } }
}

/** At the commas outside of parentheses and quotes. */
function split(list: string): string[] {
  const parts: string[] = []
  let depth = 0
  let from = 0
  let quoted = false
  for (let i = 0; i < list.length; i++) {
    const c = list[i]
    if (c === '"') quoted = !quoted
    else if (quoted) continue
    else if (c === '(') depth++
    else if (c === ')') depth--
    else if (c === ',' && depth === 0) {
      parts.push(list.slice(from, i).trim())
      from = i + 1
    }
  }
  return [...parts, list.slice(from).trim()]
}

/** For clients from before precisions could differ: `timestamp(6)` is `timestamp`, also inside other types. */
export function withoutPrecision(text: string): string {
  return text.replace(/\b(timestamp|time)\(\d+\)/g, '$1')
}

export const hasPrecision = (text: string): boolean =>
  PARAMETRIC.test(text) || /[( ](?:timestamp|time)\(/.test(text)
