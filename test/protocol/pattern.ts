/**
 * What a case expects of an answer, written as JSON: objects match when every named member does (others are free),
 * arrays element by element, text literally. Special texts: `*` any value but null, `$string`, `$number`, `$integer`,
 * `~regex`, `${name}` a saved value. `{"$contains": p}` = some element matches, `{"$absent": true}` = no such member,
 * `{"$json": p}` = text that holds JSON matching p.
 */
export type Pattern = null | boolean | number | string | Pattern[] | { [key: string]: Pattern }

/** Why the value does not match, one line each with its path; empty = it matches. */
export function mismatches(
  value: unknown,
  pattern: Pattern,
  saved: Record<string, string>,
  path = '$',
): string[] {
  if (typeof pattern === 'string') return matchText(value, pattern, saved, path)
  if (pattern === null || typeof pattern !== 'object') {
    return Object.is(value, pattern) ? [] : [`${path} is ${show(value)}, expected ${show(pattern)}`]
  }
  if (Array.isArray(pattern)) return matchArray(value, pattern, saved, path)
  if ('$contains' in pattern) {
    const some =
      Array.isArray(value) &&
      value.some((element) => mismatches(element, pattern.$contains, saved).length === 0)
    return some ? [] : [`${path} has no element like ${show(pattern.$contains)}: ${show(value)}`]
  }
  if ('$json' in pattern) {
    if (typeof value !== 'string') return [`${path} is ${show(value)}, expected JSON text`]
    return mismatches(JSON.parse(value), pattern.$json, saved, `${path}(json)`)
  }
  if (typeof value !== 'object' || value === null) return [`${path} is ${show(value)}, expected an object`]
  return Object.entries(pattern).flatMap(([key, member]) =>
    matchMember(value as Record<string, unknown>, key, member, saved, path),
  )
}

function matchMember(
  value: Record<string, unknown>,
  key: string,
  member: Pattern,
  saved: Record<string, string>,
  path: string,
): string[] {
  const isAbsent = typeof member === 'object' && member !== null && '$absent' in member
  if (isAbsent) return key in value ? [`${path}.${key} should be absent, is ${show(value[key])}`] : []
  const name = fill(key, saved)
  if (!(name in value)) return [`${path}.${name} is missing`]
  return mismatches(value[name], member, saved, `${path}.${name}`)
}

function matchArray(
  value: unknown,
  pattern: Pattern[],
  saved: Record<string, string>,
  path: string,
): string[] {
  if (!Array.isArray(value)) return [`${path} is ${show(value)}, expected an array`]
  if (value.length !== pattern.length)
    return [`${path} has ${value.length} elements, expected ${pattern.length}: ${show(value)}`]
  return pattern.flatMap((element, i) => mismatches(value[i], element, saved, `${path}[${i}]`))
}

function matchText(value: unknown, pattern: string, saved: Record<string, string>, path: string): string[] {
  const fits = () => {
    if (pattern === '*') return value !== null && value !== undefined
    if (pattern === '$string') return typeof value === 'string'
    if (pattern === '$number') return typeof value === 'number'
    if (pattern === '$integer') return Number.isInteger(value)
    if (pattern.startsWith('~'))
      return typeof value === 'string' && new RegExp(fill(pattern.slice(1), saved)).test(value)
    return value === fill(pattern, saved)
  }
  return fits() ? [] : [`${path} is ${show(value)}, expected ${show(fill(pattern, saved))}`]
}

/** Replaces `${name}` by what an earlier step saved under that name. */
export function fill(text: string, saved: Record<string, string>): string {
  return text.replace(/\$\{(\w+)\}/g, (whole, name: string) => saved[name] ?? whole)
}

function show(value: unknown): string {
  const text = JSON.stringify(value, (_key, member) => (typeof member === 'bigint' ? String(member) : member))
  return text === undefined ? 'undefined' : text.slice(0, 400)
}
