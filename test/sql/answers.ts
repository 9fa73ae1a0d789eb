/** Varbinary and the sketches. */
const BYTES = /^(varbinary|hyperloglog|p4hyperloglog|tdigest|setdigest|qdigest)\b/i

/**
 * Values of two engines made alike, by their type: what both print differently without meaning anything else (trailing zeros of a
 * moment, the order of a map) goes; what means something stays.
 */
export function alike(type: string, value: unknown): unknown {
  if (value === null || value === undefined) return null
  const { name, inner } = takeApart(type)
  // What is not of the type it should have is a difference, and stays.
  if ((name === 'array' || name === 'row') && !Array.isArray(value)) return value
  if (name === 'array') return (value as unknown[]).map((item) => alike(inner[0]!, item))
  if (name === 'row') return (value as unknown[]).map((item, i) => alike(fieldType(inner[i]!), item))
  if (name === 'map') return mapAlike(inner[0]!, inner[1]!, value as object)
  if (name === 'double' || name === 'real') return floating(value, name === 'real' ? 6 : 11)
  if (name === 'decimal')
    return String(value)
      .replace(/(\.\d*?)0+$/, '$1')
      .replace(/\.$/, '')
  if (/^(tiny|small|big)?int(eger)?$/.test(name)) return String(value)
  if (name === 'boolean') return value === true || value === 't' || value === 'true'
  if (/^(time|timestamp)\b/.test(name)) return moment(String(value))
  if (BYTES.test(name)) return String(value).replace(/\s/g, '').toLowerCase()
  return value
}

function mapAlike(keyType: string, valueType: string, value: object): unknown {
  const pairs = Array.isArray(value) ? (value as [unknown, unknown][]) : Object.entries(value)
  return pairs
    .map(
      ([key, item]) =>
        [JSON.stringify(alike(keyType, key)).replaceAll('"', ''), alike(valueType, item)] as const,
    )
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

function floating(value: unknown, digits: number): string {
  const number = Number(value)
  if (!Number.isFinite(number)) return String(number)
  // What sums of squares leave of nothing is nothing.
  return Math.abs(number) < 1e-15 ? '0' : String(Number(number.toPrecision(digits)))
}

/** `2020-01-01T00:00+09:00[Asia/Tokyo]` and `2020-01-01 00:00:00.000 Asia/Tokyo` are one. */
function moment(text: string): string {
  const found =
    /^([+-]?\d+-\d\d-\d\d)?[ T]?(\d\d:\d\d)(?::(\d\d))?(?:\.(\d+))?\s*(Z|[+-]\d\d:\d\d)?(?:\[(.*)\])?(?:\s*(\S+))?$/.exec(
      text,
    )
  if (found === null) return text
  const [, day = '', minutes, seconds = '00', fraction = '', offset = '', zone, behind] = found
  const digits = fraction.replace(/0+$/, '')
  const where = zone ?? behind ?? (offset === 'Z' ? 'UTC' : offset)
  return `${day} ${minutes}:${seconds}${digits === '' ? '' : `.${digits}`} ${where}`.trim()
}

/** `map(varchar, row(a bigint))` → map of varchar and `row(a bigint)`. */
function takeApart(type: string): { name: string; inner: string[] } {
  const open = type.indexOf('(')
  if (open === -1 || !/^(array|map|row|decimal)\(/.test(type)) return { name: type, inner: [] }
  const inner: string[] = []
  let depth = 0
  let start = open + 1
  for (let i = open + 1; i < type.length; i += 1) {
    if (type[i] === '(') depth += 1
    if (type[i] === ')' && depth > 0) depth -= 1
    else if ((type[i] === ',' || type[i] === ')') && depth === 0) {
      inner.push(type.slice(start, i).trim())
      start = i + 1
    }
  }
  return { name: type.slice(0, open), inner }
}

/** A field of a row type is a type, or a name and a type. */
function fieldType(field: string): string {
  if (/^(interval (day|year) to|time(stamp)?(\(\d+\))? with) /.test(field)) return field
  const named = /^("(?:[^"]|"")*"|\w+) (.*)$/.exec(field)
  return named === null ? field : named[2]!
}

/** The rows as one text; their order counts only when `ordered`. */
export function rowsText(types: string[], rows: unknown[][], ordered: boolean): string {
  const lines = rows.map((row) => JSON.stringify(row.map((value, i) => alike(types[i]!, value))))
  return (ordered ? lines : lines.sort()).join('\n')
}

/** One spelling of a type: ours and Trino's lists differ in blanks. */
export const typeAlike = (type: string): string => type.replaceAll(', ', ',').toLowerCase()
