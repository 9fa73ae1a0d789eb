import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync, statSync } from 'node:fs'
import { relative, resolve } from 'node:path'

/**
 * Runs the tests in three suites: unit tests share one process (they must not share state, and that shows at once if
 * they do); tests with PostgreSQL and tests with child processes get a process each.
 */
/** From the repository's root, however they were written: `./src/spool/`, an absolute path. */
const named = process.argv.slice(2).map((word) => relative('.', word) || '.')
/**
 * Run by steps of their own: real clients by script/test-clients; what takes long (the incidents' drills, kills at every step of a write,
 * attacks on the sandbox) beside script/faults in .ci/run.
 */
const ELSEWHERE = [
  'test/clients/',
  'test/faults/drills.proc.test.ts',
  'test/server/sandbox.proc.test.ts',
  'src/writes/crash.proc.test.ts',
]
const SUITES = [
  {
    name: 'unit',
    match: (file: string) => !/\.(pg|proc)\.test\.ts$/.test(file),
    isolation: 'none',
    concurrency: 1,
  },
  {
    name: 'database',
    match: (file: string) => file.endsWith('.pg.test.ts'),
    isolation: 'process',
    concurrency: 2,
  },
  {
    name: 'processes',
    match: (file: string) => file.endsWith('.proc.test.ts'),
    isolation: 'process',
    concurrency: 2,
  },
] as const

function testFiles(): string[] {
  const all = globSync(['src/**/*.test.ts', 'test/**/*.test.ts']).sort()
  if (named.length === 0) return all.filter((file) => !ELSEWHERE.some((place) => file.startsWith(place)))
  for (const word of named) {
    if (!existsSync(word)) throw new Error(`no such file or folder: ${word}`)
  }
  return all.filter((file) =>
    named.some(
      (word) => word === '.' || (statSync(word).isDirectory() ? file.startsWith(`${word}/`) : file === word),
    ),
  )
}

const files = testFiles()
const times: string[] = []
let failed = false
for (const suite of SUITES) {
  const mine = files.filter(suite.match)
  if (mine.length === 0) continue
  const startedMs = performance.now()
  const child = spawn(
    process.execPath,
    [
      '--test',
      `--test-isolation=${suite.isolation}`,
      `--test-concurrency=${suite.concurrency}`,
      '--test-reporter=./script/test-reporter.ts',
      ...(suite.isolation === 'none' ? [] : ['--test-timeout=300000']),
      ...mine,
    ],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
      // Tests start hundreds of short processes: what one has compiled the next need not.
      env: { ...process.env, NODE_COMPILE_CACHE: resolve('node_modules/.cache/compile') },
    },
  )
  const [code] = await once(child, 'exit')
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  times.push(
    `${suite.name.padEnd(10)} ${String(mine.length).padStart(3)} files  ${seconds.padStart(6)} s  ${code === 0 ? 'ok' : 'FAILED'}`,
  )
  if (code !== 0) failed = true
}
if (files.length === 0) {
  console.error(`no tests in ${named.join(', ')}`)
  failed = true
}
console.log(`\n${times.join('\n')}`)
process.exitCode = failed ? 1 : 0
