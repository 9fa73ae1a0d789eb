import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseDatabaseUrl, probeDatabase, withAdmin } from '../../../src/database/index.ts'

/** A PostgreSQL as an operator would have it: on TCP, with a superuser called tester and no passwords. */
export type ExternalServer = {
  url(database: string): string
  query(statement: string): Promise<unknown>
  /** SIGKILL to the postmaster; its other processes end when they notice. */
  kill(): Promise<void>
  start(): Promise<void>
  remove(): Promise<void>
}

export async function startExternal(binaries: string): Promise<ExternalServer> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-pg-'))
  const cluster = join(directory, 'data')
  const owner = process.getuid?.() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : {}
  mkdirSync(cluster, { mode: 0o700 })
  chmodSync(directory, 0o711)
  if (owner.uid !== undefined) chownSync(cluster, owner.uid, owner.gid!)
  execFileSync(
    join(binaries, 'initdb'),
    ['-D', cluster, '-U', 'tester', '--auth=trust', '--no-sync', '-E', 'UTF8', '--locale=C'],
    { ...owner, stdio: 'pipe', cwd: '/' },
  )
  const port = await freePort()
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: cluster,
    wal_level: 'logical',
    fsync: 'off',
  }
  const args = ['-D', cluster, '-p', String(port)]
  for (const [name, value] of Object.entries(settings)) args.push('-c', `${name}=${value}`)
  let server: ChildProcess
  const url = (database: string) => `postgres://tester@127.0.0.1:${port}/${database}`
  const admin = parseDatabaseUrl(url('postgres'))

  /** After a kill the memory of the one before lives a moment longer, and the start is refused. */
  const start = async () => {
    for (const untilMs = performance.now() + 30_000; performance.now() < untilMs; ) {
      if (server === undefined || server.exitCode !== null || server.signalCode !== null)
        server = spawn(join(binaries, 'postgres'), args, { ...owner, stdio: 'ignore', cwd: '/' })
      try {
        return await probeDatabase(admin)
      } catch {
        // Not ready yet; the loop ends with an error when it never is.
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }
    throw new Error(`the PostgreSQL of ${binaries} did not start`)
  }
  const end = async (signal: NodeJS.Signals) => {
    if (server.exitCode !== null || server.signalCode !== null) return
    server.kill(signal)
    await once(server, 'exit')
  }
  await start()
  return {
    url,
    query: (statement) => withAdmin(admin, (connection) => connection.query(statement)),
    kill: () => end('SIGKILL'),
    start,
    async remove() {
      await end('SIGINT')
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Debian's package brings the user postgres; without it, who owns nothing does as well. */
function idOf(flag: string): number {
  for (const user of ['postgres', 'nobody']) {
    try {
      return Number(
        execFileSync('id', [flag, user], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
      )
    } catch {
      // No such user: the next one.
    }
  }
  throw new Error('neither postgres nor nobody is a user here')
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}
