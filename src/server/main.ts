import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../kernel/index.ts'
import { helpText, parseCommandLine } from './command-line.ts'

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
      return (await import('./up.ts')).up(env)
    case 'status':
      return (await import('./local-commands.ts')).status(env)
    default:
      return (await import('./local-commands.ts')).createKey(env, words)
  }
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
