import { existsSync, globSync, statSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { run } from 'node:test'
import { roomInMemory } from './support/room-in-memory.ts'
import report from './test-reporter.ts'

/**
 * Runs the tests: the unit tests in one process, every file that starts a PostgreSQL or other processes in one of its own. All of them
 * share two places, so that both processors of a small machine are busy until the end.
 */
const words = process.argv.slice(2)
/** What takes long: faults, kills at every step of what writes, random lives, attacks. A step of its own in .ci/run. */
const isLongRun = words.includes('--long')
/** From the repository's root, however they were written: `./src/spool/`, an absolute path. */
const named = words.filter((word) => word !== '--long').map((word) => relative('.', word) || '.')
const LONG_RUN = globSync([
  'src/**/crash.proc.test.ts',
  'src/**/random-*.pg.test.ts',
  'src/writes/concurrency.pg.test.ts',
  'test/cli/import.proc.test.ts',
  'test/faults/*.test.ts',
  'test/server/backup.proc.test.ts',
  'test/server/fsck.proc.test.ts',
  'test/server/permissions.proc.test.ts',
  'test/server/restart.proc.test.ts',
  'test/server/sandbox.proc.test.ts',
])
/** Real clients, run by script/test-clients. */
const isClient = (file: string) => file.startsWith('test/clients/')
/** Begun first, for a long file that begins last keeps everybody waiting. The reporter names what belongs here. */
const LONG = [
  'test/protocol/protocol.proc.test.ts',
  'test/faults/drills.proc.test.ts',
  'test/protocol/gateway.proc.test.ts',
  'test/server/up.proc.test.ts',
  'src/writes/writes.pg.test.ts',
  'src/writes/statements.pg.test.ts',
]
const SUITES = [
  { name: 'unit', holds: (file: string) => !/\.(pg|proc)\.test\.ts$/.test(file) },
  { name: 'database', holds: (file: string) => file.endsWith('.pg.test.ts') },
  { name: 'processes', holds: (file: string) => file.endsWith('.proc.test.ts') },
] as const
const UNIT_PROCESS = resolve('script/support/unit-tests.ts')

function testFiles(): string[] {
  const all = globSync(['src/**/*.test.ts', 'cli/**/*.test.ts', 'test/**/*.test.ts'], {
    exclude: ['**/node_modules/**'],
  }).sort()
  if (named.length === 0)
    return all.filter((file) => !isClient(file) && LONG_RUN.includes(file) === isLongRun)
  for (const word of named) {
    if (!existsSync(word)) throw new Error(`no such file or folder: ${word}`)
  }
  return all.filter((file) =>
    named.some(
      (word) => word === '.' || (statSync(word).isDirectory() ? file.startsWith(`${word}/`) : file === word),
    ),
  )
}

function longFirst(files: string[]): string[] {
  const rank = (file: string) => (LONG.includes(file) ? LONG.indexOf(file) : LONG.length)
  return files.toSorted((a, b) => rank(a) - rank(b))
}

const files = testFiles()
if (files.length === 0) {
  console.error(`no tests in ${named.join(', ')}`)
  process.exit(1)
}
const unit = files.filter(SUITES[0].holds)
const others = longFirst(files.filter((file) => !SUITES[0].holds(file)))
process.env.MILLRACE_UNIT_TESTS = unit.join('\n')
// Tests start hundreds of short processes: what one has compiled the next need not.
process.env.NODE_COMPILE_CACHE = resolve('node_modules/.cache/compile')
// All of them write into memory; one by one, and in the steps of .ci/run that kill and damage, onto the disk.
const room = named.length === 0 && !isLongRun && process.env.TMPDIR === undefined ? roomInMemory() : undefined
if (room !== undefined) process.env.TMPDIR = room

const startedMs = performance.now()
const busyMs = new Map<string, number>(SUITES.map(({ name }) => [name, 0]))
const all = [...(unit.length > 0 ? [UNIT_PROCESS] : []), ...others.map((file) => resolve(file))]
const failures = await runFiles(all, 2)
const unsteady = await runAgain(failures)
const failed = failures.size > 0 && unsteady.length < failures.size

for (const { name, holds } of SUITES) {
  const count = files.filter(holds).length
  if (count === 0) continue
  console.log(
    `${name.padEnd(10)} ${String(count).padStart(3)} files  ${seconds(busyMs.get(name)!)} s of one place`,
  )
}
console.log(
  `${'together'.padEnd(10)} ${String(files.length).padStart(3)} files  ${seconds(performance.now() - startedMs)} s  ${failed ? 'FAILED' : 'ok'}`,
)
for (const file of unsteady)
  console.log(`UNSTEADY ${relative('.', file)} failed once and passed alone: it or what it tests has a race`)
process.exit(failed ? 1 : 0)

/** Runs the files, so many at a time, and tells of each test; returns the files in which something failed. */
async function runFiles(paths: string[], concurrency: number): Promise<Set<string>> {
  const events = run({ files: paths, concurrency, isolation: 'process', timeout: 600_000 })
  const failedIn = new Set<string>()
  events.on('test:fail', ({ file }) => failedIn.add(paths.find((path) => path === file) ?? UNIT_PROCESS))
  events.on('test:summary', ({ file, duration_ms: durationMs }) => {
    if (file === undefined) return
    const { name } = SUITES.find(({ holds }) => holds(file))!
    busyMs.set(name, busyMs.get(name)! + durationMs)
  })
  for await (const text of report(events)) process.stdout.write(text)
  return failedIn
}

/**
 * In CI a machine that is busy with others must not decide: up to three files that start servers run once more, each alone. Returns those
 * that passed then, to be named loudly. Unit tests have nothing to wait for and get no second try.
 */
async function runAgain(failedIn: Set<string>): Promise<string[]> {
  if (process.env.CI !== 'true' || failedIn.size > 3 || failedIn.has(UNIT_PROCESS)) return []
  const passed: string[] = []
  for (const file of failedIn) if ((await runFiles([file], 1)).size === 0) passed.push(file)
  return passed
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1).padStart(6)
}
