import type { ScriptChanges } from '../query/index.ts'
import { CHANGES, commitChanges } from './commit.ts'
import { runScript } from './run.ts'
import type { WriteDeps } from './types.ts'

export { writeErrors } from './errors.ts'
export type { FaultPoint, WriteDeps, WriteStep } from './types.ts'

/** Runs scripts that change something, and carries out what they change with the ends of their jobs. */
export function createScriptChanges(deps: WriteDeps): ScriptChanges {
  return { run: (script) => runScript(deps, script), commits: { [CHANGES]: commitChanges(deps) } }
}
