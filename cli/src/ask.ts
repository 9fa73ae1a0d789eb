import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { CliError, usageError } from './errors.ts'
import { EXIT } from './exit-codes.ts'
import type { Terminal } from './terminal.ts'

/**
 * Asks a person. A hidden answer (a password) may also come through a pipe, as its first line: scripts have no terminal.
 * @throws usage (2) where nobody is there to answer · interrupted (130)
 */
export async function ask(
  { stdin, stderr }: Terminal,
  question: string,
  { hidden = false, signal }: { hidden?: boolean; signal: AbortSignal },
): Promise<string> {
  const isPerson = stdin.isTTY === true
  if (!isPerson && !hidden)
    throw usageError(
      `there is nobody to ask '${question.trim()}'`,
      'Run it on a terminal, or give the answer as an option.',
    )
  const quiet = new Writable({ write: (_chunk, _encoding, done) => done() })
  if (isPerson) stderr.write(question)
  const lines = createInterface({ input: stdin, output: hidden ? quiet : stderr, terminal: isPerson })
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const stop = () =>
    reject(new CliError('interrupted; nothing was done', { code: 'interrupted', exitCode: EXIT.interrupted }))
  lines.once('line', resolve)
  lines.once('SIGINT', stop)
  signal.addEventListener('abort', stop)
  lines.once('close', () => reject(usageError(`no answer to '${question.trim()}'`)))
  try {
    return await promise
  } finally {
    signal.removeEventListener('abort', stop)
    lines.close()
    if (isPerson && hidden) stderr.write('\n')
  }
}
