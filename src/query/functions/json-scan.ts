/** Reading JSON text without building it: values are found by path and cut out as they stand. */

export type PathStep = string

/**
 * The steps of `$.a.b[0]["k"]`; undefined for a path of another kind (wildcards, filters, recursive descent).
 * Source: prestosql/presto core/trino-main/src/main/java/io/trino/operator/scalar/JsonPathTokenizer.java
 */
export function readPath(path: string): PathStep[] | undefined {
  const found = paths.get(path)
  if (found !== undefined || paths.has(path)) return found
  const steps = parsePath(path)
  if (paths.size > 1000) paths.clear()
  paths.set(path, steps)
  return steps
}

const paths = new Map<string, PathStep[] | undefined>()

function parsePath(path: string): PathStep[] | undefined {
  if (path === '') return undefined
  const steps: PathStep[] = []
  let at = path.startsWith('$') ? 1 : 0
  if (at === 0) return undefined
  while (at < path.length) {
    const found =
      /^(?:\.([\p{L}\p{N}_:]+)|\["((?:[^"\\]|\\["\\])*)"\]|\[(\d+)\]|\[([\p{L}\p{N}_]+)\])/su.exec(
        path.slice(at),
      )
    if (found === null) return undefined
    const [whole, field, quoted, index, bare] = found
    steps.push(
      field ??
        (quoted === undefined
          ? index === undefined
            ? bare!
            : String(Number(index))
          : quoted.replace(/\\(.)/gs, '$1')),
    )
    at += whole.length
  }
  return steps
}

export class MalformedJson extends Error {}

const WHITE = /[ \t\n\r]*/y
const TEXT = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"/y
const ATOM = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y

/** Where the value at the steps stands in the text; undefined when it has none. @throws MalformedJson */
export function findValue(
  text: string,
  steps: readonly PathStep[],
): { from: number; to: number } | undefined {
  let at = skipWhite(text, 0)
  for (const step of steps) {
    const next =
      text[at] === '{' ? findField(text, at, step) : text[at] === '[' ? findIndex(text, at, step) : undefined
    if (next === undefined) {
      skipValue(text, at)
      return undefined
    }
    at = next
  }
  return { from: at, to: skipValue(text, at) }
}

function skipWhite(text: string, at: number): number {
  const code = text.charCodeAt(at)
  if (code !== 32 && (code > 13 || code < 9)) return at
  WHITE.lastIndex = at
  WHITE.exec(text)
  return WHITE.lastIndex
}

function take(text: string, at: number, character: string): number {
  if (text[at] !== character) throw new MalformedJson()
  return skipWhite(text, at + 1)
}

function skipText(text: string, at: number): number {
  TEXT.lastIndex = at
  if (!TEXT.test(text)) throw new MalformedJson()
  return TEXT.lastIndex
}

/** Position behind the value at `at`. */
export function skipValue(text: string, start: number): number {
  const closers: string[] = []
  let at = start
  for (;;) {
    const opened = text[at]
    if (opened === '{' || opened === '[') {
      at = skipWhite(text, at + 1)
      closers.push(opened === '{' ? '}' : ']')
      if (text[at] !== closers.at(-1)) {
        if (opened === '{') at = take(text, skipWhite(text, skipText(text, at)), ':')
        continue
      }
    } else if (opened === '"') {
      at = skipText(text, at)
    } else {
      ATOM.lastIndex = at
      if (!ATOM.test(text)) throw new MalformedJson()
      at = ATOM.lastIndex
    }
    // Close as many collections as end here, then go on with the next member.
    for (;;) {
      if (closers.length === 0) return at
      if (text[at] !== closers.at(-1) || text[at] === undefined) at = skipWhite(text, at)
      if (text[at] !== closers.at(-1)) break
      closers.pop()
      at++
    }
    at = take(text, at, ',')
    if (closers.at(-1) === '}') at = take(text, skipWhite(text, skipText(text, at)), ':')
  }
}

function findField(text: string, object: number, name: string): number | undefined {
  let at = skipWhite(text, object + 1)
  if (text[at] === '}') return undefined
  for (;;) {
    const end = skipText(text, at)
    const value = take(text, skipWhite(text, end), ':')
    if (keyEquals(text.slice(at, end), name)) return value
    at = skipWhite(text, skipValue(text, value))
    if (text[at] === '}') return undefined
    at = take(text, at, ',')
  }
}

const keyEquals = (quoted: string, name: string): boolean =>
  quoted.includes('\\')
    ? JSON.parse(quoted) === name
    : quoted.length === name.length + 2 && quoted.slice(1, -1) === name

function findIndex(text: string, array: number, step: string): number | undefined {
  let at = skipWhite(text, array + 1)
  if (!/^\d+$/.test(step) || text[at] === ']') return undefined
  for (let left = Number(step); ; left--) {
    if (left === 0) return at
    at = skipWhite(text, skipValue(text, at))
    if (text[at] === ']') return undefined
    at = take(text, at, ',')
  }
}

/** Start of each member of the array that begins at `array`. */
export function* members(text: string, array: number): Generator<{ from: number; to: number }> {
  let at = skipWhite(text, array + 1)
  if (text[at] === ']') return
  for (;;) {
    const to = skipValue(text, at)
    yield { from: at, to }
    at = skipWhite(text, to)
    if (text[at] === ']') return
    at = take(text, at, ',')
  }
}

/** Whether the text is one JSON value and nothing else. */
export function isJson(text: string): boolean {
  try {
    return skipWhite(text, skipValue(text, skipWhite(text, 0))) === text.length
  } catch (error) {
    if (error instanceof MalformedJson) return false
    throw error
  }
}

/** The JSON without the blanks between its tokens. */
export const compact = (text: string): string =>
  /[ \t\n\r]/.test(text) ? text.replace(/("(?:[^"\\]|\\.)*")|[ \t\n\r]+/gs, '$1') : text
