import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync } from 'node:fs'
import { resolve } from 'node:path'

/** Each file of test/clients in a process of its own, with its time; a file skips itself when its client is not here. */
// Shared by all servers that are started here.
process.env.NODE_COMPILE_CACHE ??= resolve('node_modules/.cache/compile')
const times: string[] = []
let failed = false
for (const file of globSync('test/clients/*.test.ts').sort()) {
  const startedMs = performance.now()
  const args = ['--test', '--test-reporter=./script/test-reporter.ts', '--test-timeout=600000', file]
  const [code] = await once(spawn(process.execPath, args, { stdio: 'inherit' }), 'exit')
  times.push(
    `${file.padEnd(40)} ${((performance.now() - startedMs) / 1000).toFixed(1).padStart(6)} s  ${code === 0 ? 'ok' : 'FAILED'}`,
  )
  if (code !== 0) failed = true
}
console.log(`\n${times.join('\n')}`)
process.exitCode = failed || times.length === 0 ? 1 : 0
