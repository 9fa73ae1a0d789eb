import { type Position, QueryError } from '../errors.ts'

export type TokenKind =
  | 'word'
  | 'quoted'
  | 'string'
  | 'unicode-string'
  | 'binary'
  | 'integer'
  | 'decimal'
  | 'double'
  | 'operator'
  | 'end'

/** `text` is the source; `value` what it means: upper case for words, unescaped for quoted things. */
export type Token = { kind: TokenKind; text: string; value: string; at: Position }
export type Comment = { text: string; line: number }
export type Lexed = { tokens: Token[]; comments: Comment[] }

/** Presto's own default of query.max-length (trinodb/trino QueryManagerConfig.java). */
export const MAX_QUERY_CHARACTERS = 1_000_000

const WORD = /[A-Za-z_][A-Za-z0-9_@:]*/y
/** An underscore stands between two digits. */
const NUMBER =
  /(?:0[xX](?:_?[0-9A-Fa-f])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+)|(?:[0-9](?:_?[0-9])*(?:\.(?:[0-9](?:_?[0-9])*)?)?|\.[0-9](?:_?[0-9])*)(?:[eE][+-]?[0-9]+)?/y
const OPERATOR = /<>|!=|<=|>=|\|\||->|=>|[-+*/%=<>()[\],.;?:]/y
const BLANK = /[ \t\r\n\f\u00a0\ufeff]+/y
const LINE_COMMENT = /--[^\r\n]*/y

/** Linear in the text. Throws SYNTAX_ERROR at the first character that begins no token. */
export function lex(text: string): Lexed {
  if (text.length > MAX_QUERY_CHARACTERS) {
    throw new QueryError(
      'GENERIC_USER_ERROR',
      `Query text length (${text.length}) exceeds the maximum length (${MAX_QUERY_CHARACTERS})`,
    )
  }
  const lexer: Lexer = { text, offset: 0, line: 1, lineStart: 0, newline: text.indexOf('\n') }
  const lexed: Lexed = { tokens: [], comments: [] }
  while (lexer.offset < text.length) readOne(lexer, lexed)
  lexed.tokens.push({ kind: 'end', text: '<EOF>', value: '', at: positionOf(lexer) })
  return lexed
}

/** `newline` is the next one from `offset` on, -1 when there is none: searched for once, not for every token. */
type Lexer = { text: string; offset: number; line: number; lineStart: number; newline: number }

function positionOf(lexer: Lexer): Position {
  return { line: lexer.line, column: lexer.offset - lexer.lineStart + 1 }
}

function readOne(lexer: Lexer, into: Lexed): void {
  if (match(lexer, BLANK) !== undefined) return
  const comment = readComment(lexer)
  if (comment !== undefined) {
    into.comments.push(comment)
    return
  }
  const at = positionOf(lexer)
  const { kind, text, value } = readToken(lexer, at)
  into.tokens.push({ kind, text, value, at })
}

/** Takes the text that a sticky expression matches at the present place. */
function match(lexer: Lexer, expression: RegExp): string | undefined {
  const { offset } = lexer
  expression.lastIndex = offset
  if (!expression.test(lexer.text)) return undefined
  advance(lexer, expression.lastIndex)
  return lexer.text.slice(offset, lexer.offset)
}

function advance(lexer: Lexer, to: number): void {
  while (lexer.newline !== -1 && lexer.newline < to) {
    lexer.line += 1
    lexer.lineStart = lexer.newline + 1
    lexer.newline = lexer.text.indexOf('\n', lexer.lineStart)
  }
  lexer.offset = to
}

function readComment(lexer: Lexer): Comment | undefined {
  const line = lexer.line
  if (lexer.text.startsWith('--', lexer.offset)) return { text: match(lexer, LINE_COMMENT)!, line }
  if (!lexer.text.startsWith('/*', lexer.offset)) return undefined
  const end = lexer.text.indexOf('*/', lexer.offset + 2)
  if (end === -1)
    throw new QueryError('SYNTAX_ERROR', "unterminated comment: '*/' is missing", positionOf(lexer))
  const text = lexer.text.slice(lexer.offset, end + 2)
  advance(lexer, end + 2)
  return { text, line }
}

type Content = Omit<Token, 'at'>

function readToken(lexer: Lexer, at: Position): Content {
  const { text, offset } = lexer
  const first = text[offset]!
  const next = text[offset + 1]
  if (first === "'") return quoted(lexer, "'", 'string', 0, at)
  if (first === '"') return quoted(lexer, '"', 'quoted', 0, at)
  if ((first === 'x' || first === 'X') && next === "'") return quoted(lexer, "'", 'binary', 1, at)
  if ((first === 'u' || first === 'U') && next === '&' && text[offset + 2] === "'") {
    return quoted(lexer, "'", 'unicode-string', 2, at)
  }
  if (first === '`') {
    throw new QueryError(
      'SYNTAX_ERROR',
      'backquoted identifiers are not supported; use double quotes to quote identifiers',
      at,
    )
  }
  if (isDigit(first) || (first === '.' && isDigit(next))) return number(lexer, at)
  const word = match(lexer, WORD)
  if (word !== undefined) return { kind: 'word', text: word, value: word.toUpperCase() }
  const operator = match(lexer, OPERATOR)
  if (operator !== undefined)
    return { kind: 'operator', text: operator, value: operator === '!=' ? '<>' : operator }
  const character = String.fromCodePoint(text.codePointAt(offset)!)
  throw new QueryError('SYNTAX_ERROR', `mismatched input '${character}'. Expecting: <token>`, at)
}

const isDigit = (character: string | undefined) =>
  character !== undefined && character >= '0' && character <= '9'

/** Text between quotes; a doubled quote stands for one. `prefix` characters come before the first quote. */
function quoted(lexer: Lexer, quote: string, kind: TokenKind, prefix: number, at: Position): Content {
  const start = lexer.offset + prefix + 1
  let end = lexer.text.indexOf(quote, start)
  while (end !== -1 && lexer.text[end + 1] === quote) end = lexer.text.indexOf(quote, end + 2)
  if (end === -1) {
    const what = kind === 'quoted' ? 'identifier' : 'string'
    throw new QueryError('SYNTAX_ERROR', `unterminated ${what}: closing ${quote} is missing`, at)
  }
  const text = lexer.text.slice(lexer.offset, end + 1)
  const value = lexer.text.slice(start, end).replaceAll(quote + quote, quote)
  advance(lexer, end + 1)
  return { kind, text, value }
}

function number(lexer: Lexer, at: Position): Content {
  const text = match(lexer, NUMBER)!
  const tail = match(lexer, WORD)
  if (tail !== undefined) {
    throw new QueryError(
      'SYNTAX_ERROR',
      'identifiers must not start with a digit; surround the identifier with double quotes',
      at,
    )
  }
  const value = text.replaceAll('_', '')
  if (/^0[xob]/i.test(value)) return { kind: 'integer', text, value: BigInt(value).toString() }
  if (/e/i.test(value)) return { kind: 'double', text, value }
  return { kind: value.includes('.') ? 'decimal' : 'integer', text, value }
}
