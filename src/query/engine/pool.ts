import { join } from 'node:path'
import { backoffMs, type Clock, type Environment, type Log, ownDirectory } from '../../kernel/index.ts'
import { type EngineChild, startChild } from './child.ts'
import type { EngineSettings } from './config.ts'
import { engineErrors } from './errors.ts'
import type { EngineStart } from './messages.ts'
import { engineOn } from './run.ts'
import type { Engine, EnginePool } from './types.ts'

/** How long after a query took an engine the next one is started. */
const REFILL_AFTER_MS = 150

export type EnginePoolOptions = {
  /** Processes kept warm; default `settings.warmEngines`. */
  size?: number
  clock: Clock
  log: Log
  settings: EngineSettings
  /** Absolute. Temporary files go to `engine-temp/` in it; queries without a file list may read `objects/`. */
  dataDir: string
  /** Of the worker; engines get the few variables that Node itself needs, nothing else. */
  env?: Environment
} & Partial<EngineStart>

/**
 * Keeps `size` engine processes ready. Each serves one job and ends with it; a new one is made ready in the
 * background. A process that cannot be prepared is tried again with growing waits.
 */
export async function createEnginePool(options: EnginePoolOptions): Promise<EnginePool> {
  const { clock, log, settings, dataDir } = options
  const size = options.size ?? settings.warmEngines
  const start: EngineStart = { functionsModule: options.functionsModule, prelude: options.prelude ?? [] }
  const temporaries = await ownDirectory(join(dataDir, 'engine-temp'))

  const warm: EngineChild[] = []
  const alive = new Set<EngineChild>()
  const closing = new AbortController()
  let failures = 0
  let lastJob = 0

  const spawn = (urgent: boolean): EngineChild => {
    const child = startChild(
      { ...start, urgent },
      { heapMegabytes: settings.heapMegabytes, env: options.env ?? {} },
    )
    alive.add(child)
    void child.gone.then(() => {
      alive.delete(child)
      const at = warm.indexOf(child)
      if (at >= 0) warm.splice(at, 1)
    })
    return child
  }
  const becomeReady = async (child: EngineChild) => {
    const waiting = new AbortController()
    const enough = AbortSignal.any([waiting.signal, closing.signal])
    const late = clock.sleep(settings.startSeconds * 1000, enough).then(() => 'late' as const)
    try {
      if ((await Promise.race([child.ready, late])) !== 'late') return
    } finally {
      waiting.abort()
    }
    child.kill()
    throw engineErrors.engine_unavailable(`not ready after ${settings.startSeconds} s`)
  }
  const refill = () => {
    while (!closing.signal.aborted && warm.length < size) {
      const child = spawn(false)
      warm.push(child)
      void becomeReady(child).then(
        () => {
          failures = 0
        },
        (error) => {
          failures++
          if (closing.signal.aborted) return
          log.error({ err: error, failures }, 'an engine process could not be made ready')
        },
      )
    }
  }
  // The start of the next engine would take its processor time from the query that just began: most are over by then.
  let resting = 0
  const refillLater = async () => {
    resting++
    await clock.sleep(REFILL_AFTER_MS, closing.signal)
    resting--
    if (failures === 0) refill()
  }
  // One loop refills, so that engines that die idle are replaced and failures are spaced out.
  const refilling = (async () => {
    while (!closing.signal.aborted) {
      if (resting === 0) refill()
      await clock.sleep(failures === 0 ? 200 : backoffMs(failures, { firstMs: 200 }), closing.signal)
    }
  })()

  const endings = new Set<Promise<void>>()
  const cleanUp = (ending: Promise<void>) => {
    const noted = ending
      .catch((error) => log.warn({ err: error }, 'an engine’s files could not be removed'))
      .finally(() => endings.delete(noted))
    endings.add(noted)
  }

  const take = async (signal?: AbortSignal): Promise<Engine> => {
    for (;;) {
      signal?.throwIfAborted()
      if (closing.signal.aborted) throw engineErrors.engine_unavailable('the worker is ending')
      const wasWarm = warm.shift()
      const child = wasWarm ?? spawn(true)
      try {
        await orAborted(becomeReady(child), signal)
      } catch (error) {
        // Whoever comes next may have it.
        if (signal?.aborted && alive.has(child)) warm.push(child)
        // One that died while waiting says nothing about the next.
        if (!signal?.aborted && wasWarm && failures === 0) continue
        throw error
      } finally {
        void refillLater()
      }
      return engineOn(child, {
        clock,
        watchMilliseconds: settings.watchMilliseconds,
        jobDirectory: join(temporaries, String(++lastJob)),
        cleanUp,
        objectsDirectory: join(dataDir, 'objects'),
      })
    }
  }

  return {
    take,
    close: async () => {
      closing.abort()
      for (const child of alive) child.kill()
      await Promise.all([refilling, ...[...alive].map((child) => child.gone)])
      await Promise.all(endings)
    },
  }
}

/** What the promise brings, or at once the signal's reason. */
async function orAborted(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return promise
  const aborted = Promise.withResolvers<never>()
  const abort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', abort)
  try {
    await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
