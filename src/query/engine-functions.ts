import { javascriptFunctions } from './functions/javascript.ts'
import type { JavaScriptFunction } from './functions/types.ts'
import { generatorFunctions } from './generate/javascript.ts'

/**
 * What an engine process must know before generated SQL runs in it: the module it loads by its path. It reaches no more than
 * these functions need, because every engine's start loads it.
 */
export const javaScriptFunctions: JavaScriptFunction[] = [...javascriptFunctions, ...generatorFunctions]
