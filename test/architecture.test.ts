import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, test } from 'node:test'

/** Folder → level. Imports point down; sideways only where SIDEWAYS says so. */
const LEVELS: Record<string, number> = {
  kernel: 0,
  gate: 1,
  database: 1,
  snapshot: 1,
  spool: 1,
  storage: 1,
  disk: 1,
  backup: 2,
  catalog: 2,
  maintenance: 2,
  ingest: 3,
  load: 3,
  query: 3,
  jobs: 3,
  schedules: 4,
  'bulk-import': 4,
  archive: 4,
  export: 4,
  alerts: 5,
  gateway: 5,
  console: 5,
  fsck: 5,
  doctor: 5,
  writes: 5,
  server: 6,
}
const SIDEWAYS = new Set(['database → gate', 'query → jobs'])
/** Entries besides `index.ts` through which a folder may be entered, and why. */
const DOORS: Record<string, string> = {
  'catalog/event-tables.ts':
    'makes tables as events arrive, for the loader: without the routes and their framework',
  'kernel/http/index.ts': 'brings the HTTP framework, which the edge must not load',
  'kernel/http/errors.ts': 'the v3 error body without the framework, for the edge',
  'database/testing.ts': 'test support',
  'kernel/errors.ts': 'tables of errors without log and metrics, for what is to be loaded quickly',
  'load/routes.ts': 'the REST side of loading, for core: a loader does without the framework',
  'query/results/index.ts': 'rendering of stored results, a port of jobs',
  'query/engine/process.ts': 'entry of the engine process',
  'storage/parquet/index.ts': 'the Parquet writer, on its own for the benchmark and the loader',
}
/** Processes by the file they start from, and what they must never reach. */
const PROCESSES: Record<string, string[]> = {
  'src/server/roles/ingest.ts': ['pg', 'fastify', '@duckdb/node-api'],
  'src/query/engine/process.ts': ['pg', 'fastify', 'pino', 'prom-client'],
  'src/query/compile.ts': ['pg', 'fastify', 'pino', 'prom-client', '@duckdb/node-api'],
  'src/query/engine-functions.ts': ['pg', 'fastify', 'pino', 'prom-client', '@duckdb/node-api'],
}
const LONGEST_FILE_LINES = 500

type Import = { from: string; to: string; line: number; typeOnly: boolean }
const sources = globSync('src/**/*.ts')
const imports = sources.flatMap(importsOf)

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8')
  const pattern = /^(?:import|export)\s+(type\s+)?(?:[^'"`;]*?\sfrom\s+)?['"]([^'"]+)['"]/gm
  const dynamic = /\bimport\(\s*['"]([^'"]+)['"]/g
  const found: Import[] = []
  const add = (target: string, index: number, typeOnly: boolean) => {
    const to = target.startsWith('.') ? normalize(join(dirname(file), target)) : target
    found.push({ from: file, to, line: text.slice(0, index).split('\n').length, typeOnly })
  }
  for (const match of text.matchAll(pattern)) add(match[2], match.index, match[1] !== undefined)
  for (const match of text.matchAll(dynamic)) add(match[1], match.index, false)
  return found
}

/** Tests and what only they use; a release leaves the same files out (script/release.ts). */
const isTest = (file: string) =>
  /\.test\.ts$|\/testing(\.ts|\/)|-testing\.ts$|\/cases\.ts$|\/case-tables\.ts$|\/testing-[a-z-]+\.ts$/.test(
    file,
  )
const folderOf = (file: string) => file.split('/')[1]
const within = imports.filter(({ to }) => to.startsWith('src/'))
const crossing = within.filter(({ from, to }) => folderOf(from) !== folderOf(to) && !isTest(from))

describe('the architecture', () => {
  test('was really looked at: enough files and imports were seen', () => {
    assert.ok(sources.length > 60, `only ${sources.length} source files were found`)
    assert.ok(crossing.length > 60, `only ${crossing.length} imports between folders were found`)
  })

  test('every folder has a level', () => {
    const unknown = [...new Set(sources.map(folderOf))].filter((folder) => LEVELS[folder] === undefined)
    assert.deepEqual(unknown, [], 'add them to LEVELS, at the lowest level that works')
  })

  test('dependencies point down', () => {
    const wrong = crossing
      .map(({ from, to, line }) => ({ arrow: `${folderOf(from)} → ${folderOf(to)}`, from, to, line }))
      .filter(({ arrow, from, to }) => LEVELS[folderOf(to)] >= LEVELS[folderOf(from)] && !SIDEWAYS.has(arrow))
      .map(
        ({ arrow, from, line, to }) => `${from}:${line} imports ${to} (${arrow}): turn it round with a port`,
      )
    assert.deepEqual(wrong, [])
  })

  test('a folder is entered through its door', () => {
    const wrong = crossing
      .filter(({ to }) => {
        const inside = to.split('/').slice(1).join('/')
        return !/^[a-z-]+\/index\.ts$/.test(inside) && DOORS[inside] === undefined
      })
      .map(({ from, line, to }) => `${from}:${line} imports ${to}: use its index.ts`)
    assert.deepEqual(wrong, [])
  })

  test('there are no import cycles among files', () => {
    assert.deepEqual(cycles(), [])
  })

  test('the command line speaks REST only: it knows nothing of the server and has no packages', () => {
    const files = globSync('cli/src/**/*.ts')
    assert.ok(files.length > 40, `only ${files.length} files were found`)
    const wrong = files
      .filter((file) => !isTest(file))
      .flatMap(importsOf)
      .filter(({ to }) => !to.startsWith('cli/src/') && !to.startsWith('node:'))
      .map(({ from, line, to }) => `${from}:${line} imports ${to}`)
    assert.deepEqual(wrong, [])
    const reading = files.filter(
      (file) => !isTest(file) && /process\.env\b/.test(stripComments(readFileSync(file, 'utf8'))),
    )
    assert.deepEqual(reading, [], 'the environment comes in as an argument')
    const { dependencies } = JSON.parse(readFileSync('cli/package.json', 'utf8'))
    assert.equal(dependencies, undefined)
  })

  test('of the server only its start knows the command line, through its door', () => {
    const wrong = imports
      .filter(({ to }) => to.startsWith('cli/'))
      .filter(({ from, to }) => folderOf(from) !== 'server' || to !== 'cli/src/index.ts')
      .map(({ from, line, to }) => `${from}:${line} imports ${to}`)
    assert.deepEqual(wrong, [])
  })

  test('SQL against the main database stands in stores and migrations only', () => {
    const wrong = sources
      .filter((file) => !isTest(file) && !file.startsWith('src/database/') && !/store\.ts$/.test(file))
      .filter((file) => /\bsql`|\bsql<[^`]*>`/.test(readFileSync(file, 'utf8')))
    assert.deepEqual(wrong, [], 'move the statement to the store.ts of its capability')
  })

  test('only the start of a process reads the environment', () => {
    const wrong = sources
      .filter((file) => !isTest(file) && !file.startsWith('src/server/'))
      .filter((file) => /process\.env\b/.test(stripComments(readFileSync(file, 'utf8'))))
      .filter((file) => file !== 'src/query/engine/process.ts')
    assert.deepEqual(wrong, [], 'take the setting as an argument')
  })

  for (const [entry, forbidden] of Object.entries(PROCESSES)) {
    test(`the process of ${entry} never reaches ${forbidden.join(', ')}`, () => {
      assert.ok(existsSync(entry), `${entry} does not exist`)
      const reached = reachableFrom(entry)
      assert.ok(reached.files.size > 5, `only ${reached.files.size} files are reachable from ${entry}`)
      for (const name of forbidden)
        assert.equal(reached.packages.get(name), undefined, `through ${reached.packages.get(name)}`)
    })
  }

  test('no file is too long to read', () => {
    const long = [...sources, ...globSync('cli/src/**/*.ts')]
      .map((file) => ({ file, lines: readFileSync(file, 'utf8').split('\n').length }))
      .filter(({ lines }) => lines > LONGEST_FILE_LINES)
      .map(({ file, lines }) => `${file} has ${lines} lines: split it by subject`)
    assert.deepEqual(long, [])
  })

  test('every path that ARCHITECTURE.md names exists', () => {
    const text = readFileSync('ARCHITECTURE.md', 'utf8')
    const named = [...text.matchAll(/`((?:src|test|script|bench|docs)\/[^`*{}<> ]+)`/g)].map(
      (match) => match[1],
    )
    assert.ok(named.length > 20)
    assert.deepEqual(
      named.filter((path) => !existsSync(path)),
      [],
    )
  })

  test('every dependency is justified in docs/dependencies.md', () => {
    const { dependencies, devDependencies, optionalDependencies } = JSON.parse(
      readFileSync('package.json', 'utf8'),
    )
    const text = readFileSync('docs/dependencies.md', 'utf8')
    const names = Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies })
    assert.ok(names.length > 10)
    assert.deepEqual(
      names.filter((name) => !text.includes(`\`${name}\``)),
      [],
    )
  })

  test('the lockfile has every optional package its packages declare, for every platform', () => {
    const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'))
    const present = new Set(Object.keys(packages).map((key) => key.replace(/^.*node_modules\//, '')))
    const missing = Object.entries(
      packages as Record<string, { optionalDependencies?: Record<string, string> }>,
    ).flatMap(([key, entry]) =>
      Object.keys(entry.optionalDependencies ?? {})
        .filter((name) => !present.has(name))
        .map((name) => `${key} → ${name}`),
    )
    assert.ok(present.size > 50)
    assert.deepEqual(missing, [])
  })
})

function stripComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
}

function reachableFrom(entry: string): { files: Set<string>; packages: Map<string, string> } {
  const files = new Set([entry])
  const packages = new Map<string, string>()
  for (const file of files) {
    for (const { to, typeOnly } of imports.filter(({ from }) => from === file)) {
      if (typeOnly) continue
      if (to.startsWith('src/')) files.add(to)
      else if (!to.startsWith('node:')) packages.set(to, file)
    }
  }
  return { files, packages }
}

function cycles(): string[] {
  const next = new Map<string, string[]>()
  for (const { from, to, typeOnly } of within) if (!typeOnly) next.set(from, [...(next.get(from) ?? []), to])
  const found: string[] = []
  const done = new Set<string>()
  const visit = (file: string, trail: string[]) => {
    const at = trail.indexOf(file)
    if (at >= 0) found.push([...trail.slice(at), file].join(' → '))
    if (at >= 0 || done.has(file)) return
    for (const target of next.get(file) ?? []) visit(target, [...trail, file])
    done.add(file)
  }
  for (const file of next.keys()) visit(file, [])
  return found
}
