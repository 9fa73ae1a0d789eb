import { fault } from './errors-in-engine.ts'

/** Sets of characters as Joni names them, in JavaScript's syntax with the flag v. */

export const bad = (message: string): Error => fault('INVALID_FUNCTION_ARGUMENT', message)

/** Members of [[:alpha:]] and \p{Alpha}, without the brackets around. */
const POSIX: Record<string, string> = {
  alnum: '\\p{Alphabetic}\\p{Nd}',
  alpha: '\\p{Alphabetic}',
  ascii: '\\u{0}-\\u{7f}',
  blank: '\\p{Zs}\\t',
  cntrl: '\\p{Cc}',
  digit: '\\p{Nd}',
  graph: '[^\\p{White_Space}\\p{Cc}\\p{Cn}\\p{Cs}]',
  lower: '\\p{Lowercase}',
  print: '[[^\\p{White_Space}\\p{Cc}\\p{Cn}\\p{Cs}]\\p{Zs}]',
  punct: '\\p{P}',
  space: '\\p{White_Space}',
  upper: '\\p{Uppercase}',
  word: '\\p{L}\\p{M}\\p{Nd}\\p{Pc}',
  xdigit: '0-9a-fA-F',
}

const BLOCKS: Record<string, string> = {
  basiclatin: '\\u{0}-\\u{7f}',
  latin1supplement: '\\u{80}-\\u{ff}',
  latinextendeda: '\\u{100}-\\u{17f}',
  latinextendedb: '\\u{180}-\\u{24f}',
  greekandcoptic: '\\u{370}-\\u{3ff}',
  cyrillic: '\\u{400}-\\u{4ff}',
  hebrew: '\\u{590}-\\u{5ff}',
  arabic: '\\u{600}-\\u{6ff}',
  devanagari: '\\u{900}-\\u{97f}',
  thai: '\\u{e00}-\\u{e7f}',
  generalpunctuation: '\\u{2000}-\\u{206f}',
  cjksymbolsandpunctuation: '\\u{3000}-\\u{303f}',
  hiragana: '\\u{3040}-\\u{309f}',
  katakana: '\\u{30a0}-\\u{30ff}',
  hanguljamo: '\\u{1100}-\\u{11ff}',
  cjkunifiedideographs: '\\u{4e00}-\\u{9fff}',
  hangulsyllables: '\\u{ac00}-\\u{d7af}',
  halfwidthandfullwidthforms: '\\u{ff00}-\\u{ffef}',
  emoticons: '\\u{1f600}-\\u{1f64f}',
}

/** The class of a POSIX bracket. @throws Error for an unknown one */
export function posixClass(name: string, negated: boolean): string {
  const members = Object.hasOwn(POSIX, name) ? POSIX[name] : undefined
  if (members === undefined) throw bad('invalid POSIX bracket type')
  return `[${negated ? '^' : ''}${members}]`
}

/** The class of \p{Name}. @throws Error for an unknown one */
export function propertyClass(name: string, negated: boolean): string {
  const plain = name.toLowerCase().replaceAll(/[\s_-]/g, '')
  const head = negated ? '[^' : '['
  if (Object.hasOwn(POSIX, plain)) return `${head}${POSIX[plain]}]`
  if (plain.startsWith('in') && Object.hasOwn(BLOCKS, plain.slice(2)))
    return `${head}${BLOCKS[plain.slice(2)]}]`
  if (plain === 'any') return `${head}\\p{Any}]`
  for (const candidate of candidates(name.trim()))
    if (isProperty(candidate)) return `${head}\\p{${candidate}}]`
  throw bad(`invalid character property name <${name}>`)
}

/** Spellings JavaScript may know the name by: categories are Lu, scripts Script=Latin, others Alphabetic. */
function candidates(name: string): string[] {
  if (!/^[A-Za-z0-9_ -]+$/.test(name)) return []
  const words = name
    .split(/[\s_-]+/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1).toLowerCase())
    .join('_')
  return [words, name, `Script=${words}`]
}

const known = new Map<string, boolean>()

function isProperty(name: string): boolean {
  let found = known.get(name)
  if (found === undefined) {
    try {
      new RegExp(`\\p{${name}}`, 'v')
      found = true
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      found = false
    }
    known.set(name, found)
  }
  return found
}

/** One character that stands for itself wherever it is. */
export function literal(character: string): string {
  if (/^[\p{L}\p{N}_]$/u.test(character)) return character
  return `\\u{${character.codePointAt(0)!.toString(16)}}`
}

const WHITE = ' \\t\\n\\u{b}\\f\\r'
/** What a backslash and a letter stand for: members of a class. */
export const SHORTHANDS: Record<string, string> = {
  d: '0-9',
  D: '[^0-9]',
  w: 'A-Za-z0-9_',
  W: '[^A-Za-z0-9_]',
  s: WHITE,
  S: `[^${WHITE}]`,
}
export const CONTROLS: Record<string, string> = {
  t: '\t',
  n: '\n',
  r: '\r',
  f: '\f',
  v: '\v',
  a: '\u0007',
  e: '\u001b',
}
