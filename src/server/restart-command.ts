import { setTimeout as pause } from 'node:timers/promises'
import type { Environment } from '../kernel/index.ts'
import { serverErrors } from './errors.ts'
import { askAdmin, notRunning, type Run, runningServer } from './local-commands.ts'
import type { RestartState } from './restart.ts'

const LOOK_EVERY_MS = 100

/** `millrace restart [PROCESS …]`: carried out by the supervisor; this only looks on. Exit code 0 when all are back. */
export async function restart(env: Environment, names: string[]): Promise<number> {
  const run = await runningServer(env)
  if (!run) return notRunning(env)
  const query = new URLSearchParams(names.map((name): [string, string] => ['process', name]))
  if (env.MILLRACE_RESTART_DATABASE === 'true') query.set('database', 'true')
  const started = await askAdmin(run, 'POST', `/restart?${query}`)
  if (started.status !== 200) return failed((started.body as { error: string }).error)
  const isJson = env.MILLRACE_JSON === 'true'
  const state = await follow(run, started.body as RestartState, isJson)
  if (isJson) process.stdout.write(`${JSON.stringify(state)}\n`)
  if (state.state === 'failed') return failed(state.message)
  return 0
}

/** One line for each process that is back. */
async function follow(run: Run, first: RestartState, isQuiet: boolean): Promise<RestartState> {
  const told = new Set<string>()
  for (let state = first; ; ) {
    if (state.state === 'never')
      throw serverErrors.supervisor_unreachable(`${run.pid}: it has been started anew`)
    for (const { process: name, state: is, seconds } of state.steps) {
      if ((is !== 'ready' && is !== 'failed') || told.has(name)) continue
      told.add(name)
      const line = `${is === 'ready' ? '●' : '✕'} ${name}  ${is} after ${(seconds ?? 0).toFixed(1)} s\n`
      if (!isQuiet) process.stdout.write(line)
    }
    if (state.state !== 'running') return state
    await pause(LOOK_EVERY_MS)
    const { status, body } = await askAdmin(run, 'GET', '/restart')
    if (status !== 200) throw serverErrors.supervisor_unreachable((body as { error: string }).error)
    state = body as RestartState
  }
}

function failed(message: string): number {
  process.stderr.write(`millrace: ${message}\n`)
  return 1
}
