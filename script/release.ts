import { execFileSync } from 'node:child_process'
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { proveThatItWorks } from './support/proof.ts'

/** Node does not strip types below node_modules, so what is published is JavaScript: the same tree under dist/. */
const DIST = 'dist'
const ASSETS = ['src/database/migrations/*.sql', 'src/console/public/*']
const PUBLISHED = ['bin', 'dist', 'README.md', 'ARCHITECTURE.md', 'CHANGELOG.md', 'LICENSE', 'SECURITY.md']

function build(): void {
  rmSync(DIST, { recursive: true, force: true })
  const config = {
    extends: '../tsconfig.json',
    compilerOptions: { noEmit: false, outDir: '.', rootDir: '..', rewriteRelativeImportExtensions: true },
    include: ['../src', '../cli/src'],
    exclude: [
      '../cli/src/**/*.test.ts',
      '../cli/src/**/testing*.ts',
      '../src/**/*.test.ts',
      '../src/**/testing',
      '../src/**/*testing*.ts',
      '../src/**/cases.ts',
      '../src/**/case-tables.ts',
    ],
  }
  mkdirSync(DIST)
  writeFileSync(join(DIST, 'tsconfig.json'), JSON.stringify(config))
  execFileSync('tsc', ['-p', DIST], { stdio: 'inherit' })
  rmSync(join(DIST, 'tsconfig.json'))
  for (const asset of globSync(ASSETS)) {
    const target = join(DIST, asset)
    mkdirSync(dirname(target), { recursive: true })
    cpSync(asset, target)
  }
}

function pack(): string {
  const staging = mkdtempSync(join(tmpdir(), 'millrace-release-'))
  for (const path of PUBLISHED) cpSync(path, join(staging, path), { recursive: true })
  const {
    private: _private,
    devDependencies: _dev,
    ...manifest
  } = JSON.parse(readFileSync('package.json', 'utf8'))
  writeFileSync(join(staging, 'package.json'), JSON.stringify({ ...manifest, files: PUBLISHED }, null, 2))
  const output = execFileSync('npm', ['pack', '--json', '--loglevel=error'], {
    cwd: staging,
    encoding: 'utf8',
  })
  const packed = JSON.parse(output)
  const { filename } = (Array.isArray(packed) ? packed[0] : Object.values(packed)[0]) as { filename: string }
  cpSync(join(staging, filename), join(DIST, filename))
  rmSync(staging, { recursive: true })
  return join(process.cwd(), DIST, filename)
}

function install(tarball: string): string {
  const elsewhere = mkdtempSync(join(tmpdir(), 'millrace-installed-'))
  writeFileSync(join(elsewhere, 'package.json'), '{"private":true}')
  execFileSync(
    'npm',
    ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', tarball],
    { cwd: elsewhere, stdio: 'inherit' },
  )
  return elsewhere
}

build()
const tarball = pack()
const elsewhere = install(tarball)
try {
  const command = join(elsewhere, 'node_modules', '.bin', 'millrace')
  console.log(execFileSync(command, ['version'], { encoding: 'utf8' }).trim())
  await proveThatItWorks(command)
} finally {
  rmSync(elsewhere, { recursive: true, force: true })
}
console.log(`release: ${tarball} installs, starts, imports, answers and stops`)
