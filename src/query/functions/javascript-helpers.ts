import type { JavaScriptFunction } from './types.ts'

type Run = (...args: never[]) => unknown

/** A pure JavaScript function of the engine: `signature` is `name(TYPE, TYPE) -> TYPE` in DuckDB types. */
export function pureFunction(signature: string, run: Run, handlesNull = false): JavaScriptFunction {
  const head = /^(\w+)\((.*)\) -> (.+)$/.exec(signature)
  if (head === null) throw new SyntaxError(`signature ${signature}`)
  const [, name, parameters, returns] = head
  return {
    name: name!,
    parameters: splitTypes(parameters!),
    returns: returns!,
    handlesNull,
    pure: true,
    run: run as (...args: unknown[]) => unknown,
  }
}

/** Splits `VARCHAR, MAP(VARCHAR, DOUBLE)` at its outer commas. */
function splitTypes(text: string): string[] {
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
