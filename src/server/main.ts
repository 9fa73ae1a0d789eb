import { existsSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { COMMANDS, EXIT, runCommandLine } from '../../cli/src/index.ts'
import { AppError } from '../kernel/errors.ts'
import type { Environment } from '../kernel/index.ts'
import { serverCommands } from './command-line.ts'
import { version } from './version.ts'

/**
 * `millrace COMMAND …`: the commands of this machine are here, those that speak to a server in the workspace `cli`. What a command
 * needs is loaded when it runs: `db:list` does without the server.
 */
async function run(command: string, words: string[], env: Environment): Promise<number> {
  switch (command) {
    case 'up':
      await useCompileCache(env)
      return (await import('./up.ts')).up(env)
    case 'status':
      return (await import('./local-commands.ts')).status(env)
    case 'lag':
      return (await import('./lag-command.ts')).lag(env)
    case 'restart':
      return (await import('./restart-command.ts')).restart(env, words)
    case 'spool':
      return (await import('./spool-commands.ts')).spool(env, words)
    case 'backup':
      return (await import('./backup-commands.ts')).backup(env, words)
    case 'verify':
      return (await import('./backup-commands.ts')).verify(env, words)
    case 'doctor':
      return (await import('./doctor-command.ts')).doctor(env)
    case 'fsck':
      return (await import('./fsck-commands.ts')).fsck(env)
    case 'restore':
      return (await import('./backup-commands.ts')).restore(env, words)
    case 'key:create':
      return (await import('./local-commands.ts')).createKey(env, words)
    default:
      throw new Error(`the command ${command} is declared and not implemented`)
  }
}

/** What an earlier start compiled saves this one half of its processor time; a new data directory is not made here. */
async function useCompileCache(env: Environment): Promise<void> {
  const { compileCacheIn, dataDirectory, readServerSettings } = await import('./config.ts')
  const dataDir = dataDirectory(readServerSettings(env))
  if (existsSync(dataDir)) enableCompileCache(compileCacheIn(dataDir))
}

/** With the refusals of this machine as sentences; exit code 1 failed, 2 not understood. */
async function runAndExplain(command: string, words: string[], env: Environment): Promise<number> {
  try {
    return await run(command, words, env)
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    const isUsage = error.code === 'unknown_option'
    const help = error.help === undefined || isUsage ? '' : `${error.help}\n`
    process.stderr.write(`millrace: ${error.message}\n${help}`)
    return isUsage ? EXIT.usage : EXIT.failed
  }
}

process.exitCode = await runCommandLine(
  process.argv.slice(2),
  [...COMMANDS, ...serverCommands(runAndExplain)],
  {
    env: process.env,
    version: version(),
  },
)
