import { existsSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { AppError, type Environment } from '../kernel/index.ts'
import { helpText, parseCommandLine } from './command-line.ts'
import { compileCacheIn, dataDirectory, readServerSettings } from './config.ts'
import { version } from './version.ts'

/** `millrace COMMAND …`: exit code 0 done, 1 failed, 2 the command line was not understood. */
async function main(args: string[]): Promise<number> {
  const { command, words, env } = parseCommandLine(args, process.env)
  switch (command) {
    case 'help':
      process.stdout.write(`${helpText(words[0])}\n`)
      return 0
    case 'version':
      process.stdout.write(`millrace ${version()} (node ${process.versions.node})\n`)
      return 0
    case 'up':
      useCompileCache(env)
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
    case 'fsck':
      return (await import('./fsck-commands.ts')).fsck(env)
    case 'restore':
      return (await import('./backup-commands.ts')).restore(env, words)
    default:
      return (await import('./local-commands.ts')).createKey(env, words)
  }
}

/** What an earlier start compiled saves this one half of its processor time; a new data directory is not made here. */
function useCompileCache(env: Environment): void {
  const dataDir = dataDirectory(readServerSettings(env))
  if (existsSync(dataDir)) enableCompileCache(compileCacheIn(dataDir))
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof AppError)) throw error
  const help = error.help === undefined || error.code === 'unknown_option' ? '' : `${error.help}\n`
  process.stderr.write(`millrace: ${error.message}\n${help}`)
  process.exitCode = error.code === 'unknown_option' ? 2 : 1
}
