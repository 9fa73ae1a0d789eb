import { relative } from 'node:path'
import type { TestEvent } from 'node:test/reporters'

/** Files that took longer than this are named, so that it shows what the six minutes go into. */
const SLOW_MS = 20_000

/** A dot for each passed test, each failed one with its error at the end, the slow files, and the counts as the closing line. */
export default async function* reporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  const failures: string[] = []
  const slow: { file: string; ms: number }[] = []
  for await (const event of source) {
    if (event.type === 'test:pass' && event.data.details.type !== 'suite') {
      const skipped = event.data.skip !== undefined
      counts[skipped ? 'skipped' : 'passed'] += 1
      yield skipped ? '-' : '.'
      if ((counts.passed + counts.skipped + counts.failed) % 100 === 0) yield '\n'
    }
    if (event.type === 'test:fail' && event.data.details.type !== 'suite') {
      counts.failed += 1
      const { name, file, line, details } = event.data
      failures.push(`FAILED ${name} (${file}:${line})\n${text(details.error.cause ?? details.error)}`)
      yield 'X'
    }
    if (event.type === 'test:summary' && event.data.file !== undefined && event.data.duration_ms > SLOW_MS)
      slow.push({ file: relative('.', event.data.file), ms: event.data.duration_ms })
    if (event.type === 'test:stderr') yield event.data.message
  }
  slow.sort((a, b) => b.ms - a.ms)
  for (const { file, ms } of slow) yield `\n${(ms / 1000).toFixed(0).padStart(4)} s  ${file}`
  yield `\n${failures.map((failure) => `\n${failure}\n`).join('')}\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`
}

function text(cause: unknown): string {
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
}
