import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type TestServer = {
  url: string
  adminUrl: string
  /** Where the protocol of Presto and Trino is spoken. */
  gatewayUrl: string
  dataDir: string
  pid: number
  /** A master key of the owner. */
  apiKey: string
  firstAccount: { email: string; password: string; masterKey: string; writeOnlyKey: string }
  /** Everything the server has logged so far, one JSON object per line. */
  log(): string
  processes(): Promise<{ name: string; pid?: number; state: string; ready: boolean; restarts: number }[]>
  /** Every route of the REST API. */
  routes(): Promise<{ method: string; url: string; isPublic: boolean; writeOnlyKeys: boolean }[]>
  makeKey(kind: string): Promise<string>
  /** SIGTERM and wait; resolves with the exit code. */
  stop(): Promise<number | null>
  /** Ends it without a word and without cleaning up. */
  kill(): Promise<void>
  remove(): void
}

/** Starts a whole Millrace from this checkout on free ports, in a data directory of its own unless one is given. */
export async function startServer({
  dataDir = mkdtempSync(join(tmpdir(), 'millrace-test-')),
  args = [],
  env = {},
  command = join(import.meta.dirname, '..', '..', 'bin', 'millrace'),
  apiKey,
  readyWithinMs = 60_000,
}: {
  dataDir?: string
  args?: string[]
  env?: Record<string, string>
  command?: string
  /** One that was made before: making one needs the main database. */
  apiKey?: string
  readyWithinMs?: number
} = {}): Promise<TestServer> {
  const runPath = join(dataDir, 'run.json')
  rmSync(runPath, { force: true })
  const child = spawn(
    command,
    ['up', '--data-dir', dataDir, '--port', '0', '--admin-port', '0', '--log-format', 'json', ...args],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    },
  )
  let log = ''
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (part: string) => {
      log += part
    })
  }
  const run = await waitForRun(child, runPath, () => log, readyWithinMs).catch((error: unknown) => {
    // Nobody else could end it: the test that wanted it has failed already.
    child.kill('SIGKILL')
    throw error
  })
  const ask = (method: string, path: string) => askAdmin(run.adminSocket, method, path)
  const makeKey = async (kind: string) =>
    ((await ask('POST', `/keys?kind=${kind}&name=test`)) as { apikey: string }).apikey
  // The line with what a first start made may still be on its way through the pipe when run.json is there.
  for (let tries = 0; !log.includes('"msg":"ready"') && tries < 300; tries++)
    await new Promise((resolve) => setTimeout(resolve, 20))
  const first = log.split('\n').find((line) => line.includes('"firstAccount"'))
  return {
    ...run,
    dataDir,
    apiKey: apiKey ?? (await makeKey('master')),
    firstAccount: first === undefined ? undefined : JSON.parse(first).firstAccount,
    log: () => log,
    processes: async () => ((await ask('GET', '/processes')) as { processes: [] }).processes,
    routes: async () => (await ask('GET', '/routes')) as [],
    makeKey,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
      child.kill('SIGTERM')
      const [code] = await once(child, 'exit')
      return code as number | null
    },
    async kill() {
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    },
    remove: () => rmSync(dataDir, { recursive: true, force: true }),
  }
}

type Run = { pid: number; url: string; adminUrl: string; gatewayUrl: string; adminSocket: string }

async function waitForRun(
  child: ChildProcess,
  runPath: string,
  log: () => string,
  withinMs: number,
): Promise<Run> {
  const endMs = performance.now() + withinMs
  for (;;) {
    if (existsSync(runPath)) return JSON.parse(readFileSync(runPath, 'utf8')) as Run
    if (child.exitCode !== null || child.signalCode !== null || performance.now() > endMs)
      throw new Error(`the server did not become ready:\n${log()}`)
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
}

function askAdmin(socketPath: string, method: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method, path }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(text))
        else reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`))
      })
    })
    call.on('error', reject)
    call.end()
  })
}
