import type { AppError } from '../kernel/index.ts'
import { backupErrors } from './errors.ts'
import { type TakeOptions, takeBackup } from './take.ts'
import type { Manifest, Progress } from './types.ts'

export type BackupState =
  | { state: 'none' }
  | { state: 'running'; place: string; progress: Progress | undefined }
  | { state: 'done'; place: string; manifest: Omit<Manifest, 'tables'> & { rows: number } }
  | { state: 'failed'; place: string; code: string | undefined; message: string }

/** One backup at a time, in the background of the process that has the database; whoever asked looks how far it is. */
export type BackupService = {
  /** @throws backup_running */
  start(request: { place: string; keep?: number }): BackupState
  state(): BackupState
  stop(): Promise<void>
}

export function createBackupService(
  parts: Omit<TakeOptions, 'place' | 'keep' | 'onProgress' | 'signal'>,
): BackupService {
  let state: BackupState = { state: 'none' }
  let running: Promise<void> | undefined
  const stopping = new AbortController()

  async function run(place: string, keep: number | undefined): Promise<void> {
    try {
      const onProgress = (progress: Progress) => {
        state = { state: 'running', place, progress }
      }
      const { tables, ...manifest } = await takeBackup({
        ...parts,
        place,
        keep,
        onProgress,
        signal: stopping.signal,
      })
      state = {
        state: 'done',
        place,
        manifest: { ...manifest, rows: tables.reduce((sum, { rows }) => sum + rows, 0) },
      }
    } catch (error) {
      parts.log.error({ err: error, place }, 'the backup failed')
      state = { state: 'failed', place, code: (error as AppError).code, message: (error as Error).message }
    }
  }
  return {
    start({ place, keep }) {
      if (state.state === 'running') throw backupErrors.backup_running(state.place)
      state = { state: 'running', place, progress: undefined }
      running = run(place, keep)
      return state
    },
    state: () => state,
    async stop() {
      stopping.abort()
      await running
    },
  }
}
