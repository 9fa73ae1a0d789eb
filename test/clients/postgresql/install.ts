import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { linkLibraries } from '../../../src/database/embedded/binaries.ts'

/**
 * Installs the PostgreSQL versions of `package-lock.json` beside this file (pinned, with integrity) into `directory`, without their
 * install scripts: the links they would make are made as for the embedded one. Returns where the programs of each are; those
 * that the registry did not give are left out.
 */
export async function installVersions(directory: string): Promise<Map<number, string>> {
  for (const name of ['package.json', 'package-lock.json'])
    copyFileSync(join(import.meta.dirname, name), join(directory, name))
  // Programs that another user runs: readable, whatever the mask of this shell.
  const before = process.umask(0o022)
  try {
    execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: directory,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  } finally {
    process.umask(before)
  }
  const found = new Map<number, string>()
  for (const version of [16, 17]) {
    const root = join(directory, 'node_modules', `postgresql-${version}-${process.arch}`, 'native')
    if (!existsSync(root)) continue
    await linkLibraries(root)
    found.set(version, join(root, 'bin'))
  }
  return found
}
