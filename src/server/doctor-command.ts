import { hostname } from 'node:os'
import { join } from 'node:path'
import { readArchiveSettings } from '../archive/index.ts'
import { readDiskSettings } from '../disk/index.ts'
import {
  type Examined,
  examine,
  type Finding,
  type ProcessView,
  thisMachine,
  verdictOf,
  type Wanted,
  type World,
} from '../doctor/index.ts'
import { jobSettings } from '../jobs/index.ts'
import { AppError, createLog, type Environment, systemClock } from '../kernel/index.ts'
import { readQuerySettings } from '../query/index.ts'
import { checkAllSettings, settingVariables } from './all-settings.ts'
import { COMMANDS } from './command-line.ts'
import { dataDirectory, readServerSettings } from './config.ts'
import { askAdmin, runningServer } from './local-commands.ts'
import { lockState } from './lock.ts'

/** What one of our processes needs besides what its work is given. */
const PROCESS_BYTES = 120 * 2 ** 20
/** What each role holds at most; those of `openDatabase` in `roles/`, and one that watches. */
const CONNECTIONS = { core: 16, loader: 4, worker: 6, archivist: 4, watching: 2 }

/** `millrace doctor`: looks, and changes nothing. Exit code 0 sound, 1 with a warning, 2 with an error. */
export async function doctor(env: Environment): Promise<number> {
  const examined = await examine(await worldOf(env))
  const code = verdictOf(examined)
  if (env.MILLRACE_JSON === 'true')
    process.stdout.write(`${JSON.stringify({ verdict: VERDICTS[code], checks: examined })}\n`)
  else process.stdout.write(textOf(examined, env.MILLRACE_DOCTOR_ALL === 'true'))
  return code
}

const VERDICTS = ['sound', 'warning', 'error'] as const

async function worldOf(env: Environment): Promise<World> {
  const dataDir = placeOf(env)
  const holder = await holderOf(dataDir)
  const run =
    holder.verdict === 'alive' ? await runningServer({ ...env, MILLRACE_DATA_DIR: dataDir }) : undefined
  return {
    env,
    dataDir,
    wanted: wantedOf(env, dataDir),
    knownVariables: [...settingVariables(), ...commandVariables()],
    holder,
    run: run && {
      pid: run.pid,
      url: run.url,
      processes: async () =>
        ((await askAdmin(run, 'GET', '/processes')).body as { processes: ProcessView[] }).processes,
    },
    machine: thisMachine,
    clock: systemClock,
    log: createLog({ process: 'doctor', level: 'fatal', write: () => undefined }),
  }
}

/** What this user may not read is told by the check that needs it. */
async function holderOf(dataDir: string): Promise<World['holder']> {
  try {
    return await lockState(dataDir, hostname())
  } catch (error) {
    return { verdict: 'unreadable', pid: 0, host: (error as Error).message }
  }
}

/** Also where another setting cannot be read. */
function placeOf(env: Environment): string {
  return dataDirectory(readServerSettings({ MILLRACE_DATA_DIR: env.MILLRACE_DATA_DIR }))
}

function wantedOf(env: Environment, dataDir: string): World['wanted'] {
  try {
    checkAllSettings(env)
    return readWanted(env, dataDir)
  } catch (error) {
    if (error instanceof AppError) return { fault: error.message }
    throw error
  }
}

function readWanted(env: Environment, dataDir: string): Wanted {
  const server = readServerSettings(env)
  const { workerProcesses, ingestProcesses, tls, tlsCert = '', tlsKey = '' } = server
  const selfSigned = {
    certificatePath: join(dataDir, 'tls', 'self-signed.pem'),
    keyPath: join(dataDir, 'tls', 'self-signed.key'),
  }
  return {
    host: server.host,
    port: server.port,
    gatewayPort: server.port === 0 && env.MILLRACE_GATEWAY_PORT === undefined ? 0 : server.gatewayPort,
    adminPort: server.adminPort,
    databaseUrl: server.databaseUrl,
    tls:
      tls === 'off'
        ? undefined
        : tls === 'files'
          ? { certificatePath: tlsCert, keyPath: tlsKey }
          : selfSigned,
    isSelfSigned: tls === 'self-signed',
    plainHttp: server.plainHttp,
    publicUrl: server.publicUrl,
    objectsDir: server.objectsDir,
    disk: readDiskSettings(env),
    memoryBytes: memoryOf(env, { workerProcesses, ingestProcesses }),
    connections:
      CONNECTIONS.core +
      CONNECTIONS.archivist +
      CONNECTIONS.watching +
      ingestProcesses * CONNECTIONS.loader +
      workerProcesses * CONNECTIONS.worker,
  }
}

/** Every process, and one query at its limit in each worker; more at once are rare, and are ended one by one where memory is short. */
function memoryOf(
  env: Environment,
  { workerProcesses, ingestProcesses }: { workerProcesses: number; ingestProcesses: number },
): number {
  const { memoryMegabytes } = readQuerySettings(env)
  const processes = 3 + 2 * ingestProcesses + workerProcesses
  const queries = Math.min(workerProcesses, Math.max(1, jobSettings(env).workerConcurrency)) * memoryMegabytes
  return processes * PROCESS_BYTES + (queries + readArchiveSettings(env).memoryMegabytes) * 2 ** 20
}

/** Options of commands, and what the command line itself reads. */
function commandVariables(): string[] {
  const options = Object.values(COMMANDS).flatMap((command) =>
    Object.values(command.options).map(([variable]) => variable),
  )
  return [
    ...options,
    'MILLRACE_API_KEY',
    'MILLRACE_CONFIG_PATH',
    'MILLRACE_ENDPOINT',
    'MILLRACE_IMPORT_ENDPOINT',
    'MILLRACE_WAIT',
  ]
}

const SIGNS: Record<Finding['severity'], string> = { error: '✕', warning: '!', unknown: '?' }

function textOf(examined: readonly Examined[], showsAll: boolean): string {
  const lines: string[] = []
  for (const { name, looks, findings } of examined) {
    if (findings.length === 0 && showsAll) lines.push(`✓ ${name}: ${looks}`)
    for (const { severity, message, means, advice } of findings)
      lines.push(`${SIGNS[severity]} ${name}: ${message}`, `    means: ${means}`, `    do:    ${advice}`)
  }
  const found = examined.flatMap(({ findings }) => findings)
  const count = (severity: Finding['severity'], what: string) => {
    const n = found.filter((one) => one.severity === severity).length
    return n === 0 ? [] : [`${n} ${what}${n === 1 || what.endsWith(' at') ? '' : 's'}`]
  }
  const sum = [
    ...count('error', 'error'),
    ...count('warning', 'warning'),
    ...count('unknown', 'could not be looked at'),
  ]
  lines.push(
    `${examined.length} things were looked at: ${sum.length === 0 ? 'all is sound' : sum.join(', ')}.`,
  )
  return `${lines.join('\n')}\n`
}
