import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { readCatalogSettings } from '../catalog/index.ts'
import { readMigrations } from '../database/index.ts'
import {
  type CheckState,
  type Finding,
  type Progress,
  type RebuildReport,
  type Report,
  rebuildCatalog,
} from '../fsck/index.ts'
import { createLog, type Environment, randomIds, systemClock } from '../kernel/index.ts'
import { createLocalStore } from '../storage/index.ts'
import { openEmptyDatabase } from './backup-commands.ts'
import { dataDirectory, readServerSettings } from './config.ts'
import { serverErrors } from './errors.ts'
import { askAdmin, notRunning, type Run, runningServer } from './local-commands.ts'
import { lockDataDirectory } from './lock.ts'
import { catalogSpoolName, nodeIdentity } from './node-identity.ts'
import { progressLine } from './terminal.ts'

const LOOK_EVERY_MS = 200

/** `millrace fsck`: carried out by the running core; this only looks on. Exit code 0 when there is nothing to complain about. */
export async function fsck(env: Environment): Promise<number> {
  if (env.MILLRACE_FSCK_REBUILD_CATALOG === 'true') return rebuild(env)
  const run = await runningServer(env)
  if (!run) return notRunning(env)
  const query = new URLSearchParams({
    deep: env.MILLRACE_FSCK_DEEP ?? 'false',
    mend: env.MILLRACE_FSCK_MEND ?? 'false',
    forgetMissing: env.MILLRACE_FSCK_FORGET_MISSING ?? 'false',
  })
  const started = await askAdmin(run, 'POST', `/fsck?${query}`)
  if (started.status !== 200) return failed((started.body as { error: string }).error)
  const state = await follow(run, env)
  if (env.MILLRACE_JSON === 'true') process.stdout.write(`${JSON.stringify(state)}\n`)
  if (state.state !== 'done')
    return failed(state.state === 'failed' ? state.message : 'core was restarted meanwhile')
  if (env.MILLRACE_JSON !== 'true') print(state.report)
  const { error, warning } = state.report.counts
  return error + warning === 0 ? 0 : 1
}

async function follow(run: Run, env: Environment): Promise<CheckState> {
  const line = progressLine(env.MILLRACE_JSON === 'true')
  for (;;) {
    const { status, body } = await askAdmin(run, 'GET', '/fsck')
    if (status !== 200) throw serverErrors.supervisor_unreachable((body as { error: string }).error)
    const state = body as CheckState
    if (state.state !== 'running') {
      line.end()
      return state
    }
    if (state.progress !== undefined) line.show(describe(state.progress), shareOf(state.progress))
    await pause(LOOK_EVERY_MS)
  }
}

function describe({ phase, done, total }: Progress): string {
  return `${phase}: ${count(done)} of ${count(Math.max(done, total))}`
}

/** The rows first, then the files: about half of the work each. */
function shareOf({ phase, done, total }: Progress): number {
  const share = total === 0 ? 0 : Math.min(0.99, done / total)
  return phase === 'catalog' ? share / 2 : phase === 'tables' ? 0.5 : 0.5 + share / 2
}

const SIGN: Record<Finding['severity'], string> = { error: '✕', warning: '!', note: '·' }

function print({ findings, counts, chunks, objects, mended }: Report): void {
  for (const { severity, subject, message, mend, mended: isMended } of findings)
    process.stdout.write(
      `${isMended ? '✓' : SIGN[severity]} ${subject} ${message}${mend === undefined ? '' : ` (${mend})`}\n`,
    )
  const all = counts.error + counts.warning + counts.note + counts.mended
  if (all > findings.length) process.stdout.write(`… and ${count(all - findings.length)} more\n`)
  const done = [
    mended.files > 0 ? `removed ${count(mended.files)} files (${megabytes(mended.bytes)})` : '',
    mended.chunks > 0 ? `gave up ${count(mended.chunks)} chunks with ${count(mended.rows)} rows` : '',
  ].filter(Boolean)
  process.stdout.write(
    `${count(chunks.live)} chunks with ${count(chunks.rows)} rows (${megabytes(chunks.bytes)}), ${count(chunks.retired)} retired; ` +
      `${count(objects.count)} files (${megabytes(objects.bytes)}), ${count(objects.unfinished)} of work under way.\n` +
      (done.length > 0 ? `Mended: ${done.join(', ')}.\n` : '') +
      `${count(counts.error)} errors, ${count(counts.warning)} warnings, ${count(counts.note)} notes.\n`,
  )
}

/** `millrace fsck --rebuild-catalog`: while nothing runs on the data directory. Exit code 1 when something is left undecided. */
async function rebuild(env: Environment): Promise<number> {
  const settings = readServerSettings(env)
  const dataDir = dataDirectory(settings)
  // A directory of that name without objects is a typing error, not something to make a catalog in.
  if (!existsSync(join(dataDir, 'objects')))
    throw serverErrors.data_directory_unusable(`${dataDir} has no objects: is it the right one?`)
  const release = await lockDataDirectory(dataDir, { now: systemClock.now(), host: hostname() })
  const line = progressLine(env.MILLRACE_JSON === 'true')
  const log = createLog({ process: 'fsck', level: 'error', write: (text) => process.stderr.write(text) })
  try {
    const { ownerEmail: email, ownerName: name, ownerPassword: password } = readCatalogSettings(env)
    const report = await rebuildCatalog({
      dataDir,
      objects: await createLocalStore(dataDir),
      spools: spoolsOf(dataDir),
      openDatabase: () => openEmptyDatabase(settings.databaseUrl, dataDir),
      migrations: await readMigrations(),
      owner: { email, name, password },
      ids: randomIds,
      clock: systemClock,
      log,
      onProgress: ({ phase, done, total }) =>
        line.show(
          phase === 'files' ? `${count(done)} chunks read` : `table ${count(done)} of ${count(total)}`,
          phase === 'files' ? 0 : done / total,
        ),
    })
    line.end()
    if (env.MILLRACE_JSON === 'true') process.stdout.write(`${jsonOf(report)}\n`)
    else printRebuilt(report, dataDir)
    return report.undecided.length === 0 ? 0 : 1
  } finally {
    release()
  }
}

function spoolsOf(dataDir: string): { name: string; directory: string }[] {
  const root = join(dataDir, 'spool')
  mkdirSync(root, { recursive: true, mode: 0o700 })
  const node = nodeIdentity(dataDir, randomIds)
  return readdirSync(root)
    .filter((name) => /^ingest-\d+$/.test(name))
    .map((name) => ({ name: catalogSpoolName(node, name), directory: join(root, name) }))
}

function printRebuilt(report: RebuildReport, dataDir: string): void {
  const { owners, databases, tables, chunks, rows, fates, snapshotAt } = report
  for (const { path, why } of report.undecided) process.stdout.write(`✕ ${path} was not taken: ${why}\n`)
  for (const warning of report.warnings) process.stdout.write(`! ${warning}\n`)
  for (const path of report.foreign) process.stdout.write(`· ${path} is of a kind that nobody here writes\n`)
  for (const table of report.deleted) process.stdout.write(`· table ${table} is there as a deleted one\n`)
  process.stdout.write(
    `The catalog is made anew: ${count(databases)} databases, ${count(tables)} tables, ${count(chunks)} chunks with ${count(rows)} rows.\n` +
      `Of the other files ${count(fates.replaced)} were replaced or deleted, ${count(fates.unfinished)} never finished, ` +
      `${count(fates.again)} will be loaded again from the spool, ${count(fates.undecided)} are kept for you to look at.\n` +
      (snapshotAt === undefined
        ? 'There was no snapshot to go by: names are those of the newest chunks, and what was deleted lately is back.\n'
        : `Users, keys, names and deletions are those of the snapshot of ${snapshotAt}.\n`),
  )
  for (const { email, password, masterKey } of owners)
    process.stdout.write(
      `\n  Shown once:\n  Owner       ${email}\n${password === undefined ? '' : `  Password    ${password}\n`}  Master key  ${masterKey}\n`,
    )
  process.stdout.write(`\nStart it with 'millrace up --data-dir ${dataDir}'.\n`)
}

function jsonOf(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? String(one) : one))
}

function failed(message: string): number {
  process.stderr.write(`millrace: the check did not end: ${message}\n`)
  return 1
}

function count(n: number): string {
  return n.toLocaleString('en')
}

function megabytes(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`
}
