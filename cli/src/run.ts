import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { hintFor } from './api/hints.ts'
import { createApi, Refused } from './api/index.ts'
import { ask } from './ask.ts'
import type { Command, Given } from './command.ts'
import type { Context } from './context.ts'
import { ageText, durationMs } from './duration.ts'
import { CliError, usageError } from './errors.ts'
import { EXIT } from './exit-codes.ts'
import { findCommand } from './find.ts'
import { commandText, overviewText } from './help.ts'
import { harmlessLines } from './output/columns.ts'
import { createPrinter } from './output/printer.ts'
import { createProgress } from './output/progress.ts'
import { type Globals, parseCommand, parseHead } from './parse.ts'
import { type Environment, readSettings } from './settings.ts'
import { painted, type Terminal, terminalOf } from './terminal.ts'

/** What is outside; everything but environment and version is this process's own unless given. */
export type World = {
  env: Environment
  version: string
  stdout?: Terminal['stdout']
  stderr?: Terminal['stderr']
  stdin?: Terminal['stdin']
  /** Aborted by Ctrl-C. */
  signal?: AbortSignal
  now?: () => Date
}

/** Runs one command line. @returns the exit code; errors that were to be expected are said on standard error. */
export async function runCommandLine(
  args: readonly string[],
  commands: readonly Command[],
  world: World,
): Promise<number> {
  const { stdout = process.stdout, stderr = process.stderr, stdin = process.stdin } = world
  const terminal = terminalOf(
    { stdout, stderr, stdin },
    { env: world.env, noColor: args.includes('--no-color') },
  )
  let isJson = args.includes('--json')
  try {
    const head = parseHead(args)
    const bold = (text: string) => painted(terminal.colours.out, 'bold', text)
    if (head.word === undefined) {
      // `-v` is verbose before a command, as td has it; alone it can only ask for the version.
      const wantsVersion = head.globals.version || (head.globals.verbose && !head.globals.help)
      stdout.write(wantsVersion ? `millrace ${world.version}\n` : overviewText(commands, bold))
      return EXIT.done
    }
    const command = findCommand(commands, head.word)
    const { given, globals } = parseCommand(command, head.rest, withEnvironment(head.globals, world.env))
    isJson = globals.json
    if (globals.help) {
      stdout.write(commandText(command, bold))
      return EXIT.done
    }
    const wait = command.waitMs ?? globals.wait
    return await runInWorld(command, given, { world, terminal, globals: { ...globals, wait }, commands })
  } catch (error) {
    if (!(error instanceof CliError)) throw error
    sayError(error, terminal, isJson)
    return error.exitCode
  }
}

type Setting = { world: World; terminal: Terminal; globals: Globals; commands: readonly Command[] }

async function runInWorld(command: Command, given: Given, setting: Setting): Promise<number> {
  // What runs on this machine (`up`) hears signals by itself.
  const interruption =
    command.callsServer === false ? neverInterrupted() : untilInterrupted(setting.world.signal)
  endQuietlyWithItsReader(setting.terminal)
  const context = createContext(setting, interruption.signal)
  try {
    return (await command.run(context, given)) ?? EXIT.done
  } finally {
    interruption.end()
    context.progress.end()
    context.sayAge()
  }
}

const neverInterrupted = () => ({ signal: new AbortController().signal, end: () => undefined })

/** The first Ctrl-C ends what is under way and says how far it came; the second ends the process. */
function untilInterrupted(given: AbortSignal | undefined): { signal: AbortSignal; end(): void } {
  if (given !== undefined) return { signal: given, end: () => undefined }
  const stopping = new AbortController()
  const stop = () => {
    if (stopping.signal.aborted) process.exit(EXIT.interrupted)
    stopping.abort()
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const name of signals) process.on(name, stop)
  return {
    signal: stopping.signal,
    end: () => {
      for (const name of signals) process.off(name, stop)
    },
  }
}

/** `millrace job:list | head -1`: who has read enough closes the pipe, which is no fault. */
function endQuietlyWithItsReader({ stdout }: Terminal): void {
  if (stdout !== process.stdout) return
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(EXIT.done)
  })
}

function withEnvironment(globals: Globals, env: Environment): Globals {
  const text = env.MILLRACE_WAIT
  if (globals.wait !== undefined || text === undefined || text === '') return globals
  const wait = durationMs(text)
  if (wait === undefined)
    throw usageError(`MILLRACE_WAIT takes a duration such as 90s, 15m or 2h, not '${text}'`)
  return { ...globals, wait }
}

function createContext(
  { world, terminal, globals, commands }: Setting,
  signal: AbortSignal,
): Context & { sayAge(): void } {
  const { env, version, now = () => new Date() } = world
  const print = createPrinter(terminal, globals.json)
  // Runs on evenly from the time of the start: a clock that is set meanwhile must not end a wait, nor make it endless.
  const [startedAtMs, startedMs] = [now().getTime(), performance.now()]
  const nowMs = () => startedAtMs + performance.now() - startedMs
  const progress = createProgress(terminal, nowMs)
  let ageSeconds: number | undefined
  const sleep = async (ms: number) => {
    // Ctrl-C ends the pause; whoever waits looks at the signal.
    await pause(ms, undefined, { signal }).catch(() => undefined)
  }
  const settings = lazy(() => readSettings(globals, env))
  const apiWith = (apiKey: string | undefined) =>
    createApi({
      settings: settings(),
      apiKey,
      version,
      signal,
      nowMs,
      sleep,
      progress,
      onSnapshot: (seconds) => {
        ageSeconds = Math.max(seconds, ageSeconds ?? 0)
      },
      trace: (line) => {
        if (globals.verbose) progress.note(painted(terminal.colours.err, 'dim', line))
      },
    })
  const api = lazy(() => {
    const { apiKey, configPath, isForeignKey, keyFrom } = settings()
    if (isForeignKey)
      throw usageError(
        `${keyFrom} has a key but names no server, and this key may be meant for Treasure Data's own`,
        'Say which server is meant: --endpoint URL, or MILLRACE_ENDPOINT=URL.',
      )
    if (apiKey === undefined)
      throw usageError(
        'there is no API key',
        `Sign in with 'millrace account', set MILLRACE_API_KEY, or make a key on the machine of the server: millrace key:create laptop. A key that lasts: millrace apikey:set KEY (into ${configPath}).`,
      )
    return apiWith(apiKey)
  })
  const isInteractive = terminal.stdin.isTTY === true
  return {
    settings,
    api,
    publicApi: lazy(() => apiWith(undefined)),
    print,
    progress,
    terminal,
    env,
    json: globals.json,
    now,
    sleep,
    signal,
    newId: randomUUID,
    async confirm(question) {
      if (!isInteractive)
        throw usageError(`${question} (nobody is there to answer)`, 'Say --force when you are certain.')
      return /^y(es)?$/i.test((await ask(terminal, `${question} [y/N] `, { signal })).trim())
    },
    ask: (question, how) => ask(terminal, question, { ...how, signal }),
    commands,
    version,
    sayAge() {
      if (ageSeconds === undefined) return
      terminal.stderr.write(
        `${painted(
          terminal.colours.err,
          'yellow',
          `as of ${ageText(ageSeconds)} ago: the main database is away, this is its last known state`,
        )}\n`,
      )
    },
  }
}

function lazy<T>(make: () => T): () => T {
  let made: { value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}

function sayError(error: CliError, { stderr, colours }: Terminal, isJson: boolean): void {
  const { code, message, details, exitCode } = error
  const help = error.help ?? (error instanceof Refused ? hintFor(error) : undefined)
  if (isJson) {
    stderr.write(
      `${JSON.stringify({ error: { code, message, ...(help === undefined ? {} : { help }), ...details, exit_code: exitCode } })}\n`,
    )
    return
  }
  stderr.write(
    `${painted(colours.err, 'red', 'millrace:')} ${harmlessLines(message)}\n${help === undefined ? '' : `${help}\n`}`,
  )
}
