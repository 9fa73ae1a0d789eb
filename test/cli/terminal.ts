import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

const COMMAND = join(import.meta.dirname, '..', '..', 'bin', 'millrace')

/** `script` of util-linux gives a command a terminal; on Debian it is part of every system. */
export const hasTerminal = existsSync('/usr/bin/script')

/** A command line on a terminal of 100 columns: what it shows, what is typed into it. */
export function onTerminal(args: string, env: Record<string, string>) {
  const child = spawn(
    '/usr/bin/script',
    ['--quiet', '--return', '--command', `stty cols 100 && exec ${COMMAND} ${args}`, '/dev/null'],
    { env: { ...process.env, TERM: 'xterm', NO_COLOR: '', ...env } },
  )
  let shown = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part: string) => {
      shown += part
    })
  const ended = once(child, 'exit').then(([code]) => code as number | null)
  return {
    ended,
    shown: () => shown,
    type: (text: string) => void child.stdin.write(text),
    async until(pattern: RegExp, withinMs = 30_000): Promise<void> {
      const endMs = performance.now() + withinMs
      while (!pattern.test(shown)) {
        if (performance.now() > endMs || child.exitCode !== null)
          throw new Error(`${pattern} was not shown by '${args}':\n${shown.slice(-2000)}`)
        await pause(20)
      }
    },
    kill: () => child.kill('SIGKILL'),
  }
}
