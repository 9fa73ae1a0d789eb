import { relative } from 'node:path'
import type { TestEvent } from 'node:test/reporters'

/** Files that took longer than this are named, so that it shows what the six minutes go into. */
const SLOW_MS = 20_000

/** A dot for each passed test, each failed one with its error at the end, the slow files, and the counts as the closing line. */
export default async function* reporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  const failures = new Set<string>()
  const slow: { file: string; ms: number }[] = []
  for await (const event of source) {
    if (event.type === 'test:pass' && event.data.details.type !== 'suite') {
      const skipped = event.data.skip !== undefined
      counts[skipped ? 'skipped' : 'passed'] += 1
      yield skipped ? '-' : '.'
      if ((counts.passed + counts.skipped + counts.failed) % 100 === 0) yield '\n'
    }
    if (event.type === 'test:fail') {
      const { name, file, line, details } = event.data
      const isTest = details.type !== 'suite'
      if (isTest) {
        counts.failed += 1
        yield 'X'
      }
      // A failed preparation is told once, by its suite, not by each of the tests that could not run.
      if (isTest ? !isCancelled(details.error) : isFailedHook(details.error))
        failures.add(`FAILED ${name} (${file}:${line})\n${text(details.error.cause ?? details.error)}`)
    }
    if (event.type === 'test:summary' && event.data.file !== undefined && event.data.duration_ms > SLOW_MS)
      slow.push({ file: relative('.', event.data.file), ms: event.data.duration_ms })
    if (event.type === 'test:stderr') yield event.data.message
  }
  slow.sort((a, b) => b.ms - a.ms)
  for (const { file, ms } of slow) yield `\n${(ms / 1000).toFixed(0).padStart(4)} s  ${file}`
  yield `\n${[...failures].map((failure) => `\n${failure}\n`).join('')}\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`
}

type Failure = Error & { failureType?: string }

function isCancelled(error: Failure): boolean {
  return error.failureType === 'cancelledByParent'
}

function isFailedHook(error: Failure): boolean {
  return error.failureType === 'hookFailed'
}

function text(cause: unknown): string {
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
}
