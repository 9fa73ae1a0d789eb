/** Why a text is no path: `at` counts characters from 0; `unsupported` is a part of the language that is not offered. */
export class PathSyntaxError extends Error {
  readonly at: number
  readonly unsupported: boolean
  constructor(message: string, at: number, unsupported = false) {
    super(message)
    this.at = at
    this.unsupported = unsupported
  }
}

export type Token = {
  kind: 'word' | 'variable' | 'text' | 'integer' | 'decimal' | 'double' | 'operator' | 'end'
  text: string
  at: number
}

const TOKEN =
  /\s+|"((?:[^"]|"")*)"|((?:\d+(?:\.\d*)?|\.\d+)[eE][+-]?\d+)|(\d+\.\d*|\.\d+)|(\d+)|\$([A-Za-z_]\w*)|([A-Za-z_]\w*)|(\.\.|==|!=|<>|<=|>=|&&|\|\||[$@.[\](),?*+\-/%=<>!])/y

/** The words and signs of a path. @throws PathSyntaxError */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < text.length) {
    TOKEN.lastIndex = at
    const found = TOKEN.exec(text)
    if (found === null) throw new PathSyntaxError(`no viable alternative at input '${text[at]}'`, at)
    const [whole, quoted, double, decimal, integer, variable, word, operator] = found
    if (quoted !== undefined) tokens.push({ kind: 'text', text: quoted.replaceAll('""', '"'), at })
    else if (double !== undefined) tokens.push({ kind: 'double', text: double, at })
    else if (decimal !== undefined) tokens.push({ kind: 'decimal', text: decimal, at })
    else if (integer !== undefined) {
      if (BigInt.asIntN(64, BigInt(integer)) !== BigInt(integer))
        throw new PathSyntaxError(`Invalid numeric literal: ${integer}`, at)
      tokens.push({ kind: 'integer', text: integer, at })
    } else if (variable !== undefined) tokens.push({ kind: 'variable', text: variable, at })
    else if (word !== undefined) tokens.push({ kind: 'word', text: word, at })
    else if (operator !== undefined) tokens.push({ kind: 'operator', text: operator, at })
    at += whole.length
  }
  tokens.push({ kind: 'end', text: '<EOF>', at })
  return tokens
}
