import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, test } from 'node:test'

const LOG = new URL('log.ts', import.meta.url).href

/** Runs `program`, which finds `log`, in a process of its own. */
function run(program: string) {
  const code = `import { createLog } from ${JSON.stringify(LOG)}; const log = createLog({ process: 'p' }); ${program}`
  return spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

describe('the log of a process', () => {
  test('does not keep it from ending when nobody reads the log any more', async () => {
    const child = run(
      `setTimeout(() => { for (const level of ['info', 'warn', 'fatal']) log[level]({}, 'late'); process.exit(7) }, 500)`,
    )
    child.stdout.destroy()
    const limit = setTimeout(() => child.kill('SIGKILL'), 10_000)
    const [code, signal] = await once(child, 'exit')
    clearTimeout(limit)
    assert.deepEqual([code, signal], [7, null])
  })

  test('loses no line to a reader that is slow, not even before an exit', async () => {
    const child = run(
      `for (let n = 0; n < 3000; n++) log.info({ n, pad: 'x'.repeat(300) }, 'line'); process.exit(0)`,
    )
    await new Promise((resolve) => setTimeout(resolve, 1000))
    let text = ''
    for await (const part of child.stdout.setEncoding('utf8')) text += part
    const numbers = text
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { n: number }).n)
    assert.deepEqual(
      numbers,
      Array.from({ length: 3000 }, (_, n) => n),
    )
  })
})
