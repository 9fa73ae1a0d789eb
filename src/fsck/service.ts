import type { AppError } from '../kernel/index.ts'
import { checkEverything } from './check.ts'
import { fsckErrors } from './errors.ts'
import type { CheckDeps, Options, Progress, Report } from './types.ts'

export type CheckState =
  | { state: 'none' }
  | { state: 'running'; progress: Progress | undefined }
  | { state: 'done'; report: Report }
  | { state: 'failed'; code: string | undefined; message: string }

/** One check at a time, in the background of the process that has the database; whoever asked looks how far it is. */
export type CheckService = {
  /** @throws fsck_running */
  start(options: Options): CheckState
  state(): CheckState
  stop(): Promise<void>
}

export function createCheckService(deps: CheckDeps): CheckService {
  let state: CheckState = { state: 'none' }
  let running: Promise<void> | undefined
  const stopping = new AbortController()

  async function run(options: Options): Promise<void> {
    try {
      const report = await checkEverything(deps, options, {
        signal: stopping.signal,
        onProgress(progress) {
          state = { state: 'running', progress }
        },
      })
      state = { state: 'done', report }
    } catch (error) {
      deps.log.error({ err: error }, 'the check of catalog and files failed')
      state = { state: 'failed', code: (error as AppError).code, message: (error as Error).message }
    }
  }
  return {
    start(options) {
      if (state.state === 'running') throw fsckErrors.fsck_running()
      state = { state: 'running', progress: undefined }
      running = run(options)
      return state
    },
    state: () => state,
    async stop() {
      stopping.abort()
      await running
    },
  }
}
