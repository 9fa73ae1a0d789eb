import { existsSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Environment } from '../kernel/index.ts'
import { dataDirectory, readServerSettings } from './config.ts'
import { serverErrors } from './errors.ts'
import { runningHolder } from './lock.ts'

export type Run = { pid: number; url: string; adminUrl: string; adminSocket: string }
type ProcessView = {
  name: string
  pid?: number
  state: string
  ready: boolean
  restarts: number
  reason?: string
}

/** `millrace status`: one line per process. Exit code 0 when all are ready. */
export async function status(env: Environment): Promise<number> {
  const run = await runningServer(env)
  if (!run) return notRunning(env)
  const { body } = await askAdmin(run, 'GET', '/processes')
  const { processes } = body as { processes: ProcessView[] }
  if (env.MILLRACE_JSON === 'true') process.stdout.write(`${JSON.stringify({ ...run, processes })}\n`)
  else {
    process.stdout.write(`Millrace at ${run.url} (supervisor ${run.pid})\n\n`)
    const width = Math.max(...processes.map(({ name }) => name.length))
    for (const { name, pid, state, ready, restarts, reason } of processes) {
      const detail = [
        pid === undefined ? '' : `pid ${pid}`,
        restarts > 0 ? `${restarts} restarts` : '',
        ready ? '' : (reason ?? ''),
      ]
      process.stdout.write(
        `${ready ? '●' : '✕'} ${name.padEnd(width)}  ${state.padEnd(9)} ${detail.filter(Boolean).join(', ')}\n`,
      )
    }
  }
  return processes.every(({ ready }) => ready) ? 0 : 1
}

/** `millrace key:create`: the key on standard output, nothing else, so that scripts can take it. */
export async function createKey(
  env: Environment,
  [name = 'made on this machine']: string[],
): Promise<number> {
  const run = await runningServer(env)
  if (!run) return notRunning(env)
  const query = new URLSearchParams({ kind: env.MILLRACE_KEY_KIND ?? 'master', name })
  const { status, body } = await askAdmin(run, 'POST', `/keys?${query}`)
  if (status !== 200) {
    process.stderr.write(`millrace: no key was made: ${(body as { error: string }).error}\n`)
    return 1
  }
  process.stdout.write(`${(body as { apikey: string }).apikey}\n`)
  return 0
}

export async function runningServer(env: Environment): Promise<Run | undefined> {
  const dataDir = dataDirectory(readServerSettings(env))
  const path = join(dataDir, 'run.json')
  try {
    // One that was killed could not take its run.json away.
    if ((await runningHolder(dataDir, hostname())) === undefined) return undefined
    return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Run) : undefined
  } catch (error) {
    throw serverErrors.data_directory_unusable(`${dataDir}: ${(error as Error).message}`, error)
  }
}

export async function notRunning(env: Environment): Promise<number> {
  const dataDir = dataDirectory(readServerSettings(env))
  const holder = await runningHolder(dataDir, hostname())
  if (holder !== undefined) {
    process.stderr.write(`millrace: process ${holder.pid} on ${dataDir} is starting or stopping; ask again\n`)
    return 1
  }
  process.stderr.write(
    `millrace: no Millrace is running on ${dataDir}. Start it with 'millrace up', or name another with --data-dir.\n`,
  )
  return 1
}

export function askAdmin(run: Run, method: string, path: string): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: run.adminSocket, method, path }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }))
    })
    call.on('error', (error) =>
      reject(serverErrors.supervisor_unreachable(`${run.pid}: ${error.message}`, error)),
    )
    call.end()
  })
}
