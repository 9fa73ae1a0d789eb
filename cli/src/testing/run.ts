import { PassThrough, Readable, Writable } from 'node:stream'
import { COMMANDS } from '../commands/index.ts'
import { runCommandLine, type World } from '../run.ts'

/** Runs a command line in this process; what it wrote, and its exit code. */
export async function runCli(
  args: readonly string[],
  { env = {}, input = '', ...world }: Partial<World> & { input?: string } = {},
): Promise<{ exitCode: number; out: string; err: string }> {
  const said = { out: '', err: '' }
  const stream = (which: keyof typeof said) =>
    new Writable({
      write(part, _encoding, done) {
        said[which] += part
        done()
      },
    })
  const exitCode = await runCommandLine(args, COMMANDS, {
    env: { HOME: '/nonexistent', ...env },
    version: '0.0.0',
    stdout: stream('out'),
    stderr: stream('err'),
    stdin: input === '' ? new PassThrough() : Readable.from([input]),
    ...world,
  })
  return { exitCode, ...said }
}
