import type { Clock, Log } from '../kernel/index.ts'
import type { DiskSettings } from './config.ts'
import type { Reserve } from './reserve.ts'
import { checkThresholds, type DiskState, rankOf, stageFor, UNKNOWN_DISK } from './stages.ts'

export type DiskWatchOptions = {
  settings: DiskSettings
  reserve: Reserve
  /** Bytes free to us: on the disk of the data directory, and on the fuller one where the objects are on another. */
  freeBytes(): Promise<{ ofData: number; least: number }>
  /** Told when the stage changes, and every few seconds: a child may have started meanwhile. */
  tell(state: DiskState): void
  clock: Clock
  log: Log
}

export type DiskWatch = {
  current(): DiskState
  /** One look and what follows from it. */
  look(): Promise<void>
  run(signal: AbortSignal): Promise<void>
}

const LOOK_EVERY_MS = 1_000
/** Something may write hundreds of megabytes a second. */
const LOOK_WHEN_SHORT_MS = 200
const TELL_EVERY_MS = 5_000
/** A start has more urgent things to write. */
const RESERVE_AFTER_MS = 5_000
const RESERVE_AGAIN_MS = 60_000

/** Watches the disk and decides the stage. @throws setting_invalid for thresholds in the wrong order */
export function createDiskWatch(options: DiskWatchOptions): DiskWatch {
  const { settings, reserve, clock, log, tell } = options
  checkThresholds(settings)
  let state: DiskState = UNKNOWN_DISK
  let toldMs = Number.NEGATIVE_INFINITY
  let reserveFromMs = clock.monotonicMs() + RESERVE_AFTER_MS
  let making: Promise<void> | undefined

  const keepReserve = async (freeBytes: number) => {
    if (reserve.held() > 0 && freeBytes < settings.reserveBytes / 2) {
      await reserve.release()
      log.error({ freeBytes, released: settings.reserveBytes }, 'the disk is full: the reserve is released')
      return
    }
    const isTime = clock.monotonicMs() >= reserveFromMs
    // It must not bring about the stage it is made after.
    const isRoomy = stageFor(freeBytes - settings.reserveBytes, 'engine-temp', settings) === 'roomy'
    if (reserve.held() > 0 || settings.reserveBytes === 0 || making !== undefined || !isTime || !isRoomy)
      return
    reserveFromMs = clock.monotonicMs() + RESERVE_AGAIN_MS
    making = reserve
      .make()
      .catch((error: unknown) => log.warn({ err: error }, 'the disk reserve could not be made'))
      .finally(() => {
        making = undefined
      })
  }

  const look = async () => {
    const { ofData, least: freeBytes } = await options.freeBytes()
    await keepReserve(ofData)
    const before = state.stage
    const stage = stageFor(freeBytes, before, settings)
    state = { stage, freeBytes, reserveBytes: reserve.held() }
    if (stage !== before) {
      const isWorse = rankOf(stage) > rankOf(before)
      log[isWorse ? 'warn' : 'info']({ stage, before, freeBytes }, `disk budget: ${stage}`)
    }
    if (stage === before && clock.monotonicMs() - toldMs < TELL_EVERY_MS) return
    toldMs = clock.monotonicMs()
    tell(state)
  }

  return {
    current: () => state,
    look,
    async run(signal) {
      while (!signal.aborted) {
        try {
          await look()
        } catch (error) {
          log.error({ err: error }, 'free disk space could not be read; the stage stays')
        }
        await clock.sleep(state.stage === 'roomy' ? LOOK_EVERY_MS : LOOK_WHEN_SHORT_MS, signal)
      }
      await making
    },
  }
}
