import { mkdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type BackupState, type Progress, restoreBackup, verifyBackup } from '../backup/index.ts'
import { parseDatabaseUrl, readMigrations, startEmbedded } from '../database/index.ts'
import { configErrors, createLog, type Environment, randomIds, systemClock } from '../kernel/index.ts'
import { dataDirectory, readServerSettings } from './config.ts'
import { claimFormat } from './data-format.ts'
import { serverErrors } from './errors.ts'
import { askAdmin, notRunning, type Run, runningServer } from './local-commands.ts'
import { lockDataDirectory } from './lock.ts'
import { removeRunDirectory, runDirectory } from './run-directory.ts'
import { progressLine } from './terminal.ts'

const LOOK_EVERY_MS = 300

/** `millrace backup DIR`: carried out by the running core; this only looks on. */
export async function backup(env: Environment, [directory = '']: string[]): Promise<number> {
  const run = await runningServer(env)
  if (!run) return notRunning(env)
  const query = new URLSearchParams({ place: resolve(directory) })
  const keep = env.MILLRACE_BACKUP_KEEP
  if (keep !== undefined && keep !== '') {
    if (!/^[1-9]\d*$/.test(keep))
      throw configErrors.setting_invalid(`--keep ${keep} (expected a number from 1)`)
    query.set('keep', keep)
  }
  const started = await askAdmin(run, 'POST', `/backup?${query}`)
  if (started.status !== 200) return failed((started.body as { error: string }).error)
  const state = await followBackup(run, env)
  if (env.MILLRACE_JSON === 'true') process.stdout.write(`${JSON.stringify(state)}\n`)
  if (state.state !== 'done')
    return failed(state.state === 'failed' ? state.message : 'core was restarted meanwhile')
  if (env.MILLRACE_JSON === 'true') return 0
  const { id, rows, objects } = state.manifest
  process.stdout.write(
    `Backup ${id} in ${state.place}: ${rows.toLocaleString('en')} database rows, ${objects.count.toLocaleString('en')} objects, ${megabytes(objects.bytes)}.\n` +
      `Check it with 'millrace verify ${state.place}'; bring it back with 'millrace restore ${state.place} --data-dir NEW'.\n`,
  )
  return 0
}

async function followBackup(run: Run, env: Environment): Promise<BackupState> {
  const line = progressLine(env.MILLRACE_JSON === 'true')
  for (;;) {
    const { status, body } = await askAdmin(run, 'GET', '/backup')
    if (status !== 200) throw serverErrors.supervisor_unreachable((body as { error: string }).error)
    const state = body as BackupState
    if (state.state !== 'running') {
      line.end()
      return state
    }
    if (state.progress !== undefined) line.show(describe(state.progress), shareOf(state.progress))
    await pause(LOOK_EVERY_MS)
  }
}

function describe({ phase, tables, objects, bytes }: Progress): string {
  if (phase === 'database') return `database: table ${tables.done} of ${tables.total}`
  if (phase === 'objects')
    return `objects: ${objects.done.toLocaleString('en')} of ${objects.total.toLocaleString('en')}, ${megabytes(bytes.done)} of ${megabytes(bytes.total)}`
  return phase
}

function shareOf({ phase, tables, bytes, objects }: Progress): number {
  if (phase === 'database') return tables.total === 0 ? 0 : tables.done / tables.total
  if (phase === 'objects')
    return bytes.total > 0 ? bytes.done / bytes.total : objects.done / Math.max(1, objects.total)
  return 1
}

/** `millrace verify DIR [ID]`: exit code 0 when every byte is what was written. */
export async function verify(env: Environment, [directory = '', id]: string[]): Promise<number> {
  const line = progressLine(env.MILLRACE_JSON === 'true')
  const { manifest, problems } = await verifyBackup(resolve(directory), {
    id,
    quick: env.MILLRACE_BACKUP_QUICK === 'true',
    onProgress: (done, total) =>
      line.show(`objects: ${done.toLocaleString('en')} of ${total.toLocaleString('en')}`, done / total),
  })
  line.end()
  if (env.MILLRACE_JSON === 'true')
    process.stdout.write(`${JSON.stringify({ id: manifest.id, takenAt: manifest.takenAt, problems })}\n`)
  else if (problems.length === 0)
    process.stdout.write(
      `Backup ${manifest.id} is whole: ${manifest.tables.length} tables, ${manifest.objects.count.toLocaleString('en')} objects, ${megabytes(manifest.objects.bytes)}.\n`,
    )
  else for (const problem of problems) process.stderr.write(`✕ ${problem}\n`)
  return problems.length === 0 ? 0 : 1
}

/** `millrace restore DIR [ID]`: into an empty data directory, while nothing runs on it. */
export async function restore(env: Environment, [directory = '', id]: string[]): Promise<number> {
  const settings = readServerSettings(env)
  const dataDir = dataDirectory(settings)
  mkdirSync(dataDir, { recursive: true, mode: 0o711 })
  const release = await lockDataDirectory(dataDir, { now: systemClock.now(), host: hostname() })
  const line = progressLine(env.MILLRACE_JSON === 'true')
  try {
    const manifest = await restoreBackup({
      place: resolve(directory),
      id,
      dataDir,
      migrations: await readMigrations(),
      ids: randomIds,
      log: errorsOnly(),
      openDatabase: () => openEmptyDatabase(settings.databaseUrl, dataDir),
      onProgress: (progress) => line.show(describe(progress), shareOf(progress)),
      signal: AbortSignal.any([]),
    })
    claimFormat(dataDir)
    line.end()
    if (env.MILLRACE_JSON === 'true')
      process.stdout.write(`${JSON.stringify({ id: manifest.id, dataDir })}\n`)
    else
      process.stdout.write(
        `Backup ${manifest.id} is back in ${dataDir}. Start it with 'millrace up --data-dir ${dataDir}'.\n` +
          `It is the state of ${manifest.takenAt}; what was collected later is not in it.\n`,
      )
    return 0
  } finally {
    release()
    await removeRunDirectory(runDirectory(dataDir))
  }
}

/** The server of a data directory, or an external one: where there is nothing yet. */
export async function openEmptyDatabase(databaseUrl: string | undefined, dataDir: string) {
  if (databaseUrl !== undefined)
    return { address: parseDatabaseUrl(databaseUrl), stop: async () => undefined }
  const socketDirectory = join(runDirectory(dataDir), 'pg')
  mkdirSync(socketDirectory, { recursive: true, mode: 0o700 })
  const embedded = await startEmbedded({
    dataDir,
    runDir: socketDirectory,
    clock: systemClock,
    log: errorsOnly(),
    ids: randomIds,
  })
  return { address: embedded.address, database: 'millrace', stop: () => embedded.stop() }
}

/** What goes well is told by the progress line. */
function errorsOnly() {
  return createLog({ process: 'restore', level: 'error', write: (line) => process.stderr.write(line) })
}

function failed(message: string): number {
  process.stderr.write(`millrace: no backup was taken: ${message}\n`)
  return 1
}

function megabytes(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`
}
