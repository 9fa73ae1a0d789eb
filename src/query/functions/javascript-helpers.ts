import type { JavaScriptFunction } from './types.ts'

type Run = (...args: never[]) => unknown

/** A pure JavaScript function of the engine: `signature` is `name(TYPE, TYPE) -> TYPE` in DuckDB types. */
export function pureFunction(signature: string, run: Run, handlesNull = false): JavaScriptFunction {
  const opening = signature.indexOf('(')
  const closing = signature.lastIndexOf(') -> ')
  if (opening <= 0 || closing < opening) throw new SyntaxError(`signature ${signature}`)
  return {
    name: signature.slice(0, opening),
    parameters: splitTypes(signature.slice(opening + 1, closing)),
    returns: signature.slice(closing + ') -> '.length),
    handlesNull,
    pure: true,
    run: run as (...args: unknown[]) => unknown,
  }
}

/** Splits `VARCHAR, MAP(VARCHAR, DOUBLE)` at its outer commas. */
function splitTypes(text: string): string[] {
  if (text === '') return []
  if (!text.includes('(')) return text.split(', ')
  const parts: string[] = []
  let depth = 0
  let from = 0
  for (let i = 0; i <= text.length; i++) {
    if (text[i] === '(') depth++
    if (text[i] === ')') depth--
    if (i === text.length || (text[i] === ',' && depth === 0)) {
      const part = text.slice(from, i).trim()
      if (part !== '') parts.push(part)
      from = i + 1
    }
  }
  return parts
}
