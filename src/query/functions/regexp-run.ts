import { fault } from './errors-in-engine.ts'
import { type Compiled, compilePattern, matchesOf } from './regexp-syntax.ts'
import type { DuckList } from './text.ts'

/** Presto's regular expression functions in JavaScript. */

const bad = (message: string): Error => fault('INVALID_FUNCTION_ARGUMENT', message)

function checkGroup({ groupCount }: Compiled, group: bigint): number {
  if (group < 0n) throw bad('Group cannot be negative')
  if (group > BigInt(groupCount)) throw bad(`Pattern has ${groupCount} groups. Cannot access group ${group}`)
  return Number(group)
}

export function like(text: string, pattern: string): boolean {
  const { expression } = compilePattern(pattern)
  expression.lastIndex = 0
  return expression.test(text)
}

export function extract(text: string, pattern: string, group: bigint): string | null {
  const compiled = compilePattern(pattern)
  const number = checkGroup(compiled, group)
  for (const match of matchesOf(compiled, text)) return compiled.group(match, number) ?? null
  return null
}

export function extractAll(text: string, pattern: string, group: bigint): DuckList<string | null> {
  const compiled = compilePattern(pattern)
  const number = checkGroup(compiled, group)
  return { items: [...matchesOf(compiled, text)].map((match) => compiled.group(match, number) ?? null) }
}

export const count = (text: string, pattern: string): bigint =>
  BigInt([...matchesOf(compilePattern(pattern), text)].length)

export function split(text: string, pattern: string): DuckList<string> {
  const items: string[] = []
  let from = 0
  for (const match of matchesOf(compilePattern(pattern), text)) {
    items.push(text.slice(from, match.index))
    from = match.index + match[0].length
  }
  items.push(text.slice(from))
  return { items }
}

/** Position (from 1, in code points) of the nth match at or behind `start`; -1 when there is none. */
export function position(text: string, pattern: string, start: bigint, occurrence: bigint): bigint {
  if (start < 1n) throw bad('start position cannot be smaller than 1')
  if (occurrence < 1n) throw bad('occurrence cannot be smaller than 1')
  const characters = [...text]
  if (start > BigInt(characters.length)) return -1n
  const before = characters.slice(0, Number(start) - 1).join('').length
  let left = occurrence
  for (const match of matchesOf(compilePattern(pattern), text, before)) {
    if (--left === 0n) return BigInt([...text.slice(0, match.index)].length + 1)
  }
  return -1n
}

export function replace(text: string, pattern: string, replacement: string): string {
  const compiled = compilePattern(pattern)
  let parts: ReplacementPart[] | undefined
  let result = ''
  let from = 0
  for (const match of matchesOf(compiled, text)) {
    // A replacement that is wrong is so only where something is to be replaced.
    parts ??= replacementParts(replacement, compiled)
    result += text.slice(from, match.index)
    for (const part of parts)
      result += typeof part === 'string' ? part : (compiled.group(match, part.group) ?? '')
    from = match.index + match[0].length
  }
  return result + text.slice(from)
}

export type ReplacementPart = string | { group: number }

/** `$1`, `${name}`, `\x` for x itself. As many digits belong to a group as name one. */
export function replacementParts(replacement: string, { groupCount, names }: Compiled): ReplacementPart[] {
  const illegal = (what: string): Error => bad(`Illegal replacement sequence: ${what}`)
  const parts: ReplacementPart[] = []
  let at = 0
  while (at < replacement.length) {
    const rest = replacement.slice(at)
    const named = /^\$\{(\w*)\}?/.exec(rest)
    const plain = /^[^$\\]+/.exec(rest)?.[0]
    if (named !== null) {
      const group = names.get(named[1]!)
      if (group === undefined) throw illegal(`unknown group { ${named[1]} }`)
      parts.push({ group })
      at += named[0].length
    } else if (rest[0] === '$') {
      const digits = /^\$(\d+)/.exec(rest)?.[1]
      if (digits === undefined) throw illegal(replacement)
      const length = digitsOfGroup(digits, groupCount)
      const group = Number(digits.slice(0, length))
      if (group > groupCount) throw illegal(`unknown group ${group}`)
      parts.push({ group })
      at += 1 + length
    } else if (plain === undefined) {
      if (rest.length === 1) throw illegal(replacement)
      const escaped = String.fromCodePoint(rest.codePointAt(1)!)
      parts.push(escaped)
      at += 1 + escaped.length
    } else {
      parts.push(plain)
      at += plain.length
    }
  }
  return parts
}

function digitsOfGroup(digits: string, groupCount: number): number {
  let { length } = digits
  while (length > 1 && Number(digits.slice(0, length)) > groupCount) length--
  return length
}

type Piece = { entries: { t: string; g: DuckList<string | null> | null } }

/** The text in pieces for a replacement by lambda: what stands before each match, its groups, and the rest without any. */
export function pieces(text: string, pattern: string): DuckList<Piece> {
  const items: Piece[] = []
  let from = 0
  const compiled = compilePattern(pattern)
  const numbers = Array.from({ length: compiled.groupCount }, (_, i) => i + 1)
  for (const match of matchesOf(compiled, text)) {
    const groups = numbers.map((number) => compiled.group(match, number) ?? null)
    items.push({ entries: { t: text.slice(from, match.index), g: { items: groups } } })
    from = match.index + match[0].length
  }
  items.push({ entries: { t: text.slice(from), g: null } })
  return { items }
}
