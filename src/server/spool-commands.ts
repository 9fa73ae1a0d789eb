import { existsSync, readdirSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { decodeMulti } from '@msgpack/msgpack'
import { configErrors, type Environment, systemClock } from '../kernel/index.ts'
import {
  inspectSpool,
  parseSpoolPosition,
  pendingRecords,
  type SpooledRecord,
  type SpoolSummary,
  spoolPositionText,
} from '../spool/index.ts'
import { dataDirectory, readServerSettings } from './config.ts'
import { serverErrors } from './errors.ts'

const SHOWN_REQUESTS = 10
const SHOWN_RECORDS = 5
/** A body is looked into only up to here: an exploding one must not take the operator's terminal with it. */
const MOST_EXPANDED_BYTES = 64 * 1024 * 1024

/** `millrace spool ls | show | export`: reads the files, whether Millrace runs or not, and changes nothing in them. */
export async function spool(env: Environment, words: string[]): Promise<number> {
  const [verb, name, extra] = words
  const dataDir = dataDirectory(readServerSettings(env))
  if (verb === 'ls' && name === undefined) return list(env, dataDir)
  if (verb === 'show' && name !== undefined) return show(env, directoryOf(dataDir, name), extra)
  if (verb === 'export' && name !== undefined && extra !== undefined)
    return exportTo(env, directoryOf(dataDir, name), resolve(extra))
  throw serverErrors.unknown_option(
    "usage: millrace spool ls | show SPOOL [POSITION] | export SPOOL DIR; see 'millrace help spool'",
  )
}

export function spoolsOf(dataDir: string): string[] {
  const root = join(dataDir, 'spool')
  if (!existsSync(root))
    throw serverErrors.data_directory_unusable(`${dataDir} has no spools: is it the right one?`)
  return readdirSync(root)
    .filter((name) => /^ingest-\d+$/.test(name))
    .sort()
}

function directoryOf(dataDir: string, name: string): string {
  const names = spoolsOf(dataDir)
  if (!names.includes(name))
    throw serverErrors.unknown_option(`no spool called '${name}'; there are: ${names.join(', ') || 'none'}`)
  return join(dataDir, 'spool', name)
}

async function list(env: Environment, dataDir: string): Promise<number> {
  const rows: ({ spool: string } & SpoolSummary)[] = []
  for (const name of spoolsOf(dataDir))
    rows.push({ spool: name, ...(await inspectSpool(join(dataDir, 'spool', name), systemClock)) })
  if (env.MILLRACE_JSON === 'true') process.stdout.write(`${JSON.stringify(rows)}\n`)
  else for (const row of rows) process.stdout.write(`${lineOf(row)}\n`)
  return rows.some(({ damaged }) => damaged.length > 0) ? 1 : 0
}

function lineOf({ spool: name, ...summary }: { spool: string } & SpoolSummary): string {
  const { records, bytes, oldestReceivedAtMs, segments, damaged, quarantined, released } = summary
  const age =
    oldestReceivedAtMs === undefined
      ? ''
      : `, oldest ${((systemClock.now().getTime() - oldestReceivedAtMs) / 1000).toFixed(1)} s`
  const trouble = [
    damaged.length > 0 ? `✕ ${damaged.length} damaged ranges` : '',
    quarantined.length > 0 ? `${quarantined.length} files in quarantine/` : '',
  ].filter(Boolean)
  const from = released === undefined ? 'the beginning' : spoolPositionText(released)
  return [
    `${name}  ${records.toLocaleString('en')} requests to load (${(bytes / 1e6).toFixed(1)} MB${age})`,
    `${segments.length} segments, loaded up to ${from}`,
    ...trouble,
  ].join(' · ')
}

function limitOf(env: Environment, otherwise: number): number {
  const text = env.MILLRACE_SPOOL_LIMIT ?? ''
  if (text === '') return otherwise
  if (!/^[1-9]\d*$/.test(text))
    throw configErrors.setting_invalid(`--limit ${text} (expected a number from 1)`)
  return Number(text)
}

async function show(env: Environment, directory: string, position: string | undefined): Promise<number> {
  const from = position === undefined ? undefined : parseSpoolPosition(position)
  const limit = limitOf(env, SHOWN_REQUESTS)
  let shown = 0
  for await (const spooled of pendingRecords(directory, { clock: systemClock, from })) {
    if (shown++ === limit) break
    const about = aboutOf(spooled)
    const content = contentOf(spooled)
    if (env.MILLRACE_JSON === 'true') process.stdout.write(`${jsonOf({ ...about, ...content })}\n`)
    else
      process.stdout.write(
        `${about.position}  ${about.receivedAt}  ${about.kind}  ${about.database}.${about.table}  ${about.bytes.toLocaleString('en')} bytes` +
          `${about.uniqueId === '' ? '' : `  id ${about.uniqueId}`}\n` +
          `    ${jsonOf(about.facts)}\n${content.lines.map((line) => `    ${line}\n`).join('')}`,
      )
  }
  if (shown === 0 && env.MILLRACE_JSON !== 'true') process.stdout.write('Nothing waits to be loaded.\n')
  return 0
}

/** Each body as it was received, and a line that says what it is and how it would be sent again. */
async function exportTo(env: Environment, directory: string, target: string): Promise<number> {
  await mkdir(target, { recursive: true, mode: 0o700 })
  if (readdirSync(target).length > 0)
    throw serverErrors.unknown_option(`${target} is not empty: name a new directory`)
  const limit = limitOf(env, Number.POSITIVE_INFINITY)
  const lines: string[] = []
  for await (const spooled of pendingRecords(directory, { clock: systemClock })) {
    if (lines.length >= limit) break
    const about = aboutOf(spooled)
    const file = `${about.position.replace(':', '-')}.${about.kind === 'import' ? 'msgpack.gz' : 'json'}`
    await writeFile(join(target, file), spooled.record.body, { mode: 0o600, flag: 'wx' })
    lines.push(jsonOf({ ...about, file }))
  }
  await writeFile(join(target, 'records.ndjson'), lines.map((line) => `${line}\n`).join(''), {
    mode: 0o600,
    flag: 'wx',
  })
  if (env.MILLRACE_JSON === 'true')
    process.stdout.write(`${JSON.stringify({ directory: target, requests: lines.length })}\n`)
  else
    process.stdout.write(
      `${lines.length.toLocaleString('en')} requests in ${target}; records.ndjson says what each is.\n`,
    )
  return 0
}

function aboutOf({ position, record }: SpooledRecord) {
  const { kind, receivedAtMs, accountId, keyId, database, table, tableId, uniqueId, facts, body } = record
  return {
    position: spoolPositionText(position),
    kind,
    receivedAt: new Date(receivedAtMs).toISOString(),
    accountId,
    keyId,
    database,
    table,
    tableId,
    uniqueId,
    facts,
    bytes: body.length,
  }
}

/** The first records of a body as JSON; why not, where it cannot be read. */
function contentOf({ record: { kind, facts, body } }: SpooledRecord): { lines: string[] } {
  try {
    const isPacked = body[0] === 0x1f && body[1] === 0x8b
    const bytes = isPacked ? gunzipSync(body, { maxOutputLength: MOST_EXPANDED_BYTES }) : body
    if (kind !== 'import') return { lines: [cut(bytes.toString('utf8'))] }
    const lines: string[] = []
    for (const value of decodeMulti(bytes, { useBigInt64: true })) {
      if (lines.length === SHOWN_RECORDS) {
        lines.push('…')
        break
      }
      lines.push(cut(jsonOf(value)))
    }
    return { lines }
  } catch (error) {
    return {
      lines: [`cannot be read: ${(error as Error).message} (${facts['content-encoding'] ?? 'as received'})`],
    }
  }
}

function cut(text: string): string {
  return text.length > 400 ? `${text.slice(0, 400)}…` : text
}

/** JSON with 64-bit integers as digits and bytes as hex. */
function jsonOf(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) => {
    if (typeof one === 'bigint') return Number.isSafeInteger(Number(one)) ? Number(one) : String(one)
    if (one instanceof Uint8Array) return `0x${Buffer.from(one).toString('hex')}`
    return one
  })
}
