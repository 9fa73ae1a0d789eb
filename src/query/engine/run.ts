import { constants } from 'node:fs'
import { copyFile, link, mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../kernel/index.ts'
import { storageErrors } from '../../storage/index.ts'
import { QueryError } from '../errors.ts'
import type { EngineChild } from './child.ts'
import { engineErrors } from './errors.ts'
import type { EngineFailure, EngineMessage, EngineTask, RunMessage } from './messages.ts'
import type { Engine, EngineLimits, EngineQuery, EngineRun, FileCut, HourCount } from './types.ts'
import { type Usage, usageOf } from './usage.ts'

export type RunSurroundings = {
  clock: Clock
  watchMilliseconds: number
  /** The job's own directory, for the result being written and what does not fit into memory; made and removed here. */
  jobDirectory: string
  /** Takes what goes on after the answer; the pool waits for it when it closes. */
  cleanUp(ending: Promise<void>): void
  /** What a query without a list of files may open. */
  objectsDirectory: string
}

/** DuckDB takes up to one and a half times its limit, so it is told two thirds of what the job may have. */
const DUCKDB_SHARE = 2 / 3
/** How long a process that has said its last word may take to end. */
const LEAVE_MS = 1000

/**
 * The engine port over one process. The process is used up by one run, whatever its end. It writes into the job's own
 * directory, and what is whole is moved to where it was asked for: so a kill answers at once, while the process, which
 * may need a moment to die on a busy machine, can spoil nothing any more.
 */
export function engineOn(child: EngineChild, surroundings: RunSurroundings): Engine {
  const { jobDirectory, clock, cleanUp } = surroundings
  let used = false
  const once = async <T>(run: () => Promise<T>): Promise<T> => {
    if (used) throw new Error('an engine runs one query only')
    used = true
    let succeeded = false
    try {
      const outcome = await run()
      succeeded = true
      return outcome
    } finally {
      cleanUp(leave(child, clock, !succeeded).then(() => rm(jobDirectory, { recursive: true, force: true })))
    }
  }
  return {
    discard: () => child.kill(),
    runToFile: (query, resultPath, options) =>
      once(async () => {
        const done = await runOnce(child, surroundings, taskOf(query, options, surroundings), options)
        if (done.kind !== 'done') throw unexpected(done)
        await move(draftIn(jobDirectory), resultPath)
        return { rows: BigInt(done.rows), bytes: BigInt(done.bytes), cpuMs: done.cpuMs }
      }),
    writeFiles: (work, directory, options) =>
      once(async () => {
        const task = { kind: 'write' as const, work, ...placeOf(work.query.files, options, surroundings) }
        const done = await runOnce(child, surroundings, task, options)
        if (done.kind !== 'written') throw unexpected(done)
        await rename(filesIn(jobDirectory), directory)
        return done
      }),
    chooseRows: (query, directory, options) =>
      once(async () => {
        const task = { kind: 'choose' as const, query, ...placeOf(query.files, options, surroundings) }
        const done = await runOnce(child, surroundings, task, options)
        if (done.kind !== 'chosen') throw unexpected(done)
        await rename(filesIn(jobDirectory), directory)
        return done
      }),
    cutFiles: (work, directory, options) =>
      once(async () => {
        const open = [...work.files.map(({ path }) => path), work.chosen]
        const task = { kind: 'cut' as const, work, ...placeOf(open, options, surroundings) }
        const done = await runOnce(child, surroundings, task, options)
        if (done.kind !== 'cut') throw unexpected(done)
        await rename(filesIn(jobDirectory), directory)
        return done
      }),
  }
}

const unexpected = ({ kind }: { kind: string }) => new Error(`the engine answered ${kind}`)

function taskOf(
  query: EngineQuery,
  { limits }: EngineRun,
  { jobDirectory, objectsDirectory }: RunSurroundings,
): RunMessage {
  const { setup, sql, lists = [], columns, files = objectsDirectory } = query
  return {
    kind: 'run',
    setup,
    sql,
    lists,
    types: columns.map(({ type }) => type),
    resultPath: draftIn(jobDirectory),
    resultBytes: limits.resultBytes,
    configuration: configurationOf(limits, spillIn(jobDirectory), files),
  }
}

/** Where a run writes files, which is the only place it may. */
function placeOf(
  open: string[] | undefined,
  { limits }: EngineRun,
  { jobDirectory }: RunSurroundings,
): { directory: string; configuration: string[] } {
  const directory = filesIn(jobDirectory)
  return {
    directory,
    configuration: configurationOf(limits, spillIn(jobDirectory), open ?? [], directory),
  }
}

const draftIn = (jobDirectory: string) => join(jobDirectory, 'result')
const filesIn = (jobDirectory: string) => join(jobDirectory, 'files')
const spillIn = (jobDirectory: string) => join(jobDirectory, 'spill')

/** Never over an existing file; the bytes are synced already, the new name is synced by whoever stores the result. */
async function move(from: string, to: string): Promise<void> {
  await link(from, to).catch(async (error) => {
    if (error.code !== 'EXDEV' && error.code !== 'EPERM') throw error
    await copyFile(from, to, constants.COPYFILE_EXCL)
  })
}

async function leave(child: EngineChild, clock: Clock, now: boolean): Promise<void> {
  const waiting = new AbortController()
  if (!now) await Promise.race([child.gone, clock.sleep(LEAVE_MS, waiting.signal)])
  waiting.abort()
  child.kill()
  await child.gone
}

type Done = Extract<EngineMessage, { kind: 'done' | 'written' | 'chosen' | 'cut' }>
type RunOptions = EngineRun & { cut?(hours: HourCount[]): FileCut[] }

async function runOnce(
  child: EngineChild,
  surroundings: RunSurroundings,
  task: EngineTask,
  options: RunOptions,
): Promise<Done> {
  const { limits, signal } = options
  signal.throwIfAborted()
  await mkdir(filesIn(surroundings.jobDirectory), { recursive: true, mode: 0o700 })
  const watching = new AbortController()
  const aborted = Promise.withResolvers<never>()
  const abort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', abort)
  try {
    const answered = answer(child, task, options)
    const exceeded = watch(child.pid, limits, surroundings, answered.reported, watching.signal)
    return await Promise.race([answered.outcome, exceeded, aborted.promise])
  } finally {
    watching.abort()
    signal.removeEventListener('abort', abort)
  }
}

/** Hands the task over; the outcome is what the process answers, or engine_lost. */
function answer(
  child: EngineChild,
  task: EngineTask,
  { onProgress, cut }: RunOptions,
): { outcome: Promise<Done>; reported: Usage } {
  const reported: Usage = { cpuMs: 0, rssBytes: 0 }
  const { promise, resolve, reject } = Promise.withResolvers<Done>()
  const hear = (message: EngineMessage) => {
    switch (message.kind) {
      case 'progress':
        Object.assign(reported, { cpuMs: message.cpuMs, rssBytes: message.rssBytes })
        onProgress({ percent: message.percent, rows: BigInt(message.rows) })
        break
      case 'hours':
        try {
          child.send({ kind: 'cuts', cuts: cut!(message.hours) })
        } catch (error) {
          reject(error)
        }
        break
      case 'failed':
        reject(errorOf(message.failure))
        break
      case 'done':
      case 'written':
      case 'chosen':
      case 'cut':
        resolve(message)
    }
  }
  child.run(task, hear)
  void child.gone.then((how) => reject(engineErrors.engine_lost(how)))
  return { outcome: promise, reported }
}

function errorOf(failure: EngineFailure): Error {
  switch (failure.kind) {
    case 'query':
      return new QueryError(failure.name, failure.message)
    case 'storage_full':
      return storageErrors.storage_full(failure.message)
    case 'chunk_unreadable':
      return engineErrors.chunk_unreadable(failure.message)
  }
}

/** Limits first, then every door is closed, then the lock. `open`: files, or a directory; `writable`: a directory. */
export function configurationOf(
  limits: EngineLimits,
  tempDirectory: string,
  open: string[] | string,
  writable?: string,
): string[] {
  const text = (value: string) => `'${value.replaceAll("'", "''")}'`
  return [
    `SET threads = ${limits.threads}`,
    `SET memory_limit = '${Math.floor(limits.memoryBytes * DUCKDB_SHARE)}B'`,
    `SET temp_directory = ${text(tempDirectory)}`,
    `SET max_temp_directory_size = '${limits.tempBytes}B'`,
    typeof open === 'string'
      ? `SET allowed_directories = [${text(open)}]`
      : `SET allowed_paths = [${open.map(text).join(', ')}]::VARCHAR[]`,
    ...(writable === undefined ? [] : [`SET allowed_directories = [${text(writable)}]`]),
    'SET enable_external_access = false',
    'SET lock_configuration = true',
  ]
}

/**
 * Rejects when the process exceeds a limit; resolves never. Where there is no /proc the process's own reports are
 * used, which stop while JavaScript is busy: there, the time limit is what holds.
 */
async function watch(
  pid: number,
  limits: EngineLimits,
  { clock, watchMilliseconds, jobDirectory }: RunSurroundings,
  reported: Usage,
  done: AbortSignal,
): Promise<never> {
  const startedMs = clock.monotonicMs()
  const before = (await usageOf(pid)) ?? { cpuMs: 0, rssBytes: 0 }
  const limitError = (
    name: 'EXCEEDED_LOCAL_MEMORY_LIMIT' | 'EXCEEDED_CPU_LIMIT' | 'EXCEEDED_TIME_LIMIT',
    what: string,
  ) => new QueryError(name, `Query exceeded ${what}`)
  while (!done.aborted) {
    const measured = await usageOf(pid)
    const cpuMs = measured ? measured.cpuMs - before.cpuMs : reported.cpuMs
    const rssBytes = measured ? measured.rssBytes - before.rssBytes : reported.rssBytes
    if (rssBytes > limits.memoryBytes)
      throw limitError('EXCEEDED_LOCAL_MEMORY_LIMIT', `its memory limit of ${limits.memoryBytes >> 20} MB`)
    if (cpuMs > limits.cpuSeconds * 1000)
      throw limitError('EXCEEDED_CPU_LIMIT', `its CPU limit of ${limits.cpuSeconds} s`)
    if (clock.monotonicMs() - startedMs > limits.wallSeconds * 1000)
      throw limitError('EXCEEDED_TIME_LIMIT', `its time limit of ${limits.wallSeconds} s`)
    const { writeBytes } = limits
    if (writeBytes !== undefined && (await bytesIn(filesIn(jobDirectory))) > writeBytes)
      throw new QueryError(
        'GENERIC_INSUFFICIENT_RESOURCES',
        `Query wrote more than its limit of ${writeBytes / (1 << 20)} MB`,
      )
    await clock.sleep(watchMilliseconds, done)
  }
  return new Promise(() => undefined)
}

/** Of the files in a directory that comes and goes. */
async function bytesIn(directory: string): Promise<number> {
  let bytes = 0
  for (const name of await readdir(directory).catch(unlessGone)) {
    const found = await stat(join(directory, name)).catch(unlessGone)
    if ('size' in found) bytes += found.size
  }
  return bytes
}

function unlessGone(error: NodeJS.ErrnoException): [] {
  if (error.code === 'ENOENT') return []
  throw error
}
