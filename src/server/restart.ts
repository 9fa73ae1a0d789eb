import type { GateKeeper } from '../gate/index.ts'
import type { Clock, Log } from '../kernel/index.ts'
import { readiness } from './admin-view.ts'
import type { Children } from './children.ts'
import { serverErrors } from './errors.ts'
import type { MainDatabase } from './main-database.ts'
import { PROCESS_TABLE, roleOf } from './process-table.ts'

export type RestartStep = {
  /** `ingest-0`, or `database`. */
  process: string
  state: 'waiting' | 'draining' | 'starting' | 'ready' | 'failed'
  /** How long it has been, or was, not ready. */
  seconds?: number
}
export type RestartState =
  | { state: 'never' }
  | { state: 'running' | 'done'; steps: RestartStep[] }
  | { state: 'failed'; steps: RestartStep[]; message: string }

export type Restarts = {
  /** @throws restart_refused (409, final) for a name that does not run, or while another one goes on */
  start(names: string[], options: { withDatabase: boolean }): RestartState
  state(): RestartState
}

const DATABASE = 'database'
const READY_WITHIN_MS = 120_000
const LOOK_EVERY_MS = 50
/** After that long those who still hold connections lose them with the server. */
const COMPLY_WITHIN_MS = 5_000
const REASON = 'the embedded database is being restarted: callers wait for a moment'

/**
 * Replaces processes one after another in the order in which they drain, the edge first: each drains, its successor starts, and only
 * when that one is as ready as its predecessor was comes the next. The listening socket stays with the supervisor, so that
 * connections wait instead of being refused. What does not become ready ends it: the rest stays as it is.
 */
export function createRestarts({
  children,
  keeper,
  database,
  clock,
  log,
  signal,
}: {
  children: Children
  keeper: GateKeeper
  /** The main database as it runs now; undefined while it has not been reached yet. */
  database: () => MainDatabase | undefined
  clock: Clock
  log: Log
  /** Aborted when everything ends: then nothing is restarted any more. */
  signal: AbortSignal
}): Restarts {
  let current: RestartState = { state: 'never' }

  async function one(step: RestartStep): Promise<void> {
    const { process } = step
    const wasReady = await isReady(process)
    const row = PROCESS_TABLE.find(({ role }) => role === roleOf(process))!
    step.state = 'draining'
    await children.restart(process, row.drainSeconds)
    step.state = 'starting'
    const untilMs = clock.monotonicMs() + READY_WITHIN_MS
    while (!(wasReady ? await isReady(process) : stateOf(process) === 'ready')) {
      if (signal.aborted) throw new Error('Millrace is stopping')
      if (clock.monotonicMs() > untilMs)
        throw new Error(`${process} did not become ready within ${READY_WITHIN_MS / 1000} s; see its log`)
      await clock.sleep(LOOK_EVERY_MS, signal)
    }
  }

  const stateOf = (name: string) => children.views().find((view) => view.name === name)?.state ?? 'stopped'
  const isReady = async (name: string) => (await readiness(children, name, stateOf(name))).ready

  /** Callers wait at the gate. It is no maintenance: should this process die meanwhile, the next start opens the gate by itself. */
  async function theDatabase(step: RestartStep): Promise<void> {
    const details = { planned: false, reason: REASON }
    const names = children.views().map(({ name }) => name)
    step.state = 'draining'
    try {
      for (const event of ['drain', 'close_writes', 'hold'] as const) {
        await keeper.order(event, details)
        const late = await keeper.missing(names, COMPLY_WITHIN_MS)
        if (late.length > 0) log.warn({ late, event }, 'some still use the database')
      }
      step.state = 'starting'
      await database()!.restart!()
      if (signal.aborted) throw new Error('Millrace is stopping')
    } finally {
      const { mode } = keeper.current()
      // Stopping: the next start opens it. Away: the breaker does, when the database answers.
      if (!signal.aborted && (mode === 'draining' || mode === 'held')) await keeper.order('reopen')
    }
  }

  async function run(steps: RestartStep[]): Promise<void> {
    for (const step of steps) {
      if (signal.aborted) throw new Error('Millrace is stopping')
      const startedMs = clock.monotonicMs()
      const timed = setInterval(() => {
        step.seconds = (clock.monotonicMs() - startedMs) / 1000
      }, LOOK_EVERY_MS)
      try {
        await (step.process === DATABASE ? theDatabase(step) : one(step))
        step.state = 'ready'
      } catch (error) {
        step.state = 'failed'
        throw error
      } finally {
        clearInterval(timed)
        step.seconds = (clock.monotonicMs() - startedMs) / 1000
      }
    }
  }

  return {
    state: () => current,
    start(names, { withDatabase }) {
      if (current.state === 'running') throw serverErrors.restart_refused('a restart is under way already')
      const processes = inDrainOrder(children, names)
      if (withDatabase && database()?.restart === undefined)
        throw serverErrors.restart_refused('the main database is not embedded, or does not run yet')
      if (withDatabase && keeper.current().mode !== 'serving')
        throw serverErrors.restart_refused(`the gate is not serving: ${keeper.current().reason}`)
      const steps = [...processes, ...(withDatabase ? [DATABASE] : [])].map(
        (process): RestartStep => ({ process, state: 'waiting' }),
      )
      current = { state: 'running', steps }
      log.info({ processes: steps.map(({ process }) => process) }, 'rolling restart')
      void run(steps).then(
        () => {
          current = { state: 'done', steps }
          log.info({ steps }, 'rolling restart done')
        },
        (error: Error) => {
          current = { state: 'failed', steps, message: error.message }
          log.error({ steps, err: error }, 'rolling restart ended early')
        },
      )
      return current
    },
  }
}

/** All, or those named; @throws restart_refused */
function inDrainOrder(children: Children, names: string[]): string[] {
  const running = children.views().map(({ name }) => name)
  const unknown = names.filter((name) => !running.includes(name))
  if (unknown.length > 0)
    throw serverErrors.restart_refused(
      `there is no process '${unknown[0]}'; there are: ${running.join(', ')}`,
    )
  const rankOf = (name: string) => PROCESS_TABLE.find(({ role }) => role === roleOf(name))!.drainRank
  return running
    .filter((name) => names.length === 0 || names.includes(name))
    .sort((a, b) => rankOf(a) - rankOf(b) || a.localeCompare(b))
}
