import * as aggregate from './aggregate.ts'
import * as array from './array.ts'
import * as binary from './binary.ts'
import * as bitwise from './bitwise.ts'
import * as castText from './cast-text.ts'
import * as color from './color.ts'
import * as conversion from './conversion.ts'
import * as datetime from './datetime.ts'
import { errorFunction } from './errors-in-engine.ts'
import * as heldMoments from './held-moments.ts'
import * as json from './json.ts'
import * as jsonPath from './json-path/index.ts'
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
import type { JavaScriptFunction } from './types.ts'
import * as url from './url.ts'

/** Every function that runs in JavaScript inside the engine process; the engine registers them all. */
export const javascriptFunctions: JavaScriptFunction[] = [
  errorFunction,
  ...castText.javascript,
  ...heldMoments.javascript,
  ...math.javascript,
  ...bitwise.javascript,
  ...string.javascript,
  ...conversion.javascript,
  ...teradata.javascript,
  ...color.javascript,
  ...system.javascript,
  ...regexp.javascript,
  ...binary.javascript,
  ...url.javascript,
  ...json.javascript,
  ...jsonPath.javascript,
  ...datetime.javascript,
  ...array.javascript,
  ...aggregate.javascript,
  ...sketch.javascript,
  ...tdTime.javascript,
  ...tdMisc.javascript,
  ...tdAgent.javascript,
  ...tdGeo.javascript,
]
