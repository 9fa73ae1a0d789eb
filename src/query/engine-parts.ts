import { preludeStatements } from './functions/index.ts'

/** Run after the functions are registered. */
export const prelude: string[] = preludeStatements()

/** What an engine process is given at its start: the module with our functions, and the macros generated SQL relies on. */
export function engineParts(): { functionsModule: string; prelude: string[] } {
  const extension = import.meta.filename.endsWith('.ts') ? 'ts' : 'js'
  return { functionsModule: new URL(`./engine-functions.${extension}`, import.meta.url).href, prelude }
}
