import { readdirSync, writeFileSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import os from 'node:os'
import { Worker } from 'node:worker_threads'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { JavaScriptFunction } from '../functions/types.ts'
import { writeResult } from '../results/write.ts'
import { openConnection } from './connection.ts'
import { chooseRows, cutFiles } from './cut-files.ts'
import { failureOf } from './failure.ts'
import { registerFunctions } from './functions.ts'
import type { CutsMessage, EngineMessage, EngineStart, EngineTask, RunMessage } from './messages.ts'
import { prepareCheck, prepareSelect, runSetup } from './statements.ts'
import { writeFiles } from './write-files.ts'
import type { FileCut, HourCount } from './write-types.ts'

/**
 * The engine process: one in-memory DuckDB, made ready ahead of time, for one job. It holds nothing worth saving, so
 * its parent may kill it at any moment; and it ends by itself when the parent does.
 */
const PROGRESS_MS = 250

// Not process.exit: it waits for the thread a query runs on, which would go on for hours after all who wanted it have gone.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
endWithParent()
dieFirst()
await serve()
// Most engines are killed, which would leave nothing for the next.
flushCompileCache()

async function serve(): Promise<void> {
  try {
    const start = JSON.parse(process.argv[2] ?? '{"prelude":[]}') as EngineStart
    if (start.urgent !== true) yieldToOthers()
    const connection = await prepare(start)
    yieldToOthers()
    process.once('message', (message) => {
      void run(connection, message as EngineTask)
    })
    send({ kind: 'ready' })
  } catch (error) {
    send({ kind: 'unfit', message: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    process.exitCode = 1
    process.disconnect()
  }
}

function send(message: EngineMessage, then?: () => void): void {
  process.send?.(message, undefined, undefined, () => then?.())
}

async function prepare({ functionsModule, prelude }: EngineStart): Promise<DuckDBConnection> {
  // DuckDB starts on another thread while our functions are loaded on this one.
  const [connection, functions] = await Promise.all([openConnection(), loadFunctions(functionsModule)])
  await registerFunctions(connection, functions)
  if (prelude.length > 0) await connection.run(prelude.join(';\n'))
  await prepareCheck(connection)
  return connection
}

async function loadFunctions(module: string | undefined): Promise<JavaScriptFunction[]> {
  if (module === undefined) return []
  const { javaScriptFunctions } = (await import(module)) as { javaScriptFunctions: JavaScriptFunction[] }
  return javaScriptFunctions
}

async function run(connection: DuckDBConnection, job: EngineTask): Promise<void> {
  const before = process.cpuUsage()
  const cpuMs = () => {
    const { user, system } = process.cpuUsage(before)
    return Math.round((user + system) / 1000)
  }
  const done = { rows: 0, percent: null as number | null }
  const report = setInterval(() => {
    const { percentage } = connection.progress
    const percent = done.percent ?? (percentage >= 0 ? percentage : null)
    send({ kind: 'progress', percent, rows: done.rows, cpuMs: cpuMs(), rssBytes: process.memoryUsage.rss() })
  }, PROGRESS_MS)
  const end = (message: EngineMessage) => {
    clearInterval(report)
    send(message, () => process.exit(0))
  }
  try {
    await connection.run(job.configuration.join(';\n'))
    end({ ...(await outcomeOf(connection, job, done)), cpuMs: cpuMs() })
  } catch (error) {
    end({ kind: 'failed', failure: failureOf(error), cpuMs: cpuMs() })
  }
}

type Outcome = Without<Extract<EngineMessage, { kind: 'done' | 'written' | 'chosen' | 'cut' }>, 'cpuMs'>
type Without<Message, Key extends string> = Message extends unknown ? Omit<Message, Key> : never

async function outcomeOf(
  connection: DuckDBConnection,
  job: EngineTask,
  done: { rows: number; percent: number | null },
): Promise<Outcome> {
  switch (job.kind) {
    case 'run':
      return { kind: 'done', ...(await select(connection, job, done)) }
    case 'write':
      await runAll(connection, job.work.query.setup)
      return { kind: 'written', ...(await writeFiles(connection, job.work, job.directory, askForCuts)) }
    case 'choose':
      await runAll(connection, job.query.setup)
      return { kind: 'chosen', ...(await chooseRows(connection, job.query, job.directory)) }
    case 'cut': {
      const { files } = job.work
      const onFile = (count: number) => {
        done.percent = (100 * count) / files.length
      }
      return { kind: 'cut', files: await cutFiles(connection, job.work, job.directory, onFile) }
    }
  }
}

async function select(
  connection: DuckDBConnection,
  job: RunMessage,
  done: { rows: number },
): Promise<{ rows: number; bytes: number }> {
  await runAll(connection, job.setup)
  const prepared = await prepareSelect(connection, job.sql, job.lists)
  const result = await prepared.stream()
  const count = (rows: number) => {
    done.rows = rows
  }
  return writeResult(result, job.types, job.resultPath, count, job.resultBytes)
}

async function runAll(connection: DuckDBConnection, setup: string[]): Promise<void> {
  for (const statement of setup) await runSetup(connection, statement)
}

/** How files are cut is the catalog's business: its process is asked. */
function askForCuts(hours: HourCount[]): Promise<FileCut[]> {
  const { promise, resolve } = Promise.withResolvers<FileCut[]>()
  process.once('message', (message) => resolve((message as CutsMessage).cuts))
  send({ kind: 'hours', hours })
  return promise
}

/**
 * The channel's end is noticed on the event loop, which a JavaScript function may hold for long; so a second thread
 * looks whether the process has been handed to another parent.
 */
function endWithParent(): void {
  const watch = `const parent = process.ppid
    setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL') }, 1000)`
  new Worker(watch, { eval: true }).unref()
}

/**
 * Engines give way to the processes that accept data. Linux keeps this for each thread; those that come later inherit it
 * from the one that makes them.
 */
function yieldToOthers(): void {
  const threads = process.platform === 'linux' ? readdirSync('/proc/self/task') : [0]
  for (const thread of threads) {
    try {
      os.setPriority(Number(thread), 10)
    } catch (error) {
      // It has ended since the directory was read.
      if ((error as NodeJS.ErrnoException & { info?: { code?: string } }).info?.code !== 'ESRCH') throw error
    }
  }
}

/** Engines are what the kernel kills first when memory ends. */
function dieFirst(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', '800')
  } catch (error) {
    // Other systems have no such file; the cap on memory stands without it.
    if (process.platform === 'linux' && (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
