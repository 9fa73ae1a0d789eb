import type { Api } from './api/index.ts'
import type { Command } from './command.ts'
import type { Printer } from './output/printer.ts'
import type { Progress } from './output/progress.ts'
import type { Environment, Settings } from './settings.ts'
import type { Terminal } from './terminal.ts'

/** What a command runs in: everything of the world outside, so that tests can bring another. */
export type Context = {
  /** Where the server is and who asks; read at the first call. @throws usage (2) */
  settings(): Settings
  /** The server, as this user. @throws usage (2) when there is no key */
  api(): Api
  /** The server without a key: sign in, ask whether it is there. */
  publicApi(): Api
  print: Printer
  progress: Progress
  terminal: Terminal
  env: Environment
  json: boolean
  now(): Date
  /** Resolves early when the signal is aborted. */
  sleep(ms: number): Promise<void>
  /** Aborted by Ctrl-C. */
  signal: AbortSignal
  /** A new key of a request, so that it can be repeated without doubling. */
  newId(): string
  /** Asks on the terminal. @throws usage (2) where nobody is there to answer */
  confirm(question: string): Promise<boolean>
  ask(question: string, how?: { hidden?: boolean }): Promise<string>
  /** Every command there is, for help and completion. */
  commands: readonly Command[]
  version: string
}
