import { hasPrecision, type TypeSignature, typeSignature, withoutPrecision } from './type-signature.ts'

/**
 * Clients that do not say PARAMETRIC_DATETIME know times of milliseconds only: type texts without a precision, values with three digits
 * (trinodb/trino QueryResultRows.java).
 */
export type LegacyTimes = {
  types: string[]
  /** undefined when the values of a row are right as they are. */
  adjust: ((row: unknown[]) => unknown[]) | undefined
}

type Change = (value: unknown) => unknown

export function legacyTimes(types: string[]): LegacyTimes {
  const changes = types.map((text) =>
    hasPrecision(text) && !isMilliseconds(text) ? changeOf(typeSignature(text)) : undefined,
  )
  return {
    types: types.map(withoutPrecision),
    adjust: changes.every((change) => change === undefined)
      ? undefined
      : (row) => row.map((value, i) => (changes[i] === undefined ? value : changes[i](value))),
  }
}

const isMilliseconds = (text: string) => /^[^(]*\(3\)[^(]*$/.test(text)

function changeOf({ rawType, arguments: parts }: TypeSignature): Change | undefined {
  if (/^time(stamp)?( with time zone)?$/.test(rawType))
    return unlessNull((text) => inMilliseconds(text as string))
  const inner = parts.map((part) =>
    part.kind === 'TYPE'
      ? changeOf(part.value)
      : part.kind === 'NAMED_TYPE'
        ? changeOf(part.value.typeSignature as TypeSignature)
        : undefined,
  )
  if (inner.every((change) => change === undefined)) return undefined
  const [first = same, second = same] = inner
  if (rawType === 'array') return unlessNull((items) => (items as unknown[]).map(first))
  if (rawType === 'row')
    return unlessNull((fields) => (fields as unknown[]).map((value, i) => (inner[i] ?? same)(value)))
  return unlessNull((map) =>
    Object.fromEntries(
      Object.entries(map as Record<string, unknown>).map(([key, value]) => [
        String(first(key)),
        second(value),
      ]),
    ),
  )
}

const same: Change = (value) => value
const unlessNull =
  (change: Change): Change =>
  (value) =>
    value === null ? null : change(value)

/** Three digits behind the seconds, rounded half up; what stands behind them (a zone) stays. */
function inMilliseconds(text: string): string {
  const [, before, digits = '', after] =
    /^(.*?\d\d:\d\d:\d\d)(?:\.(\d+))?((?: .*|[+-]\d\d:\d\d)?)$/.exec(text) ?? []
  if (before === undefined) return text
  const millis = digits.slice(0, 3).padEnd(3, '0')
  if ((digits[3] ?? '0') < '5') return `${before}.${millis}${after}`
  if (millis !== '999') return `${before}.${String(Number(millis) + 1).padStart(3, '0')}${after}`
  return `${secondLater(before)}.000${after}`
}

function secondLater(text: string): string {
  const isClock = /^\d\d:\d\d:\d\d$/.test(text)
  const at = Date.parse(`${isClock ? `1970-01-01T${text}` : text.replace(' ', 'T')}Z`)
  const later = new Date(at + 1000).toISOString()
  return isClock ? later.slice(11, 19) : later.slice(0, 19).replace('T', ' ')
}
