import { randomBytes } from 'node:crypto'
import { realpathSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Context } from '../context.ts'
import { CliError, failure, usageError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import type { ChunkLimits } from './chunks.ts'
import { type Format, formatOfContent, type Reading } from './formats.ts'
import {
  type Acknowledged,
  beginJournal,
  type Head,
  type Journal,
  journalPath,
  openJournal,
  readJournal,
  stateDirectory,
  sweepJournals,
  type Written,
} from './journal.ts'
import { type Plan, planImport, type Wish } from './plan.ts'
import { createRejections } from './rejected.ts'
import { type RunDeps, runImport, type Tally } from './run.ts'
import { fileBlocks, fingerprintOf, openFile, readSource } from './source.ts'
import { SourceError } from './types.ts'

export type Target = { endpoint: string; database: string; table: string }

export type FileWish = {
  wish: Wish
  /** A name of the import, instead of the path: the same rows under it are the same import, wherever the file lies. */
  name: string | undefined
  saveRejected: boolean
  parallel: number
  limits: ChunkLimits
}

export type FileReport = {
  file: string
  rows: number
  rejected: number
  /** Of the rows, those that were stored by an earlier run. */
  rows_before: number
  bytes: number
  already: boolean
}

type Deps = Pick<Context, 'signal' | 'now' | 'env' | 'progress' | 'terminal'> & {
  target: Target
  /** undefined: by the content. */
  reading(format: Format | undefined): Reading | undefined
  store: RunDeps['store']
  onProgress(tally: Tally, file: { name: string; readBytes: number; totalBytes: number | undefined }): void
  /** Before anything is sent. @returns the identity of the target, where it can be asked */
  prepare(): Promise<string | undefined>
  /** Of what was acknowledged, whether the target still has it; without it: certainly. */
  has?(chunk: Acknowledged): boolean
  /** The source is sent from its beginning, and was sent before. */
  startOver?(): Promise<void>
}

/**
 * Imports one file, or standard input (`-`). What an earlier run had stored is gone on from.
 * @throws usage (2) · failed (1) · away (3) · interrupted (130)
 */
export async function importFile(path: string, wish: FileWish, deps: Deps): Promise<FileReport> {
  const name = path === '-' ? 'standard input' : basename(path)
  const opened = await open(path)
  const tally: { last: Tally | undefined } = { last: undefined }
  try {
    return await importOpened(path, name, opened, wish, {
      ...deps,
      onProgress(now, file) {
        tally.last = { ...now }
        deps.onProgress(now, file)
      },
    })
  } catch (error) {
    throw explained(error, {
      name,
      path,
      rows: tally.last?.rows ?? 0,
      isResumable: !isPipe(opened) || wish.name !== undefined,
      deps,
    })
  } finally {
    await opened?.handle.close()
  }
}

type Opened = Awaited<ReturnType<typeof openFile>> | undefined

async function open(path: string): Promise<Opened> {
  if (path === '-') return undefined
  try {
    return await openFile(path)
  } catch (error) {
    throw failure(`${path} cannot be read: ${(error as Error).message}`)
  }
}

async function importOpened(
  path: string,
  name: string,
  opened: Opened,
  wish: FileWish,
  deps: Deps,
): Promise<FileReport> {
  const reading = deps.reading(undefined) ?? deps.reading(await contentFormat(opened))
  if (reading === undefined)
    throw usageError(
      `neither the name nor the first bytes of ${name} tell what it is`,
      'Say it: --format csv, tsv, json, msgpack, apache or syslog.',
    )
  const identity = await deps.prepare()
  const source = wish.name ?? (isPipe(opened) ? undefined : realpathSync(path))
  const fresh: Head = {
    version: 1,
    target: deps.target,
    identity,
    source: source ?? '-',
    fingerprint: opened?.fingerprint,
    reading: JSON.stringify(reading),
    // Whatever comes through a pipe without a name is new; a second event like the first is no repeat of it.
    salt: source === undefined || wish.wish === 'again' ? randomBytes(16).toString('hex') : '',
    limits: wish.limits,
    startedMs: deps.now().getTime(),
    isItsOwnTime: reading.timeValue === 'now',
  }
  if (source === undefined) return send(name, path, opened, fresh, reading, wish, deps)

  const directory = journalDirectory(deps.env)
  const journalFile = journalPath(directory, deps.target, source)
  const before = withoutLost(readJournal(journalFile), deps.has)
  const plan = planImport(fresh, before, wish.wish)
  sayPlan(plan, name, deps, before?.lastMs)
  if (plan.kind === 'refuse')
    throw failure(
      `${name} was imported before (${before!.finished === undefined ? 'not to its end' : new Date(before!.finished.atMs).toISOString()}), and ${plan.reason}`,
      '--restart begins at its beginning; of rows that are as they were nothing is stored twice. --again stores all of it once more.',
    )
  if (plan.kind === 'nothing to do')
    return {
      file: path,
      rows: plan.rows,
      rejected: plan.rejected,
      rows_before: plan.rows,
      bytes: opened?.fingerprint?.bytes ?? 0,
      already: true,
    }
  if (plan.kind === 'begin' && plan.isRepeat) await deps.startOver?.()
  if (plan.kind === 'begin' || before!.acknowledged.size === 0)
    writing(() =>
      beginJournal(journalFile, plan.head, plan.kind === 'begin' ? [] : before!.acknowledged.values()),
    )
  writing(() => sweepJournals(directory, deps.now().getTime()))
  const journal = await openJournal(journalFile)
  try {
    const report = await send(name, path, opened, plan.head, reading, wish, deps, { journal, plan })
    await journal.finish({ rows: report.rows, rejected: report.rejected, atMs: deps.now().getTime() })
    return report
  } finally {
    await journal.close()
  }
}

/** What the target has lost is to be sent again. */
function withoutLost(before: Written | undefined, has: Deps['has']): Written | undefined {
  if (before === undefined || has === undefined) return before
  const there = [...before.acknowledged].filter(([, chunk]) => has(chunk))
  if (there.length === before.acknowledged.size) return before
  return { ...before, acknowledged: new Map(there), finished: undefined }
}

type Going = { journal: Journal; plan: Extract<Plan, { kind: 'begin' | 'go on' }> }

async function send(
  name: string,
  path: string,
  opened: Opened,
  head: Head,
  reading: Reading,
  wish: FileWish,
  deps: Deps,
  going?: Going,
): Promise<FileReport> {
  let readBytes = 0
  const raw =
    opened === undefined ? (deps.terminal.stdin as AsyncIterable<Buffer>) : fileBlocks(opened.handle)
  const rejections = createRejections({
    name,
    path: wish.saveRejected ? (path === '-' ? 'stdin.rejected' : `${path}.rejected`) : undefined,
    isText: reading.format !== 'msgpack',
    say: deps.progress.note,
  })
  try {
    const tally = await runImport({
      head,
      reading,
      acknowledged: going?.plan.kind === 'go on' ? going.plan.acknowledged : new Map(),
      known: going?.plan.kind === 'begin' ? going.plan.known : [],
      blocks: readSource(raw, {
        encoding: reading.format === 'msgpack' ? undefined : reading.encoding,
        onRead: (bytes) => {
          readBytes += bytes
        },
      }),
      sourceBytes: () => readBytes,
      checkUnchanged: () => checkUnchanged(name, opened),
      store: deps.store,
      journal: going?.journal ?? { acknowledge: async () => undefined },
      onReject: rejections.add,
      onHeader: rejections.header,
      onProgress: (tally) =>
        deps.onProgress(tally, { name, readBytes, totalBytes: opened?.fingerprint?.bytes }),
      parallel: wish.parallel,
      signal: deps.signal,
    })
    return {
      file: path,
      rows: tally.rows,
      rejected: tally.rejected,
      rows_before: tally.skippedRows,
      bytes: readBytes,
      already: false,
    }
  } finally {
    rejections.close()
  }
}

/** Can be read once, and has no name to be known again by. */
function isPipe(opened: Opened): boolean {
  return opened?.fingerprint === undefined
}

/** Of a pipe it cannot be looked at: what was read is gone. */
async function contentFormat(opened: Opened): Promise<Format | undefined> {
  if (opened === undefined || isPipe(opened)) return undefined
  const { handle } = opened
  const raw = (async function* () {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(65_536), 0, 65_536, 0)
    if (bytesRead > 0) yield buffer.subarray(0, bytesRead)
  })()
  try {
    for await (const block of readSource(raw, { encoding: undefined })) return formatOfContent(block)
  } catch (error) {
    // The first block of a compressed file is cut; what it is shows before that, or it is said when all of it is read.
    if (!(error instanceof SourceError)) throw error
  }
  return undefined
}

async function checkUnchanged(name: string, opened: Opened): Promise<void> {
  if (opened?.fingerprint === undefined) return
  const now = await fingerprintOf(opened.handle)
  if (now.bytes !== opened.fingerprint.bytes || now.modifiedMs !== opened.fingerprint.modifiedMs)
    throw new SourceError(`${name} was written to while it was read`)
}

function journalDirectory(env: Context['env']): string {
  const state = stateDirectory(env)
  if (state === undefined)
    throw usageError(
      'there is no place for the journal of imports: neither HOME nor XDG_STATE_HOME is set',
      'It says what was stored, so that an import can be gone on with: XDG_STATE_HOME=/some/directory.',
    )
  return join(state, 'imports')
}

function writing<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw failure(
      `the journal of the import cannot be written: ${(error as Error).message}`,
      'It says what was stored, so that an import can be gone on with. Another place: XDG_STATE_HOME=/some/directory.',
    )
  }
}

const IDS_KEPT_MS = 7 * 86_400_000

function sayPlan(plan: Plan, name: string, { progress, now }: Deps, lastMs: number | undefined): void {
  if (plan.kind === 'nothing to do')
    progress.note(
      `${name}: all ${rowsText(plan.rows)} were stored on ${new Date(plan.atMs).toISOString()}; nothing to do (--again stores them once more)`,
    )
  if (plan.kind !== 'go on') return
  const rows = [...plan.acknowledged.values()].reduce((sum, one) => sum + one.rows, 0)
  if (rows > 0) progress.note(`${name}: going on; ${rowsText(rows)} stored already`)
  if (lastMs !== undefined && now().getTime() - lastMs > IDS_KEPT_MS)
    progress.note(
      `${name}: the last run was more than 7 days ago; what was under way when it ended may be stored a second time, because servers forget ids after that time`,
    )
}

type Place = { name: string; path: string; rows: number; isResumable: boolean; deps: Pick<Deps, 'signal'> }

/** What happened, how far it came, and what to do next. */
function explained(error: unknown, { name, rows, isResumable, deps }: Place): unknown {
  const stored = `${rowsText(rows)} of ${name} ${rows === 1 ? 'is' : 'are'} stored`
  const goOn = isResumable
    ? 'The same command goes on from there.'
    : 'What comes through a pipe cannot be gone on with, unless it was given a name (--import-name).'
  if (deps.signal.aborted)
    return new CliError(`interrupted; ${stored}`, {
      code: 'interrupted',
      exitCode: EXIT.interrupted,
      help: goOn,
      details: { rows },
    })
  if (error instanceof SourceError)
    return failure(
      `${name}: ${error.message}`,
      `${stored}, none of them twice. Once it is mended, --restart begins anew and stores only what is missing.`,
      { rows },
    )
  // The disk of the file, or that of the journal.
  if (error instanceof Error && 'syscall' in error)
    return failure(`${name}: ${error.message}`, `${stored}. ${goOn}`, { rows })
  if (!(error instanceof CliError) || error.exitCode === EXIT.usage) return error
  const isAway = error.exitCode === EXIT.away || error.exitCode === EXIT.unknown
  return new CliError(`${name}: ${error.message}`, {
    code: isAway ? 'away' : error.code,
    // Not knowing about a chunk is no harm: it comes again under the same id.
    exitCode: isAway ? EXIT.away : error.exitCode,
    help: [isAway ? undefined : error.help, rows > 0 ? `${stored}. ${goOn}` : isAway ? goOn : undefined]
      .filter(Boolean)
      .join('\n'),
    details: { ...error.details, rows },
    cause: error,
  })
}

function count(n: number): string {
  return n.toLocaleString('en')
}

export function rowsText(n: number): string {
  return `${count(n)} row${n === 1 ? '' : 's'}`
}
