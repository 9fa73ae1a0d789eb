import { existsSync, readFileSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import { AppError, type Environment } from '../kernel/index.ts'
import { helpText, parseCommandLine } from './command-line.ts'
import { compileCacheIn, dataDirectory, readServerSettings } from './config.ts'

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
    default:
      return (await import('./local-commands.ts')).createKey(env, words)
  }
}

/** What an earlier start compiled saves this one half of its processor time; a new data directory is not made here. */
function useCompileCache(env: Environment): void {
  const dataDir = dataDirectory(readServerSettings(env))
  if (existsSync(dataDir)) enableCompileCache(compileCacheIn(dataDir))
}

function version(): string {
  const path = join(import.meta.dirname, '..', '..', 'package.json')
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof AppError)) throw error
  const help = error.help === undefined || error.code === 'unknown_option' ? '' : `${error.help}\n`
  process.stderr.write(`millrace: ${error.message}\n${help}`)
  process.exitCode = error.code === 'unknown_option' ? 2 : 1
}
