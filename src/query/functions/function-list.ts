import { help as aggregate } from './aggregate.help.ts'
import { help as array } from './array.help.ts'
import { help as binary } from './binary.help.ts'
import { help as bitwise } from './bitwise.help.ts'
import { help as color } from './color.help.ts'
import { help as conditional } from './conditional.help.ts'
import { help as conversion } from './conversion.help.ts'
import { help as datetime } from './datetime.help.ts'
import { help as json } from './json.help.ts'
import { help as map } from './map.help.ts'
import { help as math } from './math.help.ts'
import { help as regexp } from './regexp.help.ts'
import { registeredFunctions } from './registry.ts'
import { help as sketch } from './sketch.help.ts'
import { help as string } from './string.help.ts'
import { help as system } from './system.help.ts'
import { help as tdAgent } from './td-agent.help.ts'
import { help as tdGeo } from './td-geo.help.ts'
import { help as tdMisc } from './td-misc.help.ts'
import { help as tdTime } from './td-time.help.ts'
import { help as teradata } from './teradata.help.ts'
import { help as url } from './url.help.ts'
import { help as window } from './window.help.ts'

/** One sentence for each function's name, by family. Only what lists functions needs them: no query does. */
const helps: Record<string, Record<string, string>> = {
  aggregate,
  array,
  binary,
  bitwise,
  color,
  conditional,
  conversion,
  datetime,
  json,
  map,
  math,
  regexp,
  sketch,
  string,
  system,
  'td-agent': tdAgent,
  'td-geo': tdGeo,
  'td-misc': tdMisc,
  'td-time': tdTime,
  teradata,
  url,
  window,
}

export type ListedFunction = {
  name: string
  family: string
  kind: string
  signatures: string[]
  /** The result types, in the same order. */
  results: string[]
  help: string | undefined
}

/** Every function with its signatures, by family and name: the reference page is made of this. */
export const functionList = (): ListedFunction[] =>
  [...registeredFunctions()].map(([name, { family, definitions }]) => ({
    name,
    family,
    kind: definitions[0]!.kind,
    signatures: definitions.map((definition) => definition.signature.text),
    results: definitions.map((definition) => definition.signature.resultText),
    help: helps[family]?.[name],
  }))

/** Every name that some family describes, with its sentence. */
export const helpTexts = (): [name: string, text: string][] =>
  Object.values(helps).flatMap((help) => Object.entries(help))
