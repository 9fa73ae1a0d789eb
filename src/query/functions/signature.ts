import type { PrestoType } from '../presto-type.ts'

/**
 * The signature language of the registry: `name(type, …) -> type`.
 *
 * `T`, `K1` (upper case) are type variables; `decimal(p,s)`, `varchar(x)`, `timestamp(p)` bind their numbers to variables;
 * a plain `varchar` takes any length; `function(T, U, boolean)` is a lambda from T, U to boolean; a last argument with `...`
 * may come any number of times, none included.
 */
export type Signature = {
  name: string
  parameters: Pattern[]
  variadic: boolean
  result: Pattern
  /** As Presto lists it among the expected ones. */
  text: string
  resultText: string
}

export type Pattern =
  | { kind: 'variable'; name: string }
  | { kind: 'function'; parameters: Pattern[]; result: Pattern }
  | { kind: 'decimal'; precision: number | string; scale: number | string }
  | { kind: 'varchar' | 'char'; length: string | undefined }
  /** Text that Presto reads as something of its own before the function sees it. */
  | { kind: 'varchar'; length: undefined; reads: TextReading }
  | {
      kind: 'time' | 'time with time zone' | 'timestamp' | 'timestamp with time zone'
      precision: number | string
    }
  | { kind: 'array'; element: Pattern }
  | { kind: 'qdigest'; value: Pattern }
  | { kind: 'map'; key: Pattern; value: Pattern }
  | { kind: 'row'; fields: Pattern[] }
  | { kind: 'concrete'; type: PrestoType }

const TEXT_READINGS = ['joniregexp', 'jsonpath', 'codepoints'] as const
export type TextReading = (typeof TEXT_READINGS)[number]

/**
 * The signature in the text. Only its name is read now, the rest when it is asked for: there are over a thousand, of which a process may need a
 * few. One that does not follow the language throws SyntaxError then, which a test does for all of them.
 */
export function parseSignature(text: string): Signature {
  let shape: Shape | undefined
  const read = () => {
    shape ??= readShape(text)
    return shape
  }
  return {
    name: text.slice(0, text.indexOf('(')),
    get parameters() {
      return read().parameters
    },
    get variadic() {
      return read().variadic
    },
    get result() {
      return read().result
    },
    text: text.slice(0, text.lastIndexOf('->')).trim(),
    resultText: text.slice(text.lastIndexOf('->') + 2).trim(),
  }
}

type Shape = Pick<Signature, 'parameters' | 'variadic' | 'result'>

function readShape(text: string): Shape {
  const reader = readerOf(text)
  reader.word()
  const parameters: Pattern[] = []
  let variadic = false
  reader.expect('(')
  if (!reader.take(')')) {
    do {
      parameters.push(readPattern(reader))
      variadic = reader.take('...')
    } while (reader.take(','))
    reader.expect(')')
  }
  reader.expect('->')
  const result = readPattern(reader)
  reader.end()
  return { parameters, variadic, result }
}

type Reader = ReturnType<typeof readerOf>

function readerOf(text: string) {
  const tokens = text.match(/\.\.\.|->|[(),]|[A-Za-z0-9_]+|\S/g) ?? []
  let at = 0
  const fail = (): never => {
    throw new SyntaxError(`signature ${text}: unexpected ${tokens[at] ?? 'end'}`)
  }
  return {
    peek: () => tokens[at],
    take: (token: string) => tokens[at] === token && ++at > 0,
    expect(token: string) {
      if (tokens[at++] !== token) fail()
    },
    word(): string {
      const token = tokens[at++]
      return token !== undefined && /^\w+$/.test(token) ? token : fail()
    },
    end() {
      if (at !== tokens.length) fail()
    },
    fail,
  }
}

function readPattern(reader: Reader): Pattern {
  const word = reader.word()
  if (/^[A-Z]/.test(word)) return { kind: 'variable', name: word }
  switch (word) {
    case 'array':
      return { kind: 'array', element: readArguments(reader, 1)[0]! }
    case 'qdigest':
      return { kind: 'qdigest', value: readArguments(reader, 1)[0]! }
    case 'map': {
      const [key, value] = readArguments(reader, 2)
      return { kind: 'map', key: key!, value: value! }
    }
    case 'row':
      return { kind: 'row', fields: readArguments(reader) }
    case 'function': {
      const parts = readArguments(reader)
      return { kind: 'function', parameters: parts.slice(0, -1), result: parts.at(-1)! }
    }
    case 'decimal': {
      const [precision, scale] = readNumbers(reader)
      return { kind: 'decimal', precision: precision!, scale: scale! }
    }
    case 'joniregexp':
    case 'jsonpath':
    case 'codepoints':
      return { kind: 'varchar', length: undefined, reads: word }
    case 'varchar':
    case 'char':
      return { kind: word, length: reader.peek() === '(' ? String(readNumbers(reader)[0]) : undefined }
    case 'time':
    case 'timestamp':
      return readMoment(reader, word)
    case 'interval':
      return { kind: 'concrete', type: readInterval(reader) }
    default:
      return { kind: 'concrete', type: { kind: word } as PrestoType }
  }
}

function readArguments(reader: Reader, count?: number): Pattern[] {
  const parts: Pattern[] = []
  reader.expect('(')
  do parts.push(readPattern(reader))
  while (reader.take(','))
  reader.expect(')')
  if (count !== undefined && parts.length !== count) reader.fail()
  return parts
}

function readNumbers(reader: Reader): (number | string)[] {
  const parts: (number | string)[] = []
  reader.expect('(')
  do {
    const word = reader.word()
    parts.push(/^\d+$/.test(word) ? Number(word) : word)
  } while (reader.take(','))
  reader.expect(')')
  return parts
}

function readMoment(reader: Reader, word: 'time' | 'timestamp'): Pattern {
  const precision = reader.peek() === '(' ? readNumbers(reader)[0]! : 3
  if (!reader.take('with')) return { kind: word, precision }
  reader.expect('time')
  reader.expect('zone')
  return { kind: `${word} with time zone`, precision }
}

function readInterval(reader: Reader): PrestoType {
  const from = reader.word()
  reader.expect('to')
  const kind = `interval ${from} to ${reader.word()}`
  return { kind } as PrestoType
}
