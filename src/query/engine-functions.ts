import { javascriptFunctions, preludeStatements } from './functions/index.ts'
import type { JavaScriptFunction } from './functions/types.ts'
import { generatorFunctions } from './generate/index.ts'

/** What an engine process must know before generated SQL runs in it: the module it loads by its path. */
export const javaScriptFunctions: JavaScriptFunction[] = [...javascriptFunctions, ...generatorFunctions]

/** Run after the functions are registered. */
export const prelude: string[] = preludeStatements()
