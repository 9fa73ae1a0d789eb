import * as aggregate from './aggregate.ts'
import * as array from './array.ts'
import * as conditional from './conditional.ts'
import type { FunctionDefinition } from './define.ts'
import * as map from './map.ts'
import * as math from './math.ts'
import * as string from './string.ts'
import * as window from './window.ts'

/** The families in the order of the documentation. A new family is one line here and, if it has any, one in javascript.ts. */
const families: Record<string, { definitions: FunctionDefinition[]; prelude?: string[] }> = {
  conditional,
  math,
  string,
  array,
  map,
  aggregate,
  window,
}

const byName = new Map<string, { family: string; definitions: FunctionDefinition[] }>()
for (const [family, { definitions }] of Object.entries(families)) {
  for (const definition of definitions) {
    const { name } = definition.signature
    const known = byName.get(name)
    if (known === undefined) byName.set(name, { family, definitions: [definition] })
    else known.definitions.push(definition)
  }
}

/** The definitions of a name in lower case, none for an unknown one. */
export const definitionsOf = (name: string): FunctionDefinition[] => byName.get(name)?.definitions ?? []

export type ListedFunction = { name: string; family: string; kind: string; signatures: string[] }

/** Every function with its signatures, by family and name: the reference page is made of this. */
export const functionList = (): ListedFunction[] =>
  [...byName].map(([name, { family, definitions }]) => ({
    name,
    family,
    kind: definitions[0]!.kind,
    signatures: definitions.map((definition) => definition.signature.text),
  }))

/**
 * Statements that a connection needs before any emitted SQL runs on it, in order: macros. The JavaScript functions must be
 * registered before them.
 */
export const preludeStatements = (): string[] => [
  ...array.prelude,
  ...Object.values(families).flatMap((family) => (family === array ? [] : (family.prelude ?? []))),
]
