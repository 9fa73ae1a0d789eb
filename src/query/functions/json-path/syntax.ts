import { PathSyntaxError, type Token, tokensOf } from './tokens.ts'

export { PathSyntaxError } from './tokens.ts'

/**
 * The SQL/JSON path language: `lax $.items[*] ? (@.price > 10).name`.
 * Source of the grammar: trinodb/trino core/trino-grammar JsonPath.g4.
 */
export type Path = { lax: boolean; root: Step }

export type Step =
  | { kind: 'literal'; value: Literal }
  | { kind: 'context' | 'current' | 'last' }
  | { kind: 'variable'; name: string }
  | { kind: 'member'; base: Step; name: string | undefined }
  | { kind: 'descendants'; base: Step; name: string }
  | { kind: 'elements'; base: Step; ranges: Range[] | undefined }
  | { kind: 'filter'; base: Step; condition: Condition }
  | { kind: 'method'; base: Step; name: Method }
  | { kind: 'sign'; negative: boolean; value: Step }
  | { kind: 'arithmetic'; operator: Operator; left: Step; right: Step }

export type Literal =
  | { type: 'null' }
  | { type: 'boolean'; value: boolean }
  | { type: 'text'; value: string }
  | { type: 'integer' | 'decimal' | 'double'; value: string }
export type Range = { from: Step; to?: Step }
export type Operator = '+' | '-' | '*' | '/' | '%'
export type Comparison = '=' | '<>' | '<' | '>' | '<=' | '>='

export const METHODS = ['abs', 'ceiling', 'double', 'floor', 'keyvalue', 'size', 'type'] as const
export type Method = (typeof METHODS)[number]

export type Condition =
  | { kind: 'and' | 'or'; left: Condition; right: Condition }
  | { kind: 'not'; value: Condition }
  | { kind: 'unknown'; value: Condition }
  | { kind: 'exists'; path: Step }
  | { kind: 'compare'; operator: Comparison; left: Step; right: Step }
  | { kind: 'starts'; text: Step; start: Step }

const MAX_DEPTH = 100
const MULTIPLICATIVE = ['*', '/', '%']
const ADDITIVE = ['+', '-']
const COMPARISONS: Record<string, Comparison> = {
  '==': '=',
  '=': '=',
  '<>': '<>',
  '!=': '<>',
  '<': '<',
  '>': '>',
  '<=': '<=',
  '>=': '>=',
}

/** @throws PathSyntaxError */
export function parsePath(text: string): Path {
  const reader = new Reader(tokensOf(text))
  const mode = reader.next()
  if (mode.text !== 'lax' && mode.text !== 'strict') {
    throw new PathSyntaxError(`mismatched input '${mode.text}' expecting {'lax', 'strict'}`, mode.at)
  }
  const root = reader.expression()
  if (reader.peek().kind !== 'end') throw reader.unexpected()
  return { lax: mode.text === 'lax', root }
}

class Reader {
  readonly #tokens: Token[]
  #index = 0
  #depth = 0

  constructor(tokens: Token[]) {
    this.#tokens = tokens
  }

  peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#index + ahead, this.#tokens.length - 1)]!
  }

  next(): Token {
    const token = this.peek()
    if (token.kind !== 'end') this.#index++
    return token
  }

  #is(text: string, ahead = 0): boolean {
    const token = this.peek(ahead)
    return (token.kind === 'operator' || token.kind === 'word') && token.text === text
  }

  #take(text: string): boolean {
    if (!this.#is(text)) return false
    this.#index++
    return true
  }

  #expect(text: string): void {
    if (!this.#take(text)) throw this.unexpected()
  }

  unexpected(): PathSyntaxError {
    const { text, at } = this.peek()
    return new PathSyntaxError(`no viable alternative at input '${text}'`, at)
  }

  expression(): Step {
    if (++this.#depth > MAX_DEPTH) throw new PathSyntaxError('path is nested too deeply', this.peek().at)
    const value = this.#binary(ADDITIVE, () => this.#binary(MULTIPLICATIVE, () => this.#signed()))
    this.#depth--
    return value
  }

  #binary(operators: string[], operand: () => Step): Step {
    let left = operand()
    while (operators.some((operator) => this.#is(operator))) {
      const operator = this.next().text as Operator
      left = { kind: 'arithmetic', operator, left, right: operand() }
    }
    return left
  }

  #signed(): Step {
    const signs: boolean[] = []
    while (this.#is('-') || this.#is('+')) signs.push(this.next().text === '-')
    return signs.reduceRight<Step>((value, negative) => ({ kind: 'sign', negative, value }), this.#accessor())
  }

  #accessor(): Step {
    let base = this.#primary()
    for (;;) {
      if (this.#take('..')) base = { kind: 'descendants', base, name: this.#memberName() }
      else if (this.#take('.')) base = this.#memberOrMethod(base)
      else if (this.#take('[')) base = this.#elements(base)
      else if (this.#take('?')) {
        this.#expect('(')
        base = { kind: 'filter', base, condition: this.#condition() }
        this.#expect(')')
      } else return base
    }
  }

  #memberOrMethod(base: Step): Step {
    if (this.#take('*')) return { kind: 'member', base, name: undefined }
    const { kind, text, at } = this.peek()
    if (kind === 'word' && this.#is('(', 1)) {
      if (text === 'datetime') {
        throw new PathSyntaxError('datetime method in JSON path is not yet supported', at, true)
      }
      const name = METHODS.find((method) => method === text)
      if (name === undefined) throw this.unexpected()
      this.next()
      this.#expect('(')
      this.#expect(')')
      return { kind: 'method', base, name }
    }
    return { kind: 'member', base, name: this.#memberName() }
  }

  #memberName(): string {
    const { kind, text } = this.peek()
    if (kind !== 'word' && kind !== 'text') throw this.unexpected()
    this.next()
    return text
  }

  #elements(base: Step): Step {
    if (this.#take('*')) {
      this.#expect(']')
      return { kind: 'elements', base, ranges: undefined }
    }
    const ranges: Range[] = []
    do {
      const from = this.expression()
      ranges.push(this.#take('to') ? { from, to: this.expression() } : { from })
    } while (this.#take(','))
    this.#expect(']')
    return { kind: 'elements', base, ranges }
  }

  #primary(): Step {
    const token = this.next()
    switch (token.kind) {
      case 'text':
        return { kind: 'literal', value: { type: 'text', value: token.text } }
      case 'integer':
      case 'decimal':
      case 'double':
        return { kind: 'literal', value: { type: token.kind, value: token.text } }
      case 'variable':
        return { kind: 'variable', name: token.text }
    }
    switch (token.text) {
      case '$':
        return { kind: 'context' }
      case '@':
        return { kind: 'current' }
      case 'last':
        return { kind: 'last' }
      case 'null':
        return { kind: 'literal', value: { type: 'null' } }
      case 'true':
      case 'false':
        return { kind: 'literal', value: { type: 'boolean', value: token.text === 'true' } }
      case '(': {
        const inner = this.expression()
        this.#expect(')')
        return inner
      }
    }
    if (token.kind !== 'end') this.#index--
    throw this.unexpected()
  }

  #condition(): Condition {
    if (++this.#depth > MAX_DEPTH) throw new PathSyntaxError('path is nested too deeply', this.peek().at)
    let left = this.#conjunction()
    while (this.#take('||')) left = { kind: 'or', left, right: this.#conjunction() }
    this.#depth--
    return left
  }

  #conjunction(): Condition {
    let left = this.#predicate()
    while (this.#take('&&')) left = { kind: 'and', left, right: this.#predicate() }
    return left
  }

  #predicate(): Condition {
    if (this.#take('!')) return { kind: 'not', value: this.#delimited() }
    if ((this.#is('exists') && this.#is('(', 1)) || this.#groupsCondition()) return this.#delimited()
    const left = this.expression()
    const operator = COMPARISONS[this.peek().text]
    if (this.peek().kind === 'operator' && operator !== undefined) {
      this.next()
      return { kind: 'compare', operator, left, right: this.expression() }
    }
    if (this.#take('starts')) {
      this.#expect('with')
      return { kind: 'starts', text: left, start: this.expression() }
    }
    if (this.#is('like_regex')) {
      throw new PathSyntaxError(
        'like_regex predicate in JSON path is not yet supported',
        this.peek().at,
        true,
      )
    }
    throw this.unexpected()
  }

  #delimited(): Condition {
    if (this.#take('exists')) {
      this.#expect('(')
      const path = this.expression()
      this.#expect(')')
      return { kind: 'exists', path }
    }
    this.#expect('(')
    const value = this.#condition()
    this.#expect(')')
    if (!this.#take('is')) return value
    this.#expect('unknown')
    return { kind: 'unknown', value }
  }

  /** Whether the parenthesis that comes holds a condition: what follows it then ends one. */
  #groupsCondition(): boolean {
    if (!this.#is('(')) return false
    let depth = 0
    let ahead = 0
    do {
      if (this.#is('(', ahead)) depth++
      if (this.#is(')', ahead)) depth--
      if (this.peek(ahead).kind === 'end') return false
      ahead++
    } while (depth > 0)
    return [')', '&&', '||', 'is'].some((text) => this.#is(text, ahead)) || this.peek(ahead).kind === 'end'
  }
}
