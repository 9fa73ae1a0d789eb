import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Environment } from '../../kernel/index.ts'
import { engineErrors } from './errors.ts'
import type { CutsMessage, EngineMessage, EngineStart, EngineTask } from './messages.ts'

/** The parent's view of one engine process. */
export type EngineChild = {
  readonly pid: number
  /** Resolves when functions and macros are in place; rejects with engine_unavailable. */
  readonly ready: Promise<void>
  /** Resolves with how it ended when the process has gone; never rejects. */
  readonly gone: Promise<string>
  run(task: EngineTask, onMessage: (message: EngineMessage) => void): void
  send(message: CutsMessage): void
  kill(): void
}

/**
 * Starts an engine process. It inherits no settings of ours: only what Node needs. Its own output goes to the
 * parent's standard error.
 */
export function startChild(
  start: EngineStart,
  { heapMegabytes, env }: { heapMegabytes: number; env: Environment },
): EngineChild {
  const child = fork(fileURLToPath(new URL(moduleName(), import.meta.url)), [JSON.stringify(start)], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: [`--max-old-space-size=${heapMegabytes}`],
    env: minimalEnvironment(env),
  })
  const gone = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : signal))
  })
  return {
    pid: child.pid ?? 0,
    gone,
    ready: whenReady(child, gone),
    // A closed channel means a dead process, which `gone` reports.
    run: (task, onMessage) => {
      child.on('message', (received) => onMessage(received as EngineMessage))
      child.send(task, () => undefined)
    },
    send: (message) => void child.send(message, () => undefined),
    kill: () => {
      child.kill('SIGKILL')
    },
  }
}

/** `process.ts` beside this file, or `process.js` in a built package. */
function moduleName(): string {
  return import.meta.url.endsWith('.ts') ? 'process.ts' : 'process.js'
}

function minimalEnvironment(env: Environment): NodeJS.ProcessEnv {
  const names = ['NODE_COMPILE_CACHE', 'LD_LIBRARY_PATH']
  const given = names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]))
  return { ...Object.fromEntries(given), TZ: 'UTC', LANG: 'C.UTF-8' }
}

function whenReady(child: ChildProcess, gone: Promise<string>): Promise<void> {
  const ready = new Promise<void>((resolve, reject) => {
    child.once('message', (message: EngineMessage) => {
      if (message.kind === 'ready') resolve()
      else reject(engineErrors.engine_unavailable(message.kind === 'unfit' ? message.message : message.kind))
    })
    void gone.then((how) => reject(engineErrors.engine_unavailable(how)))
  })
  // Whoever takes the engine awaits it; until then a failure must not end the parent.
  ready.catch(() => undefined)
  return ready
}
