import { fault } from './errors-in-engine.ts'

/**
 * Java's regular expressions (as Joni reads them) in JavaScript's syntax with the flag v, which has nested classes and && as
 * Java has. What JavaScript cannot do (possessive quantifiers, atomic groups, \G) is refused, not approximated.
 */
export function translatePattern(pattern: string): { source: string; flags: string } {
  const flags = new Set(['v'])
  let rest = pattern
  for (let found = /^\(\?([imsu]+)\)/.exec(rest); found !== null; found = /^\(\?([imsu]+)\)/.exec(rest)) {
    for (const flag of found[1]!) if (flag !== 'u') flags.add(flag)
    rest = rest.slice(found[0].length)
  }
  return { source: translateBody(rest, pattern), flags: [...flags].join('') }
}

const refuse = (what: string, pattern: string): Error =>
  fault('INVALID_FUNCTION_ARGUMENT', `${what} is not supported in regular expression: ${pattern}`)

const TOKEN =
  /\\Q[\s\S]*?(?:\\E|$)|\\[pP]\{\^?[^}]*\}|\\x\{[0-9A-Fa-f]+\}|\\x[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\0[0-7]{1,3}|\\c.|\\k<\w+>|\\[1-9]\d*|\\[\s\S]|\(\?<[=!]|\(\?[=!:>]|\(\?<\w+>|\(\?[a-z-]*:|\(\?[a-z-]+\)|(?:[*+?]|\{\d+(?:,\d*)?\})[+?]?|[\s\S]/gu

function translateBody(body: string, pattern: string): string {
  let source = ''
  let depth = 0
  for (const [token] of body.matchAll(TOKEN)) {
    if (token.startsWith('\\')) source += translateEscape(token, depth > 0, pattern)
    else if (depth > 0) {
      if (token === '[') depth++
      if (token === ']' && --depth === 0) source += ']'
      else source += classCharacter(token, source)
    } else if (token === '[') {
      depth = 1
      source += '['
    } else source += outside(token, pattern)
  }
  if (depth > 0)
    throw fault(
      'INVALID_FUNCTION_ARGUMENT',
      `Invalid regular expression: premature end of char-class: ${pattern}`,
    )
  return source
}

function outside(token: string, pattern: string): string {
  if (/^(?:[*+?]|\{.*\})\+$/.test(token)) throw refuse('A possessive quantifier', pattern)
  if (token === '(?>') throw refuse('An atomic group', pattern)
  if (/^\(\?[a-z-]+\)$/.test(token)) throw refuse('A flag in the middle', pattern)
  if (/^\(\?[a-z-]*x[a-z-]*:$/.test(token)) throw refuse('Comment mode', pattern)
  if (token === '{' || token === '}' || token === ']') return `\\${token}`
  return token
}

/** Inside a class the flag v wants these escaped; doubled punctuation is reserved there. */
function classCharacter(token: string, before: string): string {
  if (token === '[') return '['
  if (token === '^' && before.endsWith('[')) return '^'
  if (token === '&') return '&'
  if (token.length > 1) return [...token].map((character) => classCharacter(character, 'x')).join('')
  return /[(){}/|^~!#$%*+,.:;<=>?@`]/.test(token) ? escapedInClass(token) : token
}

const escapedInClass = (character: string): string =>
  /[(){}/|^$*+.?]/.test(character) ? `\\${character}` : `\\u{${character.codePointAt(0)!.toString(16)}}`

const CLASSES: Record<string, string> = {
  Lower: '[a-z]',
  Upper: '[A-Z]',
  ASCII: '[\\u{0}-\\u{7f}]',
  Alpha: '[a-zA-Z]',
  Digit: '[0-9]',
  Alnum: '[a-zA-Z0-9]',
  Punct: '[\\u{21}-\\u{2f}\\u{3a}-\\u{40}\\u{5b}-\\u{60}\\u{7b}-\\u{7e}]',
  Graph: '[\\u{21}-\\u{7e}]',
  Print: '[\\u{20}-\\u{7e}]',
  Blank: '[ \\t]',
  Cntrl: '[\\u{0}-\\u{1f}\\u{7f}]',
  XDigit: '[0-9a-fA-F]',
  Space: '[ \\t\\n\\u{b}\\f\\r]',
}

function translateEscape(token: string, inClass: boolean, pattern: string): string {
  if (token.startsWith('\\Q')) return [...token.slice(2).replace(/\\E$/, '')].map(literal).join('')
  if (/^\\[pP]\{/.test(token)) return property(token)
  if (token.startsWith('\\x{')) return `\\u{${token.slice(3, -1)}}`
  if (/^\\0[0-7]/.test(token)) return `\\u{${Number.parseInt(token.slice(2), 8).toString(16)}}`
  if (/^\\[uxck]./s.test(token) && token.length > 2) return token
  if (/^\\[1-9]/.test(token)) return inClass ? literal(token.slice(1)) : token
  const letter = token.slice(1)
  switch (letter) {
    case 'A':
      return '(?<![\\s\\S])'
    case 'z':
      return '(?![\\s\\S])'
    case 'Z':
      return '(?=\\n?(?![\\s\\S]))'
    case 'h':
      return '[ \\t\\u{a0}\\u{1680}\\u{180e}\\u{2000}-\\u{200a}\\u{202f}\\u{205f}\\u{3000}]'
    case 'H':
      return '[^ \\t\\u{a0}\\u{1680}\\u{180e}\\u{2000}-\\u{200a}\\u{202f}\\u{205f}\\u{3000}]'
    case 'R':
      return '(?:\\r\\n|[\\n\\u{b}\\f\\r\\u{85}\\u{2028}\\u{2029}])'
    case 's':
      return '[ \\t\\n\\u{b}\\f\\r]'
    case 'S':
      return '[^ \\t\\n\\u{b}\\f\\r]'
    case 'e':
      return '\\u{1b}'
    case 'a':
      return '\\u{7}'
    case 'v':
    case 't':
    case 'n':
    case 'r':
    case 'f':
    case 'd':
    case 'D':
    case 'w':
    case 'W':
      return token
    case 'b':
    case 'B':
      return inClass ? '\\u{8}' : token
    default:
      if (/[A-Za-z]/.test(letter)) throw refuse(token, pattern)
      return literal(letter)
  }
}

/** One character that stands for itself wherever it is. */
const literal = (text: string): string =>
  [...text]
    .map((character) =>
      /[\p{L}\p{N}_]/u.test(character) ? character : `\\u{${character.codePointAt(0)!.toString(16)}}`,
    )
    .join('')

function property(token: string): string {
  const inverse = token[1] === 'P' || token[3] === '^'
  const name = token.slice(3, -1).replace(/^\^/, '')
  const ascii = CLASSES[name]
  if (ascii !== undefined) return inverse ? ascii.replace('[', '[^') : ascii
  const script =
    /^(?:Is|In|script=|sc=)?(Latin|Greek|Cyrillic|Han|Hiragana|Katakana|Hangul|Arabic|Hebrew|Thai|Devanagari)$/i.exec(
      name,
    )
  const unicode =
    script === null
      ? name.replace(/^Is(?=[A-Z])/, '')
      : `Script=${script[1]![0]!.toUpperCase()}${script[1]!.slice(1).toLowerCase()}`
  return `\\${inverse ? 'P' : 'p'}{${unicode}}`
}

const compiled = new Map<string, RegExp>()

/** The pattern ready to search with (flags g and d-free); remembered. @throws Error INVALID_FUNCTION_ARGUMENT */
export function compileRegExp(pattern: string): RegExp {
  let found = compiled.get(pattern)
  if (found === undefined) {
    const { source, flags } = translatePattern(pattern)
    try {
      found = new RegExp(source, `${flags}g`)
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      throw fault('INVALID_FUNCTION_ARGUMENT', `Invalid regular expression: ${pattern}`)
    }
    if (compiled.size > 500) compiled.clear()
    compiled.set(pattern, found)
  }
  found.lastIndex = 0
  return found
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
  if (/[*+?}]\+|\(\?(?!:)|\$/.test(pattern.replaceAll(/\\./g, ''))) return false
  return !compileRegExp(pattern).test('')
}

/** Whether every group takes part in every match, so that '' cannot stand for "no group". */
export const groupsAlwaysMatch = (pattern: string): boolean =>
  !/[|?*]|\{0/.test(pattern.replaceAll(/\\.|\[[^\]]*\]/g, ''))

/** Number of capturing groups. */
export function groupCount(pattern: string): number {
  const expression = compileRegExp(pattern)
  return new RegExp(`${expression.source}|`, expression.flags).exec('')!.length - 1
}
