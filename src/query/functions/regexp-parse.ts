import { bad, CONTROLS, literal, posixClass, propertyClass, SHORTHANDS } from './regexp-classes.ts'

/**
 * A pattern as Joni reads it in Java's syntax, written for JavaScript with the flag v. Flags hold to the end of their group.
 * Possessive quantifiers and atomic groups become a lookahead and a reference to what it matched, which is not given up again.
 */
export type Translated = {
  source: string
  /** JavaScript's number of each group of the pattern, from 1; groups of ours stand between them. */
  groups: number[]
  names: Map<string, number>
}

type Flags = { i: boolean; m: boolean; s: boolean; x: boolean }
/** A group of JavaScript's; its number is known when all is read, since groups of ours come between. */
type Group = { number: number }
/** Source, or a group's beginning, or a reference: to a group of JavaScript's, or to one of the pattern by number or name. */
type Part = string | { open: Group } | { group: Group } | { number: number } | { name: string }

const WORD = '[\\p{L}\\p{M}\\p{N}\\p{Pc}]'
const BOUNDARY = `(?:(?<=${WORD})(?!${WORD})|(?<!${WORD})(?=${WORD}))`
const MAX_REPEAT = 100_000
const MAX_DEPTH = 250

/** @throws Error INVALID_FUNCTION_ARGUMENT on a pattern that Joni refuses. */
export function translatePattern(pattern: string): Translated {
  return new Translation(pattern).run()
}

class Translation {
  readonly #characters: string[]
  #at = 0
  #depth = 0
  readonly #groups: Group[] = []
  readonly #names = new Map<string, number>()

  constructor(pattern: string) {
    this.#characters = [...pattern]
  }

  run(): Translated {
    const parts = this.#alternatives({ i: false, m: false, s: false, x: false })
    if (this.#at < this.#characters.length) throw bad('unmatched close parenthesis')
    let groups = 0
    for (const part of parts) if (typeof part === 'object' && 'open' in part) part.open.number = ++groups
    const source = parts.map((part) => this.#source(part)).join('')
    return { source, groups: this.#groups.map(({ number }) => number), names: this.#names }
  }

  #source(part: Part): string {
    if (typeof part === 'string') return part
    if ('open' in part) return '('
    const number = 'name' in part ? this.#names.get(part.name) : 'number' in part ? part.number : undefined
    const group = 'group' in part ? part.group : this.#groups[(number ?? 0) - 1]
    if (group !== undefined) return `(?:\\${group.number})`
    throw bad('name' in part ? `undefined name <${part.name}> reference` : 'invalid backref number/name')
  }

  #peek(text: string): boolean {
    for (let i = 0; i < text.length; i++) if (this.#characters[this.#at + i] !== text[i]) return false
    return true
  }

  #take(text: string): boolean {
    if (!this.#peek(text)) return false
    this.#at += text.length
    return true
  }

  /** Digits, letters … from here on that fit, at most so many. */
  #while(fits: RegExp, most = Number.POSITIVE_INFINITY): string {
    let text = ''
    for (let taken = 0; taken < most; taken++) {
      const character = this.#characters[this.#at]
      if (character === undefined || !fits.test(character)) break
      text += character
      this.#at++
    }
    return text
  }

  /** Up to the end of the group around. Flags set within hold for all that follows, `|` included. */
  #alternatives(given: Flags): Part[] {
    if (++this.#depth > MAX_DEPTH) throw bad('too deep nest level')
    let flags = given
    const parts: Part[] = []
    let opened = 0
    for (;;) {
      const character = this.#characters[this.#at]
      if (character === undefined || character === ')') break
      if (this.#take('|')) {
        parts.push('|')
        continue
      }
      const changed = this.#flagsHere(flags)
      if (changed !== undefined) {
        flags = changed
        // Alternatives behind the flags belong to a group of their own, as in Ruby and Java's syntax of Joni.
        parts.push(flags.i ? '(?i:' : '(?-i:')
        opened++
        continue
      }
      const atom = this.#atom(flags)
      if (atom !== undefined) parts.push(...this.#repeated(atom, flags))
    }
    this.#depth--
    parts.push(')'.repeat(opened))
    return parts
  }

  /** `(?i)`, `(?m-s)` and the like, alone in their parentheses. */
  #flagsHere(flags: Flags): Flags | undefined {
    const found = /^\(\?([a-zA-Z]*)(?:-([a-zA-Z]*))?\)/.exec(
      this.#characters.slice(this.#at, this.#at + 20).join(''),
    )
    if (found === null) return undefined
    this.#at += found[0].length
    return changedFlags(flags, found[1]!, found[2] ?? '')
  }

  #atom(flags: Flags): Part[] | undefined {
    const character = this.#characters[this.#at++]!
    switch (character) {
      case '(':
        return this.#group(flags)
      case '[':
        return [this.#class()]
      case '\\':
        return this.#escape()
      case '.':
        return [flags.s ? '[\\s\\S]' : '[^\\n]']
      case '^':
        return [flags.m ? '(?:(?<![\\s\\S])|(?<=\\n)(?=[\\s\\S]))' : '(?<![\\s\\S])']
      case '$':
        return [flags.m ? '(?=\\n|(?![\\s\\S]))' : '(?=\\n?(?![\\s\\S]))']
      case '*':
      case '+':
      case '?':
        throw bad('target of repeat operator is not specified')
      case '#':
        if (flags.x) this.#while(/[^\n]/)
        return flags.x ? undefined : [literal('#')]
      default:
        if (flags.x && /^\s$/.test(character)) return undefined
        return [literal(character)]
    }
  }

  #group(flags: Flags): Part[] | undefined {
    const inside = (head: string): Part[] => [head, ...this.#closed(flags), ')']
    if (!this.#take('?')) return this.#capture(flags)
    if (this.#take('#')) {
      this.#while(/[^)]/)
      if (!this.#take(')')) throw bad('end pattern in group')
      return undefined
    }
    if (this.#take(':')) return inside('(?:')
    if (this.#take('=')) return inside('(?=')
    if (this.#take('!')) return inside('(?!')
    if (this.#take('<=')) return inside('(?<=')
    if (this.#take('<!')) return inside('(?<!')
    if (this.#take('>')) {
      return atomic(this.#closed(flags))
    }
    if (this.#take('<')) return this.#capture(flags, this.#groupName('>'))
    if (this.#at >= this.#characters.length) throw bad('end pattern in group')
    return this.#flaggedGroup(flags)
  }

  #groupName(end: string): string {
    const name = this.#while(/[^>')]/)
    if (!this.#take(end)) throw bad(`invalid group name <${name}>`)
    if (!/^[A-Za-z_]\w*$/.test(name)) throw bad(`invalid group name <${name}>`)
    return name
  }

  #flaggedGroup(flags: Flags): Part[] {
    const on = this.#while(/[a-zA-Z]/)
    const off = this.#take('-') ? this.#while(/[a-zA-Z]/) : ''
    if (!this.#take(':')) throw bad('undefined group option')
    const inner = changedFlags(flags, on, off)
    return [inner.i ? '(?i:' : '(?-i:', ...this.#closed(inner), ')']
  }

  #capture(flags: Flags, name?: string): Part[] {
    const group = { number: 0 }
    this.#groups.push(group)
    if (name !== undefined) {
      if (this.#names.has(name)) throw bad(`multiplex defined name <${name}>`)
      this.#names.set(name, this.#groups.length)
    }
    return [{ open: group }, ...this.#closed(flags), ')']
  }

  #closed(flags: Flags): Part[] {
    const parts = this.#alternatives(flags)
    if (!this.#take(')')) throw bad('end pattern with unmatched parenthesis')
    return parts
  }

  /** The atom with all quantifiers that follow it. */
  #repeated(atom: Part[], flags: Flags): Part[] {
    let parts = atom
    for (let repeats = 0; ; repeats++) {
      if (flags.x) this.#while(/\s/)
      const quantifier = this.#quantifier()
      if (quantifier === undefined) return parts
      if (this.#take('+')) {
        parts = atomic(['(?:', ...parts, `)${quantifier}`])
        continue
      }
      const lazy = this.#take('?') ? '?' : ''
      const grouped = repeats > 0 || parts.length > 1 || /^\(\?[=!<]/.test(String(parts[0]))
      parts = grouped ? ['(?:', ...parts, `)${quantifier}${lazy}`] : [...parts, `${quantifier}${lazy}`]
    }
  }

  /** `*`, `+`, `?` or `{n,m}` when it comes; a brace that is none is a character. */
  #quantifier(): string | undefined {
    const character = this.#characters[this.#at]
    if (character === '*' || character === '+' || character === '?') {
      this.#at++
      return character
    }
    if (character !== '{') return undefined
    const found = /^\{(\d+)(,?)(\d*)\}/.exec(this.#characters.slice(this.#at, this.#at + 40).join(''))
    if (found === null) return undefined
    const [whole, low, comma, high] = found
    if (Number(low) > MAX_REPEAT || Number(high) > MAX_REPEAT) throw bad('too big number for repeat range')
    if (high !== '' && Number(low) > Number(high)) throw bad('upper is smaller than lower in repeat range')
    this.#at += whole.length
    return `{${low}${comma}${high}}`
  }

  #escape(): Part[] {
    const letter = this.#characters[this.#at++]
    if (letter === undefined) throw bad('end pattern at escape')
    switch (letter) {
      case 'A':
        return ['(?<![\\s\\S])']
      case 'z':
        return ['(?![\\s\\S])']
      case 'Z':
        return ['(?=\\n?(?![\\s\\S]))']
      case 'G':
        // Nothing goes on from a match in one call of ours but at its start.
        return ['(?<![\\s\\S])']
      case 'b':
        return [BOUNDARY]
      case 'B':
        return [`(?!${BOUNDARY})`]
      case 'Q':
        return [...this.#quotedText()].map(literal)
      case 'k':
        if (this.#take('<')) return [{ name: this.#groupName('>') }]
        if (this.#take("'")) return [{ name: this.#groupName("'") }]
        return ['k']
    }
    const reference = /[1-9]/.test(letter) ? this.#reference(letter) : undefined
    if (reference !== undefined) return [{ number: reference }]
    const set = this.#setEscape(letter)
    return [set === undefined ? literal(this.#characterEscape(letter)) : `[${set}]`]
  }

  #quotedText(): string {
    let text = ''
    while (this.#at < this.#characters.length && !this.#take('\\E')) text += this.#characters[this.#at++]
    return text
  }

  /** The number of a group, as one digit or as more that name one; undefined when it is an octal character. */
  #reference(digit: string): number | undefined {
    const more = /^\d*/.exec(this.#characters.slice(this.#at, this.#at + 3).join(''))![0]
    const number = Number(digit + more)
    if (more !== '' && number > this.#groupsInAll()) return undefined
    this.#at += more.length
    return number
  }

  #groupsInAll(): number {
    return this.#characters.join('').match(/(?<!\\)\((?!\?)|\(\?<(?![=!])/g)?.length ?? 0
  }

  /** Members of a class for \d, \p{…} and the like. */
  #setEscape(letter: string): string | undefined {
    if (Object.hasOwn(SHORTHANDS, letter)) return SHORTHANDS[letter]
    if (letter !== 'p' && letter !== 'P') return undefined
    if (!this.#take('{')) return propertyClass(this.#characters[this.#at++] ?? '', letter === 'P')
    const name = this.#while(/[^}]/)
    if (!this.#take('}')) throw bad(`invalid character property name <${name}>`)
    return propertyClass(name, letter === 'P')
  }

  #characterEscape(letter: string): string {
    if (Object.hasOwn(CONTROLS, letter)) return CONTROLS[letter]!
    if (/[0-7]/.test(letter)) return codePoint(letter + this.#while(/[0-7]/, 2), 8)
    if (letter === 'x' && this.#take('{')) {
      const digits = this.#while(/[0-9A-Fa-f]/)
      if (!this.#take('}')) throw bad('invalid code point value')
      return codePoint(digits, 16)
    }
    if (letter === 'x') return codePoint(this.#while(/[0-9A-Fa-f]/, 2) || '0', 16)
    if (letter === 'u') {
      const digits = this.#while(/[0-9A-Fa-f]/, 4)
      if (digits.length < 4) throw bad('too short escape sequence')
      return codePoint(digits, 16)
    }
    if (letter !== 'c') return letter
    const control = this.#characters[this.#at++]
    if (control === undefined) throw bad('end pattern at control')
    return String.fromCodePoint(control.codePointAt(0)! & 0x1f)
  }

  /** The class that begins behind its bracket. Operands of && become classes of their own: JavaScript takes no ranges there. */
  #class(): string {
    if (++this.#depth > MAX_DEPTH) throw bad('too deep nest level')
    const negated = this.#take('^')
    if (this.#peek(']') && !this.#characters.slice(this.#at + 1).includes(']')) throw bad('empty char-class')
    const operands: string[][] = [[]]
    for (let first = true; first || !this.#peek(']'); first = false) {
      if (this.#at >= this.#characters.length) throw bad('premature end of char-class')
      if (this.#take('&&')) operands.push([])
      else operands.at(-1)!.push(this.#member())
    }
    this.#at++
    this.#depth--
    const inside =
      operands.length === 1
        ? operands[0]!.join('')
        : operands.map((members) => `[${members.join('')}]`).join('&&')
    return `[${negated ? '^' : ''}${inside}]`
  }

  #member(): string {
    const posix = /^\[:(\^?)([a-z]+):\]/.exec(this.#characters.slice(this.#at, this.#at + 14).join(''))
    if (posix !== null) {
      this.#at += posix[0].length
      return posixClass(posix[2]!, posix[1] === '^')
    }
    if (this.#take('[')) return this.#class()
    const from = this.#classCharacter()
    if ('set' in from) return from.set
    const ranges =
      this.#peek('-') && this.#characters[this.#at + 1] !== ']' && this.#characters[this.#at + 1] !== '['
    if (!ranges || this.#at + 1 >= this.#characters.length) return literal(from.character)
    this.#at++
    const to = this.#classCharacter()
    if ('set' in to) throw bad('char-class value at end of range')
    if (to.character.codePointAt(0)! < from.character.codePointAt(0)!) throw bad('empty range in char class')
    return `${literal(from.character)}-${literal(to.character)}`
  }

  #classCharacter(): { set: string } | { character: string } {
    const character = this.#characters[this.#at++]!
    if (character !== '\\') return { character }
    const letter = this.#characters[this.#at++]
    if (letter === undefined) throw bad('end pattern at escape')
    if (letter === 'b') return { character: '\b' }
    if (letter === 'Q') return { set: [...this.#quotedText()].map(literal).join('') }
    const set = this.#setEscape(letter)
    return set === undefined ? { character: this.#characterEscape(letter) } : { set }
  }
}

function changedFlags(flags: Flags, on: string, off: string): Flags {
  const changed = { ...flags }
  for (const [letters, value] of [
    [on, true],
    [off, false],
  ] as const) {
    for (const letter of letters) {
      if (!Object.hasOwn(changed, letter)) throw bad('undefined group option')
      changed[letter as keyof Flags] = value
    }
  }
  return changed
}

/** What the parts match first is not given up again. */
function atomic(parts: Part[]): Part[] {
  const group = { number: 0 }
  return ['(?:(?=', { open: group }, ...parts, '))', { group }, ')']
}

function codePoint(digits: string, radix: number): string {
  const value = Number.parseInt(digits, radix)
  if (!(value <= 0x10ffff) || (value >= 0xd800 && value <= 0xdfff)) throw bad('invalid code point value')
  return String.fromCodePoint(value)
}
