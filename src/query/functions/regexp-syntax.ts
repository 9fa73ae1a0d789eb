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
  const tokens = body.match(TOKEN) ?? []
  let source = ''
  // Groups of ours, one level per group of the pattern: `(?i)` in the middle holds to the end of the group around it.
  const opened = [0]
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at]!
    if (token.startsWith('\\')) source += translateEscape(token, false, pattern)
    else if (token === '[') {
      const read = translateClass(tokens, at, pattern)
      source += read.source
      at = read.end
    } else if (/^\(\?[ims]+\)$/.test(token)) {
      source += `${token.slice(0, -1)}:`
      opened[opened.length - 1]!++
    } else if (token === '|' && opened.at(-1)! > 0) throw refuse('An alternative behind a flag', pattern)
    else if (token === ')') source += `${')'.repeat(opened.length > 1 ? opened.pop()! : 0)})`
    else {
      if (token.startsWith('(')) opened.push(0)
      source += outside(token, pattern)
    }
  }
  return source + ')'.repeat(opened[0]!)
}

/**
 * The class that begins at `start`, and where it ends. Operands of && become classes of their own, since JavaScript takes no
 * ranges there.
 */
function translateClass(tokens: string[], start: number, pattern: string): { source: string; end: number } {
  const characters = tokens.slice(start).flatMap((token) => (token.startsWith('\\') ? [token] : [...token]))
  let at = 1
  const negated = characters[at] === '^'
  if (negated) at++
  const operands = ['']
  const first = at
  for (; characters[at] !== ']' || at === first; at++) {
    const character = characters[at]
    if (character === undefined) {
      throw fault(
        'INVALID_FUNCTION_ARGUMENT',
        `Invalid regular expression: premature end of char-class: ${pattern}`,
      )
    }
    if (character === '[') {
      const inner = translateClass(characters, at, pattern)
      operands[operands.length - 1] += inner.source
      at = inner.end
    } else if (character === '&' && characters[at + 1] === '&') {
      operands.push('')
      at++
    } else operands[operands.length - 1] += classMember(characters, at, first, pattern)
  }
  const inside = operands.length === 1 ? operands[0]! : operands.map((operand) => `[${operand}]`).join('&&')
  return {
    source: `[${negated ? '^' : ''}${inside}]`,
    end: start + tokensIn(tokens.slice(start), at + 1) - 1,
  }
}

/** How many tokens make up that many characters and escapes. */
function tokensIn(tokens: string[], characters: number): number {
  let left = characters
  let count = 0
  while (left > 0) {
    const token = tokens[count++]!
    left -= token.startsWith('\\') ? 1 : [...token].length
  }
  return count
}

/** A hyphen between two characters is a range, anywhere else it is itself. */
function classMember(characters: string[], at: number, first: number, pattern: string): string {
  const character = characters[at]!
  if (character.startsWith('\\')) return translateEscape(character, true, pattern)
  if (character !== '-')
    return /[(){}/|^$*+.?[\]]/.test(character) ? `\\${character}` : escapedPunctuation(character)
  const plain = (other: string | undefined) => other !== undefined && !/^(?:\\[dDwWsSpPhH]|[[\]])/.test(other)
  return at > first && plain(characters[at - 1]) && plain(characters[at + 1]) ? '-' : '\\-'
}

/** The flag v reserves doubled punctuation in classes. */
const escapedPunctuation = (character: string): string =>
  /[~!#%,:;<=>@`&]/.test(character) ? `\\u{${character.codePointAt(0)!.toString(16)}}` : character

function outside(token: string, pattern: string): string {
  if (/^(?:[*+?]|\{.*\})\+$/.test(token)) throw refuse('A possessive quantifier', pattern)
  if (token === '(?>') throw refuse('An atomic group', pattern)
  if (/^\(\?[a-z-]+\)$/.test(token)) throw refuse('A flag in the middle', pattern)
  if (/^\(\?[a-z-]*x[a-z-]*:$/.test(token)) throw refuse('Comment mode', pattern)
  if (token === '{' || token === '}' || token === ']') return `\\${token}`
  return token
}

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
