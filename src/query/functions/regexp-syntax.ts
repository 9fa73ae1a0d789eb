import { fault } from './errors-in-engine.ts'
import { translatePattern } from './regexp-parse.ts'

/** A pattern ready to search with. Its groups are asked for by the pattern's own numbers and names. */
export type Compiled = {
  /** With the flag g. */
  expression: RegExp
  groupCount: number
  names: ReadonlyMap<string, number>
  /** What the group of that number matched; the whole match is 0. */
  group(match: RegExpExecArray, number: number): string | undefined
}

const compiled = new Map<string, Compiled>()

/** Remembered. @throws Error INVALID_FUNCTION_ARGUMENT */
export function compilePattern(pattern: string): Compiled {
  const known = compiled.get(pattern)
  if (known !== undefined) return known
  const { source, groups, names } = translatePattern(pattern)
  const expression = regExpOf(source, pattern)
  const found: Compiled = {
    expression,
    groupCount: groups.length,
    names,
    group: (match, number) => match[number === 0 ? 0 : groups[number - 1]!],
  }
  if (compiled.size > 500) compiled.clear()
  compiled.set(pattern, found)
  return found
}

function regExpOf(source: string, pattern: string): RegExp {
  try {
    return new RegExp(source, 'gv')
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw fault('INVALID_FUNCTION_ARGUMENT', `Invalid regular expression: ${pattern}`)
  }
}

/** All matches, from the character (in UTF-16) at `from` on; what stands before is seen by what looks behind. */
export function* matchesOf({ expression }: Compiled, text: string, from = 0): Generator<RegExpExecArray> {
  let at = from
  while (at <= text.length) {
    expression.lastIndex = at
    const match = expression.exec(text)
    if (match === null) return
    yield match
    at = match.index + match[0].length
    if (match[0] === '') at += text.codePointAt(at)! > 0xffff ? 2 : 1
  }
}

/**
 * Whether RE2 reads the pattern as Java does: nothing but plain characters, plain classes, groups and greedy or lazy
 * quantifiers, and no match of nothing (the engines go on from an empty match in different ways).
 */
export function isNativePattern(pattern: string): boolean {
  if (
    !/^(?:[^\\()[\]{}]|\\[dDwWt.\\/()[\]{}*+?^$|-]|\[\^?(?:[^\\[\]&]|\\[dwt.\\/()[\]{}*+?^$|-])+\]|\((?:\?:)?|\)|\{\d{1,3}(?:,\d{0,3})?\})*$/.test(
      pattern,
    )
  ) {
    return false
  }
  // `$` also matches before a last newline in Java; `.` and \w may differ beyond ASCII in neither.
  if (/[*+?}]\+|[*+?}]\??[*{]|[*+?}]\?[?+]|\(\?(?!:)|\$/.test(pattern.replaceAll(/\\./g, ''))) return false
  return !matchesNothing(pattern)
}

/** Whether every group takes part in every match, so that '' cannot stand for "no group". */
export const groupsAlwaysMatch = (pattern: string): boolean =>
  !/[|?*]|\{0/.test(pattern.replaceAll(/\\.|\[[^\]]*\]/g, ''))

function matchesNothing(pattern: string): boolean {
  const { expression } = compilePattern(pattern)
  expression.lastIndex = 0
  return expression.test('')
}
