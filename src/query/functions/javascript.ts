import * as aggregate from './aggregate.ts'
import * as castText from './cast-text.ts'
import { errorFunction } from './errors-in-engine.ts'
import * as math from './math.ts'
import * as string from './string.ts'
import type { JavaScriptFunction } from './types.ts'

/** Every function that runs in JavaScript inside the engine process; the engine registers them all. */
export const javascriptFunctions: JavaScriptFunction[] = [
  errorFunction,
  ...aggregate.javascript,
  ...castText.javascript,
  ...math.javascript,
  ...string.javascript,
]
