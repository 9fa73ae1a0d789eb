import { fault } from './errors-in-engine.ts'
import { compileRegExp, groupCount } from './regexp-syntax.ts'
import type { DuckList } from './text.ts'

/** Presto's regular expression functions in JavaScript. */

function checkGroup(pattern: string, group: bigint): number {
  if (group < 0n) throw fault('INVALID_FUNCTION_ARGUMENT', 'Group cannot be negative')
  const groups = groupCount(pattern)
  if (group > BigInt(groups)) {
    throw fault('INVALID_FUNCTION_ARGUMENT', `Pattern has ${groups} groups. Cannot access group ${group}`)
  }
  return Number(group)
}

export const like = (text: string, pattern: string): boolean => compileRegExp(pattern).test(text)

export function extract(text: string, pattern: string, group: bigint): string | null {
  const index = checkGroup(pattern, group)
  return compileRegExp(pattern).exec(text)?.[index] ?? null
}

export function extractAll(text: string, pattern: string, group: bigint): DuckList<string | null> {
  const index = checkGroup(pattern, group)
  return { items: [...text.matchAll(compileRegExp(pattern))].map((match) => match[index] ?? null) }
}

export const count = (text: string, pattern: string): bigint =>
  BigInt([...text.matchAll(compileRegExp(pattern))].length)

export function split(text: string, pattern: string): DuckList<string> {
  const items: string[] = []
  let from = 0
  for (const match of text.matchAll(compileRegExp(pattern))) {
    items.push(text.slice(from, match.index))
    from = match.index + match[0].length
  }
  items.push(text.slice(from))
  return { items }
}

/** Position (from 1, in code points) of the nth match at or behind `start`; -1 when there is none. */
export function position(text: string, pattern: string, start: bigint, occurrence: bigint): bigint {
  if (start < 1n) throw fault('INVALID_FUNCTION_ARGUMENT', 'start position cannot be smaller than 1')
  if (occurrence < 1n) throw fault('INVALID_FUNCTION_ARGUMENT', 'occurrence cannot be smaller than 1')
  const before = [...text].slice(0, Number(start) - 1).join('').length
  let left = occurrence
  for (const match of text.matchAll(compileRegExp(pattern))) {
    if (match.index < before) continue
    if (--left === 0n) return BigInt([...text.slice(0, match.index)].length + 1)
  }
  return -1n
}

export function replace(text: string, pattern: string, replacement: string): string {
  const parts = replacementParts(replacement, pattern)
  return text.replace(compileRegExp(pattern), (...match) => {
    const named = typeof match.at(-1) === 'object' ? (match.at(-1) as Record<string, string | undefined>) : {}
    return parts
      .map((part) =>
        typeof part === 'string'
          ? part
          : ((typeof part.group === 'number' ? match[part.group] : named[part.group]) ?? ''),
      )
      .join('')
  })
}

type Part = string | { group: number | string }

/** `$1`, `${name}`, `\x` for x itself. As many digits belong to a group as name one. */
export function replacementParts(replacement: string, pattern: string): Part[] {
  const groups = groupCount(pattern)
  const parts: Part[] = []
  let at = 0
  while (at < replacement.length) {
    const rest = replacement.slice(at)
    const name = /^\$\{(\w+)\}/.exec(rest)
    if (name !== null) {
      if (!new RegExp(`\\(\\?<${name[1]}>`).test(pattern))
        throw badReplacement(`unknown group { ${name[1]} }`)
      parts.push({ group: name[1]! })
      at += name[0].length
    } else if (rest[0] === '$') {
      const digits = /^\$(\d+)/.exec(rest)?.[1]
      if (digits === undefined) throw badReplacement('Illegal group reference')
      let length = digits.length
      while (length > 1 && Number(digits.slice(0, length)) > groups) length--
      if (Number(digits.slice(0, length)) > groups)
        throw badReplacement(`unknown group ${digits.slice(0, length)}`)
      parts.push({ group: Number(digits.slice(0, length)) })
      at += 1 + length
    } else if (rest[0] === '\\') {
      if (rest.length === 1) throw badReplacement('character to be escaped is missing')
      parts.push(rest[1]!)
      at += 2
    } else {
      const plain = /^[^$\\]+/.exec(rest)![0]
      parts.push(plain)
      at += plain.length
    }
  }
  return parts
}

const badReplacement = (what: string): Error =>
  fault('INVALID_FUNCTION_ARGUMENT', `Illegal replacement sequence: ${what}`)

type Piece = { entries: { t: string; g: DuckList<string | null> | null } }

/** The text in pieces for a replacement by lambda: what stands before each match, its groups, and the rest without any. */
export function pieces(text: string, pattern: string): DuckList<Piece> {
  const items: Piece[] = []
  let from = 0
  for (const match of text.matchAll(compileRegExp(pattern))) {
    items.push({
      entries: {
        t: text.slice(from, match.index),
        g: { items: match.slice(1).map((group) => group ?? null) },
      },
    })
    from = match.index + match[0].length
  }
  items.push({ entries: { t: text.slice(from), g: null } })
  return { items }
}
