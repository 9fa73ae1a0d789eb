import * as aggregate from './aggregate.ts'
import * as array from './array.ts'
import * as binary from './binary.ts'
import * as bitwise from './bitwise.ts'
import * as color from './color.ts'
import * as conditional from './conditional.ts'
import * as conversion from './conversion.ts'
import * as datetime from './datetime.ts'
import type { FunctionDefinition } from './define.ts'
import * as heldMoments from './held-moments.ts'
import * as json from './json.ts'
import * as map from './map.ts'
import * as math from './math.ts'
import * as regexp from './regexp.ts'
import * as sketch from './sketch.ts'
import * as string from './string.ts'
import * as system from './system.ts'
import * as tdAgent from './td-agent.ts'
import * as tdGeo from './td-geo.ts'
import * as tdMisc from './td-misc.ts'
import * as tdTime from './td-time.ts'
import * as teradata from './teradata.ts'
import * as url from './url.ts'
import * as window from './window.ts'

type Family = {
  definitions: FunctionDefinition[]
  prelude?: string[]
}

/** The families in the order of the documentation. A new family is one line here, one in function-list.ts and, if it has any, one in javascript.ts. */
const families: Record<string, Family> = {
  conditional,
  math,
  bitwise,
  string,
  conversion,
  teradata,
  color,
  regexp,
  binary,
  url,
  json,
  datetime,
  array,
  map,
  aggregate,
  window,
  sketch,
  system,
  'td-time': tdTime,
  'td-misc': tdMisc,
  'td-agent': tdAgent,
  'td-geo': tdGeo,
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

/** Every name with its family, in the order of the documentation. */
export const registeredFunctions = (): Iterable<
  [string, { family: string; definitions: FunctionDefinition[] }]
> => byName

/**
 * Statements that a connection needs before any emitted SQL runs on it, in order: macros. The JavaScript functions must be
 * registered before them.
 */
export const preludeStatements = (): string[] => [
  ...heldMoments.prelude,
  ...array.prelude,
  ...Object.values(families).flatMap((family) => (family === array ? [] : (family.prelude ?? []))),
]
