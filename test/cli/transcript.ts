import { readFileSync, writeFileSync } from 'node:fs'
import { runCli } from '../../cli/src/testing/run.ts'

/**
 * A transcript is what one sees on a terminal: `$ ` begins a command line as for a shell, `! ` a line on standard error,
 * `[exit N]` an exit code that is not 0, `#` a remark. What differs from run to run stands as in MASKS.
 */
export async function replay(
  file: string,
  env: Record<string, string>,
): Promise<{ seen: string; written: string }> {
  const written = readFileSync(file, 'utf8')
  const steps = written
    .split('\n')
    .filter((line) => line.startsWith('$ ') || line.startsWith('#') || line === '')
  const seen: string[] = []
  for (const line of steps) {
    seen.push(line)
    if (!line.startsWith('$ ')) continue
    const [command, ...args] = shellWords(line.slice(2))
    if (command !== 'millrace') throw new Error(`${file}: '${line}' is not a command line of millrace`)
    const { exitCode, out, err } = await runCli(args, { env })
    seen.push(...lines(out), ...lines(err).map((text) => `! ${text}`))
    if (exitCode !== 0) seen.push(`[exit ${exitCode}]`)
  }
  const text = masked(seen.join('\n'))
  if (process.env.MILLRACE_TRANSCRIPTS === 'write') writeFileSync(file, text)
  return { seen: text, written }
}

const lines = (text: string) => (text === '' ? [] : text.replace(/\n$/, '').split('\n'))

const MASKS: [RegExp, string][] = [
  [/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000/g, '2026-01-02 03:04:05 +0000'],
  [/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/g, '2026-01-02 03:04:05 UTC'],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, '2026-01-02T03:04:05Z'],
  [/http:\/\/127\.0\.0\.1:\d+/g, 'http://127.0.0.1:8080'],
  [/\b1\/[0-9a-f]{40}\b/g, '1/0123456789abcdef0123456789abcdef01234567'],
  [/\b1\/[0-9a-f]{8}\.\.\.#\d+/g, '1/01234567...#7'],
  // The log of a job is the server's to word.
  [/(?:^! {3}.*\n)+/gm, '!   … the log of the job …\n'],
  [/Password: \S{20}/g, 'Password: abcdefghijklmnopqrst'],
]

function masked(text: string): string {
  return MASKS.reduce((left, [pattern, stands]) => left.replace(pattern, stands), text)
}

/** Words and 'quoted words'. */
function shellWords(line: string): string[] {
  return [...line.matchAll(/'((?:[^'])*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare!)
}
