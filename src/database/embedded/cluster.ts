import { execFile } from 'node:child_process'
import {
  chmod,
  chown,
  lchown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { ensureDirectory, type Ids, syncDirectory, writeFileDurably } from '../../kernel/index.ts'
import { databaseErrors } from '../errors.ts'
import { type Account, blockedAt } from './account.ts'
import type { Binaries } from './binaries.ts'

const run = promisify(execFile)
export const ADMIN_USER = 'millrace_admin'

export const clusterPath = (dataDir: string) => join(dataDir, 'postgres')
const passwordPath = (dataDir: string) => join(dataDir, 'postgres.password')

/**
 * The data directory of PostgreSQL, created when missing: made beside its place and renamed into it, so that a
 * process killed in between leaves nothing that looks like a database. Never deletes one that exists.
 */
export async function ensureCluster(
  dataDir: string,
  { binaries, account, ids }: { binaries: Binaries; account: Account | undefined; ids: Ids },
): Promise<{ path: string; password: string }> {
  const path = clusterPath(dataDir)
  await ensureDirectory(dataDir)
  await letPass(dataDir, account)
  const password = await ensurePassword(dataDir, ids)
  if (!(await isCluster(path))) await createCluster(dataDir, { path, password, binaries, account })
  else if (account !== undefined) await giveTo(path, account)
  return { path, password }
}

/** The account must pass our own directory, which stays unreadable for it; what lies above is the operator's. */
async function letPass(dataDir: string, account: Account | undefined): Promise<void> {
  if (account === undefined) return
  await chmod(dataDir, ((await stat(dataDir)).mode & 0o777) | 0o011)
  const blocked = await blockedAt(dataDir, account)
  if (blocked !== undefined)
    throw databaseErrors.data_directory_unreachable(`${account.name} may not pass ${blocked}`)
}

/** Written before the database exists, so that there is never one whose password nobody knows. */
async function ensurePassword(dataDir: string, ids: Ids): Promise<string> {
  try {
    return (await readFile(passwordPath(dataDir), 'utf8')).trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const password = ids.hex160()
  await writeFileDurably(passwordPath(dataDir), `${password}\n`)
  return password
}

async function isCluster(path: string): Promise<boolean> {
  try {
    await stat(join(path, 'PG_VERSION'))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

async function createCluster(
  dataDir: string,
  {
    path,
    password,
    binaries,
    account,
  }: { path: string; password: string; binaries: Binaries; account: Account | undefined },
): Promise<void> {
  await removeAbandoned(dataDir)
  const room = await mkdtemp(join(dataDir, 'postgres-init-'))
  const passwordFile = join(room, 'password')
  await writeFileDurably(passwordFile, password)
  if (account !== undefined) await giveTo(room, account)
  const target = join(room, 'data')
  await runInitdb(binaries, target, passwordFile, account)
  await rename(target, path)
  await syncDirectory(dataDir)
  await rm(room, { recursive: true, force: true })
}

/** Rooms of initdb runs that were killed: ours by their name, and never renamed into a database. */
async function removeAbandoned(dataDir: string): Promise<void> {
  const left = (await readdir(dataDir)).filter((name) => name.startsWith('postgres-init-'))
  // An initdb whose parent was killed may still be writing; it fails when its files are gone.
  const patiently = { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }
  for (const name of left) await rm(join(dataDir, name), patiently)
}

async function runInitdb(
  binaries: Binaries,
  target: string,
  passwordFile: string,
  account: Account | undefined,
): Promise<void> {
  const options = [
    `--pgdata=${target}`,
    `--username=${ADMIN_USER}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    // Sort order must not depend on a library's version.
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--data-checksums',
    '--no-instructions',
    // One call for the file system instead of one for each of a thousand files: a quarter of the time.
    ...(process.platform === 'linux' ? ['--sync-method=syncfs'] : []),
  ]
  try {
    await run(join(binaries.root, 'bin', 'initdb'), options, {
      ...identityOf(account),
      cwd: dirname(target),
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    })
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string }
    throw databaseErrors.postgres_failed(`initdb: ${stderr.trim() || String(error)}`, error)
  }
}

export const identityOf = (account: Account | undefined) =>
  account === undefined ? {} : { uid: account.uid, gid: account.gid }

/** Recursive only where something is not the account's yet. */
export async function giveTo(path: string, account: Account): Promise<void> {
  const info = await lstat(path)
  const foreign = info.uid !== account.uid
  if (foreign) await lchown(path, account.uid, account.gid)
  if (!info.isDirectory() || !foreign) return
  for (const name of await readdir(path)) await giveTo(join(path, name), account)
}

/** A directory that only the account (and root) can enter: the socket is as private as the data. */
export async function ensureRunDirectory(runDir: string, account: Account | undefined): Promise<void> {
  await mkdir(runDir, { recursive: true, mode: 0o700 })
  await chmod(runDir, 0o700)
  if (account !== undefined) await chown(runDir, account.uid, account.gid)
}
